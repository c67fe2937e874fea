/**
 * Where log lines go: standard output or a file, at once, for what waits in memory is lost with the
 * process. Mail never depends on it: lines that cannot be written (full disk, a reader that is gone or
 * stands still) are dropped; standard error says so once, and in the end how many there were.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorText } from './errors.ts';

/** How long a reader that stands still is waited for before lines are dropped: all else waits too. */
const PATIENCE_MS = 1000;
const STEP_MS = 5;
const STDOUT = 1;
const STDERR = 2;

export class LogFile {
  readonly #path: string | null;
  #fd: number;
  /** What is left of lines that went out in part: it goes first. */
  #rest: Buffer | undefined;
  #isFailing = false;
  /** Lines, since it fails and before. */
  #lost = 0;
  #lostBefore = 0;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));

  /** Standard output when `path` is null; else the file, made if missing. Throws when it cannot be. */
  constructor(path: string | null) {
    this.#path = path;
    this.#fd = path === null ? STDOUT : openLog(path);
  }

  /** Takes whole lines. */
  write(lines: string): void {
    const rest = this.#rest;
    if (rest !== undefined) {
      const left = this.#send(rest);
      this.#rest = left.length === 0 ? undefined : left;
      if (left.length > 0) {
        this.#lost += countLines(lines);
        return;
      }
    }
    const bytes = Buffer.from(lines);
    const left = this.#send(bytes);
    if (left.length === bytes.length) this.#lost += countLines(lines);
    else if (left.length > 0) this.#rest = left;
    else if (this.#isFailing) this.#recovered();
  }

  /** Lines that were given up since the start. */
  get dropped(): number {
    return this.#lostBefore + this.#lost;
  }

  /** At a file that was rotated: goes on in a new one of the same name. */
  reopen(): void {
    if (this.#path === null) return;
    try {
      const fd = openLog(this.#path);
      closeSync(this.#fd);
      this.#fd = fd;
    } catch (error) {
      complain(`cannot open the log anew: ${errorText(error)}`);
    }
  }

  /** Writes as much as can be; returns what is left. */
  #send(bytes: Buffer): Buffer {
    let patienceMs = this.#isFailing ? 0 : PATIENCE_MS;
    let at = 0;
    while (at < bytes.length) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        if (!isBusy(error) || patienceMs === 0) {
          this.#failed(error);
          break;
        }
        patienceMs -= STEP_MS;
        Atomics.wait(this.#pause, 0, 0, STEP_MS);
      }
    }
    return bytes.subarray(at);
  }

  #failed(error: unknown): void {
    if (!this.#isFailing) complain(`cannot write the log, lines are lost: ${errorText(error)}`);
    this.#isFailing = true;
  }

  #recovered(): void {
    complain(`the log can be written again, ${this.#lost} lines were lost`);
    this.#isFailing = false;
    this.#lostBefore += this.#lost;
    this.#lost = 0;
  }
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, 'a', 0o640);
}

function countLines(lines: string): number {
  return lines.split('\n').length - 1;
}

/** The reader of a pipe that is full. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}

function complain(text: string): void {
  try {
    writeSync(STDERR, `sluice: ${text}\n`);
  } catch {
    // Nobody is left to hear it.
  }
}
