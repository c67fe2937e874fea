/**
 * A disk that stands still under a program that is run as a child: all threads that do its work on
 * files wait until it goes on. A minute, which is how long a disk is waited for, lasts two seconds there.
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
      import { open } from 'node:fs';
      const set = globalThis.setTimeout;
      globalThis.setTimeout = (fn, ms, ...more) => set(fn, ms === 60_000 ? 2000 : ms, ...more);
      process.on('SIGUSR2', () => {
        const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
        for (let n = 0; n < threads; n++) open(${JSON.stringify(this.#fifo)}, 'r', () => undefined);
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
