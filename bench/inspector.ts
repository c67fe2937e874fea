/**
 * The JavaScript heap of a running Node process, asked through its inspector, so that the program under
 * test needs no code for it: started with `--inspect=127.0.0.1:0`, it prints the address that
 * `inspectorOf` looks for. Collects garbage first, so the figure is what is really held.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ANSWER_MS = 30_000;

export interface Heap {
  readonly usedKiB: number;
  /** Buffers and the like, held outside the JavaScript heap. */
  readonly outsideKiB: number;
}

/** The last address in its output: a launcher that starts the program prints one of its own before. */
export function inspectorOf(folder: string): string {
  const output = readFileSync(join(folder, 'output.log'), 'utf8');
  const url = [...output.matchAll(/ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/g)].at(-1)?.[0];
  if (url === undefined) throw new Error('the process printed no address of an inspector');
  return url;
}

export async function heapAfterCollection(url: string): Promise<Heap> {
  const socket = new WebSocket(url);
  try {
    await opened(socket);
    await call(socket, 1, 'HeapProfiler.collectGarbage');
    const usage = await call(socket, 2, 'Runtime.getHeapUsage');
    const kib = (name: string) => Number(usage[name] ?? 0) / 1024;
    return { usedKiB: kib('usedSize'), outsideKiB: kib('backingStorageSize') };
  } finally {
    socket.close();
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')), {
      once: true,
    });
  });
}

function call(socket: WebSocket, id: number, method: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_MS);
    const onMessage = (event: MessageEvent) => {
      const message = JSON.parse(String(event.data)) as Answer; // the inspector's protocol
      if (message.id !== id) return;
      clearTimeout(late);
      socket.removeEventListener('message', onMessage);
      resolve(message.result ?? {});
    };
    socket.addEventListener('message', onMessage);
    socket.send(JSON.stringify({ id, method }));
  });
}

interface Answer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
}
