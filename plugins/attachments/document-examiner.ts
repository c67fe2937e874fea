/**
 * Looks into documents in threads of its own, so that none of them holds up the gateway: each has its
 * time and its memory, and a thread that goes beyond is ended and replaced. Threads are started when
 * there is something to do and do not keep the process alive.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DocumentAnswer, DocumentTask } from './document-thread.ts';

/** Messages are examined side by side, but one must not wait for all documents of another. */
const THREADS = 2;
const HEAP_MIB = 512;
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

export class DocumentExaminer {
  readonly #heapMiB: number;
  readonly #idle: Worker[] = [];
  readonly #threads: Set<Worker> = new Set();
  /** Those who wait for a thread, in order. */
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  /** @param heapMiB what a thread may take for strings and objects; the documents themselves are counted by their limits */
  constructor(heapMiB = HEAP_MIB) {
    this.#heapMiB = heapMiB;
  }

  /**
   * `deadline`: ms for the examination itself, without the wait for a thread. Rejects when the signal
   * aborts or no thread can be had.
   */
  async examine(
    task: DocumentTask,
    deadline: number,
    signal: AbortSignal,
  ): Promise<DocumentAnswer> {
    await this.#turn(signal);
    try {
      return await this.#ask(this.#idle.pop() ?? this.#started(), task, deadline, signal);
    } finally {
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.#busy >= THREADS) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const onAbort = () => resolve();
      this.#waiting.push(resolve);
      signal.addEventListener('abort', onAbort, { once: true });
      await promise;
      signal.removeEventListener('abort', onAbort);
      const place = this.#waiting.indexOf(resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      if (signal.aborted) {
        // The turn may have been ours.
        if (place < 0) this.#waiting.shift()?.();
        signal.throwIfAborted();
      }
    }
    this.#busy++;
  }

  #started(): Worker {
    // The published package has the same files as JavaScript.
    const file = `./document-thread${extname(new URL(import.meta.url).pathname)}`;
    const thread = new Worker(new URL(file, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#heapMiB },
      name: 'attachments',
    });
    thread.unref();
    this.#threads.add(thread);
    // Whoever waits for it hears of it; without anybody it must not end the process.
    thread.on('error', () => undefined);
    thread.once('exit', () => {
      this.#threads.delete(thread);
      const place = this.#idle.indexOf(thread);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    return thread;
  }

  async #ask(
    thread: Worker,
    task: DocumentTask,
    deadline: number,
    signal: AbortSignal,
  ): Promise<DocumentAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<DocumentAnswer>();
    const giveUp = (error: string) => resolve({ kind: 'failed', error });
    const onAnswer = (answer: DocumentAnswer) => {
      this.#idle.push(thread);
      resolve(answer);
    };
    const onError = (error: NodeJS.ErrnoException) => {
      if (error.code === OUT_OF_MEMORY) giveUp('a document takes too much memory');
      else reject(error);
    };
    const onExit = () => reject(new Error('the thread for documents has ended'));
    const onAbort = () => {
      void thread.terminate();
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      void thread.terminate();
      giveUp('a document takes too much time');
    }, deadline);
    thread.once('message', onAnswer).once('error', onError).once('exit', onExit);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      thread.ref();
      const pieces = task.pieces.map(ownMemory);
      thread.postMessage(
        { ...task, pieces },
        pieces.map(({ buffer }) => buffer),
      );
      return await promise;
    } finally {
      thread.unref();
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      thread.off('message', onAnswer).off('error', onError).off('exit', onExit);
    }
  }
}

/** Node keeps small buffers together in memory that cannot be given away. */
function ownMemory(piece: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = piece;
  return buffer instanceof ArrayBuffer && buffer.byteLength === piece.length
    ? new Uint8Array(buffer)
    : new Uint8Array(piece);
}
