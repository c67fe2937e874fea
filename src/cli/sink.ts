/**
 * `sluice sink`: a destination for demonstrations and trials, on npm's smtp-server and so independent
 * of our own protocol code. Listens on loopback, takes every message, prints one JSON line for each
 * and, when asked, appends it to a file in mbox form before it says 250. Recipients with magic local
 * parts make it misbehave, as magic-recipients.ts tells; when it is told whom it knows, others are
 * refused. Delivers nothing anywhere.
 */
import { appendFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerDataStream, SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import { systemClock } from '../base/clock.ts';
import { createIds, messageId } from '../base/ids.ts';
import { listenFault } from '../base/listen-fault.ts';
import { fieldValue, HeaderCollector, headerFields } from '../mail/header.ts';
import { replies } from '../mail/reply.ts';
import { answerToContent, answerToRcpt } from './magic-recipients.ts';

export interface SinkOptions {
  /** 0: one that the system chooses. */
  readonly port: number;
  /** Where messages are kept, in mbox form; absent: nowhere. */
  readonly out?: string;
  /** Addresses it knows, in any letter case; absent: everybody. */
  readonly recipients?: readonly string[];
  /** Takes the JSON lines, each with its line end; absent: standard output. */
  readonly write?: (line: string) => void;
}

export interface RunningSink {
  readonly port: number;
  /** Closes the port and drops the connections, as a destination that goes down does. */
  stop(): Promise<void>;
}

/** Largest message, whole in memory while it is written to the file. */
const MAX_SIZE = 100 * 1024 * 1024;
const MAX_HEADER = 64 * 1024;
const MAX_SUBJECT = 200;
const MAX_CLIENTS = 2000;
/** A client that says nothing for this long is told 421 (RFC 5321 4.5.3.2.7). */
const IDLE_MS = 5 * 60_000;

export async function runSink(options: SinkOptions): Promise<RunningSink> {
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  const ids = createIds(systemClock);
  const keep = options.out === undefined ? undefined : mboxWriter(options.out);
  const sockets = new Set<Socket>();
  const known = options.recipients?.map((address) => address.toLowerCase());

  const take = async (stream: SMTPServerDataStream, session: SMTPServerSession) => {
    const { mailFrom, rcptTo } = session.envelope;
    const from = mailFrom === false ? '' : mailFrom.address;
    const header = new HeaderCollector(MAX_HEADER);
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      header.add(chunk);
      if (keep !== undefined && !stream.sizeExceeded) chunks.push(chunk);
    }
    const id = messageId(ids.session(), 1);
    if (stream.sizeExceeded) return id; // smtp-server refuses it
    const at = new Date(systemClock.now());
    await keep?.(from, at, Buffer.concat(chunks));
    const to = rcptTo.map((recipient) => recipient.address);
    const size = stream.byteLength;
    const line = { v: 1, time: at.toISOString(), id, from, to, size, subject: subjectOf(header) };
    write(`${JSON.stringify(line)}\n`);
    return id;
  };

  const server = new SMTPServer({
    name: 'sink.test',
    disabledCommands: ['AUTH', 'STARTTLS', 'WIZ', 'SHELL', 'KILL'],
    hideENHANCEDSTATUSCODES: false,
    hideDSN: false,
    disableReverseLookup: true,
    logger: false,
    size: MAX_SIZE,
    rejectOversized: true,
    maxClients: MAX_CLIENTS,
    socketTimeout: IDLE_MS,
    closeTimeout: 1,
    onRcptTo({ address }, session, answer) {
      const reply = answerToRcpt(address);
      if (reply === 'silence') return;
      if (reply === 'cut') {
        for (const socket of sockets)
          if (socket.remotePort === session.remotePort) socket.destroy();
        return;
      }
      if (reply !== undefined) return answer(failure(reply.code, reply.text));
      if (known === undefined || known.includes(address.toLowerCase())) return answer(null);
      const { code, lines } = replies.unknownRecipient(address);
      answer(failure(code, lines.join(' ')));
    },
    onData(stream, session, answer) {
      const reply = answerToContent(session.envelope.rcptTo.map(({ address }) => address));
      if (reply !== undefined) {
        stream.resume(); // what is refused is not kept
        stream.once('end', () => {
          if (reply !== 'silence') answer(failure(reply.code, reply.text));
        });
        return;
      }
      take(stream, session).then(
        (id) => answer(null, `Ok: taken as ${id}`),
        (error: unknown) => {
          if (stream.destroyed && !stream.readableEnded) return; // the client is gone
          console.error(`sink: ${error instanceof Error ? error.message : String(error)}`);
          const { code, lines } = replies.storageTrouble();
          answer(failure(code, lines.join(' ')));
        },
      );
    },
  } satisfies SMTPServerOptions);
  server.on('error', () => undefined); // a connection was lost: the other side's business
  server.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', (cause) =>
      reject(listenFault('the sink', { address: '127.0.0.1', port: options.port }, cause)),
    );
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const { port } = server.server.address() as AddressInfo; // a TCP server's address is one
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** smtp-server adds the enhanced code that is usual for the code. */
function failure(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

function subjectOf(header: HeaderCollector): string {
  const field = headerFields(header.bytes).find(({ name }) => name === 'subject');
  if (field === undefined) return '';
  return Buffer.from(fieldValue(header.bytes, field, MAX_SUBJECT), 'latin1').toString('utf8');
}

/** Appends whole messages, one after the other; resolves when the message is in the file. */
function mboxWriter(file: string): (from: string, at: Date, content: Buffer) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return (from, at, content) => {
    const written = last.then(() => appendFile(file, mboxEntry(from, at, content)));
    last = written.catch(() => undefined);
    return written;
  };
}

/** RFC 4155 with mboxrd's quoting: line ends are LF, lines that look like a separator get a `>`. */
function mboxEntry(from: string, at: Date, content: Buffer): Buffer {
  const [weekday, , month, year, time] = at.toUTCString().split(/,? /); // Thu, 01 Jan 2026 12:00:00 GMT
  const day = String(at.getUTCDate()).padStart(2);
  const sender = from === '' ? 'MAILER-DAEMON' : from.replace(/\s/g, '-');
  const separator = `From ${sender} ${weekday} ${month} ${day} ${time} ${year}\n`;
  const text = content
    .toString('latin1') // bytes one to one
    .replaceAll('\r\n', '\n')
    .replace(/(^|\n)(>*From )/g, '$1>$2');
  const end = text.endsWith('\n') ? '\n' : '\n\n';
  return Buffer.concat([Buffer.from(separator), Buffer.from(text + end, 'latin1')]);
}
