/**
 * A scanner that we run ourselves, kept alive: started, asked until it answers, started again with
 * growing pauses when it dies, ended when the gateway stops. Of what it writes the end is kept,
 * to say why it died.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { endLeftOver, writePid } from './left-over.ts';
import type { ScannerPlan } from './scanner-plan.ts';
import { answers } from './sign-of-life.ts';

export type ScannerState = 'starting' | 'up' | 'down';

const ASK_EVERY_MS = 100;
const ASK_MS = 5000;
/** clamd reads its whole database first: half a minute on a small machine. */
const START_MS = 300_000;
const PROGRESS_MS = 10_000;
const STOP_MS = 5000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** Who lived as long as this begins with the shortest pause again. */
const STEADY_MS = 60_000;
const MAX_WORDS = 300;

/** What it needs of the environment; none of ours, which may hold secrets. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class ScannerProcess {
  readonly plan: ScannerPlan;
  /** Resolves when it answers for the first time, or is stopped. */
  readonly ready: Promise<void>;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  readonly #resolveReady: () => void;
  #state: ScannerState = 'starting';
  #lastWords = '';
  #running: Promise<void> | undefined;

  constructor(plan: ScannerPlan, log: Log, clock: Clock) {
    this.plan = plan;
    this.#log = log;
    this.#clock = clock;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#resolveReady = resolve;
  }

  get state(): ScannerState {
    return this.#state;
  }
  /** The end of what it wrote: why it is down, if it is. */
  get lastWords(): string {
    return this.#lastWords;
  }

  start(): void {
    this.#running ??= this.#keepAlive();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#resolveReady();
  }

  async #keepAlive(): Promise<void> {
    const { engine, folder, mark, socket } = this.plan;
    const pidFile = join(folder, 'pid');
    let pauseMs = FIRST_PAUSE_MS;
    await endLeftOver(pidFile, mark, this.#clock);
    while (!this.#isStopping) {
      const startedAt = this.#clock.mono();
      rmSync(socket, { force: true });
      await this.#live(pidFile);
      rmSync(pidFile, { force: true });
      this.#state = 'down';
      if (this.#isStopping) return;
      if (this.#clock.mono() - startedAt > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      const msg = `ended: ${this.#lastWords}; starts again in ${pauseMs} ms`;
      this.#log.emit('scanner.down', { engine, msg });
      await this.#sleep(pauseMs, this.#stopping.signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** One life of the process, from its start to its end. */
  async #live(pidFile: string): Promise<void> {
    const { engine, program, args, folder, warning } = this.plan;
    this.#state = 'starting';
    this.#lastWords = '';
    const child = spawn(program, args, {
      cwd: folder,
      env: { PATH, HOME: folder, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a session of its own: Ctrl-C reaches the gateway, which needs its scanners to the end.
      detached: true,
    });
    const over = new AbortController();
    const ended = new Promise<void>((resolve) => {
      child.on('error', (error) => {
        this.#lastWords = error.message;
        if (child.pid === undefined) resolve();
      });
      child.on('close', (code, signal) => {
        const how = signal === null ? `exit ${code}` : `killed by ${signal}`;
        this.#lastWords = this.#lastWords === '' ? how : `${how}, said: ${this.#lastWords}`;
        resolve();
      });
    }).finally(() => over.abort());
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => this.#heard(chunk));
    }
    if (child.pid !== undefined) {
      writePid(pidFile, child.pid);
      const level = warning === undefined ? 'info' : 'warn';
      this.#log.emit('scanner.start', { engine, pid: child.pid, msg: warning ?? program }, level);
    }
    const timers = [this.#clock.timer(START_MS, () => child.kill('SIGKILL'))];
    const end = () => {
      child.kill('SIGTERM');
      timers.push(this.#clock.timer(STOP_MS, () => child.kill('SIGKILL')));
    };
    this.#stopping.signal.addEventListener('abort', end);
    if (await this.#untilItAnswers(over.signal)) timers[0]?.stop();
    await ended;
    this.#stopping.signal.removeEventListener('abort', end);
    for (const timer of timers) timer.stop();
  }

  /** False when it ended before it answered. */
  async #untilItAnswers(over: AbortSignal): Promise<boolean> {
    const { engine, socket, question } = this.plan;
    const startedAt = this.#clock.mono();
    let toldAt = startedAt;
    while (!(await answers(socket, question, ASK_MS, this.#clock))) {
      const now = this.#clock.mono();
      const seconds = Math.round((now - startedAt) / 1000);
      if (now - toldAt > PROGRESS_MS) {
        toldAt = now;
        this.#log.emit('scanner.start', { engine, msg: `still starting after ${seconds} s` });
      }
      await this.#sleep(ASK_EVERY_MS, over);
      if (over.aborted) return false;
    }
    this.#state = 'up';
    const ms = Math.round(this.#clock.mono() - startedAt);
    this.#log.emit('scanner.up', { engine, ms, msg: socket });
    this.#resolveReady();
    return true;
  }

  #heard(chunk: Buffer): void {
    const words = `${this.#lastWords} ${chunk.toString('latin1')}`;
    const line = words.replace(/[^\x21-\x7e]+/g, ' ').trim();
    // Never from the middle of a word on.
    this.#lastWords = line.length > MAX_WORDS ? line.slice(-MAX_WORDS).replace(/^\S*\s/, '') : line;
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Returns early when there is nothing left to wait for. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(ms, signal);
    } catch {
      // woken early: the caller looks at the signal
    }
  }
}
