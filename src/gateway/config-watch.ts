/**
 * Watches the files of the configuration and says when they have changed and come to rest. The
 * system tells of a change in a folder at once; where it does not (network file systems, a folder
 * that was replaced), a look at all files every half minute finds it. A file that is still being
 * written is left alone until it has not changed for a while. Reads no file, decides nothing.
 */
import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import { isDomainFileName } from '../config/load.ts';
import type { ConfigSources } from '../config/sources.ts';

export interface ConfigWatchOptions {
  readonly clock: Clock;
  readonly sources: ConfigSources;
  /** The files differ from those that were read last, and rest. Never rejects. */
  readonly onChange: () => Promise<void>;
}

/** Editors and copies write in several steps; two looks this far apart must see the same. */
const SETTLE_MS = 500;
const LOOK_MS = 30_000;
/** With very many files looking takes a while: never more than this share of the time. */
const LOOK_SHARE = 0.05;
const STATS_AT_ONCE = 64;
/** Folders the system is asked to watch; those beyond are only looked at. */
const MAX_WATCHED = 100;

export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #sources: ConfigSources;
  #timer: Timer | undefined;
  /** When it looks next, by the monotonic clock. */
  #dueAt = Infinity;
  /** Of the files that were read last; undefined until then. */
  #read: string | undefined;
  /** Of the last look. */
  #seen: string | undefined;
  #look: Promise<void> | undefined;
  #isOn = false;
  /** The system spoke while a look was under way. */
  #again = false;

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    this.#sources = options.sources;
  }

  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#watchFolders();
    this.#lookIn(SETTLE_MS);
  }

  /** Waits for a look that is under way, but not for the reload it may have led to. */
  stop(): void {
    this.#isOn = false;
    this.#timer?.stop();
    this.#dueAt = Infinity;
    this.#closeWatchers();
  }

  /** What the files are now, for who is about to read them. */
  async fingerprint(): Promise<string> {
    const { folder, files } = this.#sources;
    const names = await readdir(folder).catch(() => []);
    const inFolder = names.filter(isDomainFileName).map((name) => join(folder, name));
    const all = [...new Set([...files, ...inFolder])].toSorted();
    const hash = createHash('sha256');
    for (let at = 0; at < all.length; at += STATS_AT_ONCE) {
      const some = all.slice(at, at + STATS_AT_ONCE);
      for (const line of await Promise.all(some.map(fileState))) hash.update(line);
    }
    return hash.digest('base64');
  }

  /**
   * The files of this fingerprint were read, whether they were taken or refused, and these are the
   * ones that count from now on; undefined when they could not tell which.
   */
  wasRead(fingerprint: string, sources: ConfigSources | undefined): void {
    this.#read = fingerprint;
    this.#sources = sources ?? this.#sources;
    if (!this.#isOn) return;
    // Other files may count now, and a folder may have been replaced by another of its name.
    this.#closeWatchers();
    this.#watchFolders();
  }

  /** Never later than it would be anyway: a file that is written without end must not put it off. */
  #lookIn(ms: number): void {
    const dueAt = this.#options.clock.mono() + ms;
    if (!this.#isOn || dueAt >= this.#dueAt) return;
    this.#timer?.stop();
    this.#dueAt = dueAt;
    this.#timer = this.#options.clock.timer(ms, () => this.#begin());
  }

  #begin(): void {
    this.#dueAt = Infinity;
    if (this.#look !== undefined) {
      this.#again = true;
      return;
    }
    this.#look = this.#lookNow().finally(() => {
      this.#look = undefined;
      if (this.#again) this.#lookIn(SETTLE_MS);
      this.#again = false;
    });
  }

  async #lookNow(): Promise<void> {
    const { clock, onChange } = this.#options;
    const startedAt = clock.mono();
    const now = await this.fingerprint();
    const before = this.#seen;
    this.#seen = now;
    const restMs = Math.max(LOOK_MS, (clock.mono() - startedAt) / LOOK_SHARE);
    if (now === this.#read || !this.#isOn) return this.#lookIn(restMs);
    if (now !== before) return this.#lookIn(SETTLE_MS);
    await onChange();
    // Not read after all, because they went on changing: soon again.
    this.#lookIn(this.#read === now ? restMs : SETTLE_MS);
  }

  #watchFolders(): void {
    const { folder, files } = this.#sources;
    const wanted = new Set([folder, ...files.map((file) => dirname(file))]);
    const names = new Set(files.map((file) => file.slice(dirname(file).length + 1)));
    for (const path of [...wanted].slice(0, MAX_WATCHED)) {
      // A folder that cannot be watched is looked at all the same.
      try {
        const watcher = watch(path, { persistent: false }, (_event, name) => {
          if (name === null || names.has(name) || isDomainFileName(name) || name.startsWith('..')) {
            this.#lookIn(SETTLE_MS);
          }
        });
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(path);
        });
        this.#watchers.set(path, watcher);
      } catch {
        continue;
      }
    }
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

/** The time of the last change of content or rights: a file that may be read now is a change too. */
async function fileState(file: string): Promise<string> {
  try {
    const { ino, size, ctimeMs } = await stat(file);
    return `${file}\0${ino} ${size} ${ctimeMs}\n`;
  } catch {
    return `${file}\0-\n`;
  }
}
