/**
 * A disk that stands still under a program that is run as a child: all threads that do its work on
 * files wait until it goes on, and so does the main one, for five seconds, where it looks at a file
 * itself. A minute, which is how long a disk is waited for, lasts two seconds there.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gateway } from './gateway.ts';
import { until } from './until.ts';

const SAYS = 'the disk stands still';

export class StillDisk {
  readonly #folder: string;
  readonly #fifo: string;
  #writer: number | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#fifo = join(folder, 'fifo');
  }

  static async make(): Promise<StillDisk> {
    const disk = new StillDisk(await mkdtemp(join(tmpdir(), 'sluice-still-')));
    spawnSync('mkfifo', [disk.#fifo]);
    return disk;
  }

  /** Arguments for Node before the program's own. */
  get nodeArguments(): readonly string[] {
    // Opening a FIFO waits for somebody who writes into it.
    const code = `
      import fs, { open } from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      const cell = new Int32Array(new SharedArrayBuffer(4));
      let isStill = false;
      for (const [name, call] of Object.entries(fs)) {
        if (!name.endsWith('Sync')) continue;
        const late = (path, ...more) => {
          if (isStill && typeof path === 'string' && !path.startsWith('/proc/'))
            Atomics.wait(cell, 0, 0, 5000);
          return call(path, ...more);
        };
        fs[name] = Object.assign(late, call);
      }
      syncBuiltinESMExports();
      const set = globalThis.setTimeout;
      globalThis.setTimeout = (fn, ms, ...more) => set(fn, ms === 60_000 ? 2000 : ms, ...more);
      process.on('SIGUSR2', () => {
        const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
        isStill = true;
        const goOn = () => (isStill = false);
        for (let n = 0; n < threads; n++) open(${JSON.stringify(this.#fifo)}, 'r', goOn);
        process.stdout.write('${SAYS}\\n');
      });`;
    return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
  }

  async stop(gateway: Gateway): Promise<void> {
    const before = this.#times(gateway);
    gateway.signal('SIGUSR2');
    await until(SAYS, () => this.#times(gateway) > before);
  }

  goOn(): void {
    this.#writer ??= openSync(this.#fifo, 'r+');
  }

  /** It goes on for good. */
  async remove(): Promise<void> {
    this.goOn();
    if (this.#writer !== undefined) closeSync(this.#writer);
    await rm(this.#folder, { recursive: true, force: true });
  }

  #times({ said }: Gateway): number {
    return said.filter((line) => line === SAYS).length;
  }
}
