/**
 * spamd's command SYMBOLS (SPAMC/1.5, spamd/PROTOCOL of SpamAssassin): the message goes out with its
 * length, the score and the names of the rules that matched come back. The reply is read strictly:
 * its status, its length and every name must be right, or it throws; a score is never guessed.
 */
import { deflate } from 'node:zlib';
import type { Endpoint } from 'sluice-mx/plugin';
import { ask, formatEndpoint } from './connection.ts';

export interface Judgement {
  readonly score: number;
  readonly tests: readonly string[];
}

export interface RequestOptions {
  readonly user: string | undefined;
  readonly compress: 'auto' | 'always' | 'never';
}

const STATUS = /^SPAMD\/1\.\d{1,2} (\d{1,3}) ([\x20-\x7e]{1,200})$/;
const SPAM = /^Spam: (?:True|False) ; (-?\d{1,6}(?:\.\d{1,6})?) \/ -?\d{1,6}(?:\.\d{1,6})?$/im;
const LENGTH = /^Content-length: (\d{1,6})$/im;
const TEST = /^[A-Za-z0-9_]{1,100}$/;
const HEAD_END = '\r\n\r\n';

export async function symbols(
  endpoint: Endpoint,
  message: readonly Uint8Array[],
  options: RequestOptions,
  signal: AbortSignal,
): Promise<Judgement> {
  const compresses =
    options.compress === 'always' || (options.compress === 'auto' && !isLocal(endpoint));
  const body = compresses ? [await deflated(Buffer.concat(message))] : message;
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const head = [
    'SYMBOLS SPAMC/1.5',
    `Content-length: ${length}`,
    ...(compresses ? ['Compress: zlib'] : []),
    ...(options.user === undefined ? [] : [`User: ${options.user.replace(/[^\w.@+-]/g, '_')}`]),
  ].join('\r\n');
  const reply = await ask(endpoint, [Buffer.from(head + HEAD_END), ...body], signal);
  try {
    return readSymbols(reply.toString('latin1'));
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`spamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
  }
}

export function readSymbols(reply: string): Judgement {
  const statusEnd = reply.indexOf('\r\n');
  const status = STATUS.exec(statusEnd < 0 ? reply : reply.slice(0, statusEnd));
  if (status === null) throw new Error(`answered: ${printable(reply)}`);
  if (status[1] !== '0' || status[2] !== 'EX_OK') {
    throw new Error(`answered: ${status[1]} ${status[2]}`);
  }
  const headEnd = reply.indexOf(HEAD_END);
  if (headEnd < 0) throw new Error('broke off within its reply');
  const head = reply.slice(statusEnd + 2, headEnd).replaceAll('\r\n', '\n');
  const score = SPAM.exec(head)?.[1];
  const length = LENGTH.exec(head)?.[1];
  if (score === undefined || length === undefined) throw new Error('gave no score or no length');
  const body = reply.slice(headEnd + HEAD_END.length);
  if (body.length !== Number(length))
    throw new Error('gave a reply of another length than it said');
  const tests = body.trim() === '' ? [] : body.trim().split(',');
  if (!tests.every((test) => TEST.test(test))) throw new Error('gave names that are no rules');
  return { score: Number(score), tests };
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

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, '?').slice(0, 100);
}
