/**
 * A small ext4 file system of its own for a data folder: it can be filled up, and made read-only as
 * the kernel does it when it finds a fault. Needs root and a loop device.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const REFILL_MS = 20;

export class SmallDisk {
  readonly #image: string;
  readonly #folder: string;
  #filler: NodeJS.Timeout | undefined;

  private constructor(image: string, folder: string) {
    this.#image = image;
    this.#folder = folder;
  }

  /** Undefined where this machine does not let us. */
  static mount(folder: string, mib: number, files: number): SmallDisk | undefined {
    const image = `${folder}.img`;
    const disk = new SmallDisk(image, folder);
    const isMade =
      run('truncate', '-s', `${mib}M`, image) !== undefined &&
      run('mkfs.ext4', '-q', '-F', '-m', '0', '-N', String(files), image) !== undefined &&
      disk.#mount();
    if (isMade) return disk;
    rmSync(image, { force: true });
    return undefined;
  }

  /** As after a fault of the disk; false where the kernel cannot be asked for it. */
  goReadOnly(): boolean {
    const device = run('findmnt', '-no', 'SOURCE', this.#folder);
    try {
      writeFileSync(`/sys/fs/ext4/${basename(device ?? '')}/trigger_fs_error`, 'a test');
      return true;
    } catch {
      return false;
    }
  }

  /**
   * To its last byte, and keeps it so: whoever writes there gives a few bytes back now and then, enough
   * for small writes.
   */
  fill(): void {
    this.#fillUp();
    this.#filler = setInterval(() => this.#fillUp(), REFILL_MS);
  }

  /** What filled it is gone. */
  empty(): void {
    clearInterval(this.#filler);
    rmSync(this.#filling);
  }

  /** Once nobody has anything open there. */
  mend(): void {
    run('umount', this.#folder);
    run('fsck.ext4', '-p', this.#image);
    this.#mount();
  }

  unmount(): void {
    clearInterval(this.#filler);
    run('umount', '-l', this.#folder);
    rmSync(this.#image, { force: true });
  }

  get #filling(): string {
    return join(this.#folder, 'fill');
  }

  #fillUp(): void {
    const { bavail, bsize } = statfsSync(this.#folder);
    try {
      writeFileSync(this.#filling, Buffer.alloc(bavail * bsize), { flag: 'a' });
    } catch {
      // Others write as well: then there is no byte left either.
    }
  }

  #mount(): boolean {
    return run('mount', '-o', 'loop,errors=remount-ro', this.#image, this.#folder) !== undefined;
  }
}

/** What it says; undefined when it fails or is not there. */
function run(command: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
