/**
 * The load source and the sink as processes of their own, driven from here over Node's IPC, so that
 * neither shares a thread with the other or with the measuring.
 */
import { execFile, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SinkAsk, SinkCounts, SinkTell } from './sink.ts';
import type { Load, LoadResult } from './source.ts';

export interface SinkProcess {
  readonly port: number;
  counts(): Promise<SinkCounts>;
  reset(): Promise<void>;
  /** Of the same process, so that a destination that comes back is not a cold one. */
  open(): Promise<void>;
  close(): Promise<void>;
  stop(): Promise<void>;
}

const ANSWER_MS = 20_000;
/** The source ends by itself after `maxMs` and the silence it allows a session; this is behind both. */
const SOURCE_GRACE_MS = 90_000;

export async function startSinkProcess(port = 0): Promise<SinkProcess> {
  const child = fork(join(import.meta.dirname, 'sink.ts'), ['--port', String(port)]);
  const ready = await answer(child);
  if (!('port' in ready)) throw new Error('the sink did not say its port');
  const ask = async (question: SinkAsk): Promise<SinkCounts> => {
    const answered = answer(child);
    child.send(question);
    const told = await answered;
    if (!('counts' in told)) throw new Error('the sink did not say its counts');
    return told.counts;
  };
  return {
    port: ready.port,
    counts: () => ask('counts'),
    reset: async () => {
      await ask('reset');
    },
    open: async () => {
      await ask('open');
    },
    close: async () => {
      await ask('close');
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect(); // on which it ends
      }),
  };
}

function answer(child: ChildProcess): Promise<SinkTell> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => settle(() => reject(new Error('the sink is silent'))), ANSWER_MS);
    const onMessage = (message: unknown) => settle(() => resolve(message as SinkTell)); // from sink.ts
    const onExit = () => settle(() => reject(new Error('the sink ended')));
    const settle = (then: () => void) => {
      clearTimeout(late);
      child.off('message', onMessage);
      child.off('exit', onExit);
      then();
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}

export async function runSourceProcess(load: Load): Promise<LoadResult> {
  const args = [
    ['--port', load.port],
    ['--sessions', load.sessions],
    ['--count', load.count],
    ['--seconds', load.maxMs / 1000],
    ['--size', load.size],
    ['--per-connection', load.perConnection],
    ['--unknown', load.unknown],
  ]
    .flat()
    .map(String);
  if (load.pipeline) args.push('--pipeline');
  if (load.messageFile !== undefined) args.push('--message', load.messageFile);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, 'source.ts'), ...args, '--json'],
    { timeout: load.maxMs + SOURCE_GRACE_MS },
  );
  return JSON.parse(stdout) as LoadResult; // written by source.ts
}
