/**
 * One HTTP request to rspamd on a connection of its own (rspamd closes it after its reply): connects
 * within a bound, sends, collects the body of a 200 in bounded memory. Anything else rejects, also a
 * reply to a request that rspamd cannot have read. Nothing is left open when it is done.
 */
import { request } from 'node:http';
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint, printable } from '../shared/words.ts';

const CONNECT_MS = 5000;
const MAX_REPLY_BYTES = 1024 * 1024;

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

export async function ask(
  endpoint: Endpoint,
  { method, path, headers = {} }: Question,
  body: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const where = 'path' in endpoint ? { socketPath: endpoint.path } : endpoint;
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const outgoing = request({
    ...{ ...where, method, path, signal, agent: false },
    headers: { ...headers, 'Content-Length': length },
  });
  const timer = setTimeout(() => {
    outgoing.destroy(new Error(`no connection within ${CONNECT_MS} ms`));
  }, CONNECT_MS);
  try {
    return await new Promise<string>((resolve, reject) => {
      outgoing.on('socket', (socket) => socket.on('connect', () => clearTimeout(timer)));
      outgoing.on('error', reject);
      outgoing.on('close', () => reject(new Error('connection lost')));
      outgoing.on('response', (response) => {
        if (!outgoing.writableFinished) reject(new Error('answered before it had all'));
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > MAX_REPLY_BYTES) reject(new Error('endless reply'));
        });
        response.on('error', reject);
        response.on('close', () => reject(new Error('broke off within its reply')));
        response.on('end', () => {
          const { statusCode, statusMessage = '' } = response;
          if (statusCode === 200) resolve(Buffer.concat(chunks).toString());
          else reject(new Error(`answered: ${statusCode} ${printable(statusMessage)}`));
        });
      });
      outgoing.cork();
      for (const part of body) outgoing.write(part);
      outgoing.end();
      outgoing.uncork();
    });
  } catch (error) {
    const cause = error instanceof Error ? error.message || error.name : String(error);
    throw new Error(`rspamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
  } finally {
    clearTimeout(timer);
    outgoing.destroy();
  }
}
