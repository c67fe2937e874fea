/**
 * One connection to clamd for one command: connects within a bound, collects the reply up to its
 * closing NUL in bounded memory while the command is still being written, and fails on everything
 * that is not one whole reply. Nothing is open or being read any more when it is done.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Endpoint } from 'sluice-mx/plugin';

const CONNECT_MS = 5000;
const MAX_REPLY_BYTES = 1024;

/**
 * Resolves when the socket takes more; to false when the reply is there already or the connection
 * is lost, so that writing on is pointless.
 */
export type Write = (parts: readonly Uint8Array[]) => Promise<boolean>;

/** Writes a command and says whether it wrote it to its end. */
export type Command = (write: Write) => Promise<boolean>;

export interface Reply {
  readonly text: string;
  /** It came before clamd can have seen the end of the command. */
  readonly isEarly: boolean;
}

export async function ask(
  endpoint: Endpoint,
  signal: AbortSignal,
  command: Command,
): Promise<Reply> {
  signal.throwIfAborted();
  const socket = connect(endpoint);
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no connection within ${CONNECT_MS} ms`));
  }, CONNECT_MS);
  socket.once('connect', () => clearTimeout(timer));
  const onAbort = () => socket.destroy(new Error('given up'));
  signal.addEventListener('abort', onAbort, { once: true });
  const reply = replyOf(socket);
  let isWritten = false;
  const writing = command(writerTo(socket, reply.isOver)).then(
    (isWhole) => {
      isWritten = isWhole;
    },
    // Content that cannot be read back: clamd must not see an end of it.
    (error: unknown) => {
      socket.destroy(error as Error);
    },
  );
  try {
    const text = await reply.text;
    return { text, isEarly: !isWritten || socket.writableLength > 0 };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`clamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
    await writing;
  }
}

/** Gathers the reply; `isOver` once there is one or there can be none any more. */
function replyOf(socket: Socket): { text: Promise<string>; isOver: () => boolean } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isOver = false;
  const text = new Promise<string>((resolve, reject) => {
    const fail = (problem: string) => {
      isOver = true;
      reject(new Error(problem));
    };
    socket.on('data', (chunk) => {
      if (isOver) return;
      chunks.push(chunk);
      bytes += chunk.length;
      const end = chunk.indexOf(0);
      if (end >= 0 && end < chunk.length - 1) fail('more than one reply');
      else if (bytes > MAX_REPLY_BYTES) fail('endless reply');
      else if (end >= 0) {
        isOver = true;
        resolve(Buffer.concat(chunks).toString('latin1').slice(0, -1));
      }
    });
    socket.on('error', (error) => fail(error.message || error.name));
    socket.on('end', () => fail('connection closed before the reply'));
    socket.on('close', () => fail('connection closed before the reply'));
  });
  return { text, isOver: () => isOver };
}

function writerTo(socket: Socket, isOver: () => boolean): Write {
  return (parts) => {
    if (isOver() || socket.destroyed) return Promise.resolve(false);
    // Corked writes leave as one system call, without copying the parts together.
    socket.cork();
    let takesMore = true;
    for (const part of parts) takesMore = socket.write(part);
    socket.uncork();
    if (takesMore) return Promise.resolve(true);
    return new Promise((resolve) => {
      const onChange = () => {
        socket.off('drain', onChange);
        socket.off('close', onChange);
        resolve(!isOver() && !socket.destroyed);
      };
      socket.on('drain', onChange);
      socket.on('close', onChange);
    });
  };
}

export function formatEndpoint(endpoint: Endpoint): string {
  return 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}
