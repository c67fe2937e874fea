/**
 * One connection to spamd for one request: connects within a bound, writes the request and closes
 * its side, collects the reply in bounded memory until it is as long as it says, or until spamd
 * closes, which a busy one does late. Fails when spamd answers before it can have seen the whole
 * request. Nothing is left open when it is done. The reply is latin-1 text.
 */
import { connect } from 'node:net';
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from '../shared/words.ts';

const CONNECT_MS = 5000;
const MAX_REPLY_BYTES = 64 * 1024;
const MAX_HEAD_BYTES = 4096;
const HEAD_END = '\r\n\r\n';

export async function ask(
  endpoint: Endpoint,
  request: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const socket = connect(endpoint);
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no connection within ${CONNECT_MS} ms`));
  }, CONNECT_MS);
  let isOver = false;
  const onAbort = () => socket.destroy(new Error('given up'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      let reply = '';
      let saidBytes: number | undefined;
      socket.on('connect', () => clearTimeout(timer));
      socket.on('data', (chunk) => {
        if (socket.writableLength > 0) reject(new Error('answered before it had all'));
        reply += chunk.toString('latin1');
        if (reply.length > MAX_REPLY_BYTES) reject(new Error('endless reply'));
        if (reply.length <= MAX_HEAD_BYTES) saidBytes ??= bytesOfReply(reply);
        if (saidBytes !== undefined && reply.length >= saidBytes) resolve(reply);
      });
      socket.on('end', () => resolve(reply));
      socket.on('error', (error) => reject(new Error(error.message || error.name)));
      socket.on('close', () => {
        // Made only where somebody hears of it: an error with its stack costs as much as reading a reply.
        if (!isOver && !socket.readableEnded) reject(new Error('connection lost'));
      });
      // Corked writes leave as one system call, without copying the parts together.
      socket.cork();
      for (const part of request) socket.write(part);
      socket.end();
      socket.uncork();
    });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`spamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
  } finally {
    isOver = true;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

/** Head and body together; undefined until the head is there, or when it says no length. */
function bytesOfReply(reply: string): number | undefined {
  const headEnd = reply.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const length = /^Content-length: (\d{1,6})\r$/im.exec(reply.slice(0, headEnd + 2))?.[1];
  return length === undefined ? undefined : headEnd + HEAD_END.length + Number(length);
}
