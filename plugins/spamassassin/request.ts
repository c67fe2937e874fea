/**
 * A request to spamd and its answer (SPAMC/1.5, spamd/PROTOCOL of SpamAssassin): the message goes out
 * with its length, compressed on demand; an answer is read only when its status says EX_OK.
 */
import { deflate } from 'node:zlib';
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint, printable } from '../shared/words.ts';
import { ask } from './connection.ts';

export interface RequestOptions {
  readonly user: string | undefined;
  readonly compress: 'auto' | 'always' | 'never';
}

export interface Request extends RequestOptions {
  readonly command: 'SYMBOLS' | 'TELL';
  /** Header lines of the command beside those that every request has. */
  readonly lines?: readonly string[];
}

export interface Reply {
  /** Header lines, ended by LF. */
  readonly head: string;
  readonly body: string;
}

const STATUS = /^SPAMD\/1\.\d{1,2} (\d{1,3}) ([\x20-\x7e]{1,200})$/;
const HEAD_END = '\r\n\r\n';

/** What `read` makes of the reply; what it throws is told with the address. */
export async function askAbout<T>(
  endpoint: Endpoint,
  message: readonly Uint8Array[],
  request: Request,
  signal: AbortSignal,
  read: (reply: string) => T,
): Promise<T> {
  const { command, lines = [], user, compress } = request;
  const compresses = compress === 'always' || (compress === 'auto' && !isLocal(endpoint));
  const body = compresses ? [await deflated(Buffer.concat(message))] : message;
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const head = [
    `${command} SPAMC/1.5`,
    `Content-length: ${length}`,
    ...(compresses ? ['Compress: zlib'] : []),
    ...(user === undefined ? [] : [`User: ${user.replace(/[^\w.@+-]/g, '_')}`]),
    ...lines,
  ].join('\r\n');
  const reply = await ask(endpoint, [Buffer.from(head + HEAD_END), ...body], signal);
  try {
    return read(reply);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`spamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
  }
}

export function readReply(reply: string): Reply {
  const statusEnd = reply.indexOf('\r\n');
  const status = STATUS.exec(statusEnd < 0 ? reply : reply.slice(0, statusEnd));
  if (status === null) throw new Error(`answered: ${printable(reply)}`);
  if (status[1] !== '0' || status[2] !== 'EX_OK') {
    throw new Error(`answered: ${status[1]} ${status[2]}`);
  }
  const headEnd = reply.indexOf(HEAD_END);
  if (headEnd < 0) throw new Error('broke off within its reply');
  return {
    head: reply.slice(statusEnd + 2, headEnd).replaceAll('\r\n', '\n'),
    body: reply.slice(headEnd + HEAD_END.length),
  };
}

function isLocal(endpoint: Endpoint): boolean {
  return 'path' in endpoint || /^(127\.\d+\.\d+\.\d+|::1|localhost)$/i.test(endpoint.host);
}

function deflated(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflate(bytes, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
