/** A list as an answer: JSON Lines, streamed as it comes. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { NDJSON, asLines } from './ndjson.ts';
import type { Row } from './rows.ts';

export function sendList(
  log: Log,
  reply: FastifyReply,
  source: AsyncIterable<Row> | Iterable<Row>,
): FastifyReply {
  return sendLines(log, reply, asLines(source));
}

/** Likewise, each row as soon as it is there, for one who watches. */
export function sendAtOnce(
  log: Log,
  reply: FastifyReply,
  source: AsyncIterable<Row>,
): FastifyReply {
  return sendLines(log, reply, lines(source));
}

async function* lines(source: AsyncIterable<Row>): AsyncGenerator<string> {
  for await (const row of source) yield `${JSON.stringify(row)}\n`;
}

function sendLines(log: Log, reply: FastifyReply, source: AsyncIterable<string>): FastifyReply {
  const stream = Readable.from(source, { objectMode: false });
  stream.on('error', (error) => {
    // Too late for a 500: the connection breaks off, and only the log can say why.
    if (reply.raw.headersSent) log.emit('crash', { msg: errorText(error) }, 'error');
  });
  return reply.type(NDJSON).send(stream);
}
