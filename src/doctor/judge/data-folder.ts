/** Whether the data folder can hold what was promised: its owner, its mode, the disk under it. */
import { filesText, hasFewFiles } from '../../base/disk-room.ts';
import type { DiskRoom } from '../../base/disk-room.ts';
import { formatSize } from '../../config/quantity.ts';
import type { DataFolder } from '../facts/data-folder.ts';
import type { Mount } from '../facts/mount.ts';
import type { Finding } from '../finding.ts';
import { fail, named, pass, skip, unsure, warn } from '../finding.ts';

export interface Owners {
  /** Who asks. */
  readonly me: number;
  readonly folder: string;
  /** Who the gateway runs as, where that is known. */
  readonly gateway: { readonly uid: number; readonly name: string } | undefined;
}

const DATA = 'data folder';

export function judgeDataFolder(folder: string, facts: DataFolder, owners: Owners): Finding {
  const { me, gateway } = owners;
  switch (facts.kind) {
    case 'missing':
      return facts.canMake
        ? pass(DATA, `${folder} is not there yet; the gateway makes it`)
        : fail(
            DATA,
            `${folder} is not there, and nothing may be made in ${facts.above}`,
            `make it, owned by the user that the gateway runs as`,
          );
    case 'closed':
      return unsure(DATA, `${folder}: ${facts.text}`, 'ask as root or as the user of the gateway');
    case 'there':
      break;
    default:
      return facts satisfies never;
  }
  const { owner, mode, canWrite, strangers } = facts;
  if (gateway !== undefined && gateway.uid !== owner && gateway.uid !== 0) {
    const text = `${folder} belongs to ${owners.folder}, the gateway runs as ${gateway.name}`;
    return fail(DATA, text, `chown -R ${gateway.name} ${folder}`);
  }
  if (strangers.length > 0) {
    const text = `of another owner than ${folder} (${owners.folder}): ${named(strangers, 3)}`;
    const fix = `stop the gateway, then chown -R ${owners.folder} ${folder}`;
    return fail(DATA, text, fix);
  }
  if (!canWrite && me === owner)
    return fail(DATA, `${folder} cannot be written to`, `chmod u+rwx ${folder}`);
  if (!canWrite && gateway === undefined) {
    const text = `${folder}, of ${owners.folder}: whether it can be used this user cannot tell`;
    const who = owners.folder === 'root' ? 'root' : `root or ${owners.folder}`;
    return unsure(DATA, text, `ask as ${who}`);
  }
  if ((mode & 0o007) !== 0) {
    const text = `everybody may look into ${folder} (mode ${octal(mode)})`;
    return warn(DATA, text, `chmod 700 ${folder}; a start does it too`);
  }
  return pass(DATA, `${folder}, of ${owners.folder}, mode ${octal(mode)}`);
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** Two thresholds: the gateway stops storing at the first, and it should not come near it. */
const NEAR = 4;
const FEW_FILES = 10_000;

export function judgeDisk(room: DiskRoom | undefined, minFreeBytes: number): Finding {
  if (room === undefined) return unsure('disk', 'the file system does not say how much is free');
  const { freeBytes, freeFiles = Infinity } = room;
  const free = `${rounded(freeBytes)} free`;
  const least = `nothing is stored below ${formatSize(minFreeBytes)}`;
  if (freeBytes < minFreeBytes) return fail('disk', `${free}, ${least}`, 'make room');
  const files = `${free}, but ${filesText(room)} only`;
  if (hasFewFiles(room)) return fail('disk', files, 'delete small files');
  if (freeBytes < NEAR * minFreeBytes) return warn('disk', `${free}, ${least}`, 'make room');
  if (freeFiles < FEW_FILES) return warn('disk', files, 'delete small files');
  return pass('disk', `${free}, ${least}`);
}

const MIB = 1024 * 1024;

/** Down to whole MiB, or GiB where nobody reads the difference. */
function rounded(bytes: number): string {
  const unit = bytes >= 10 * 1024 * MIB ? 1024 * MIB : MIB;
  return formatSize(Math.floor(bytes / unit) * unit);
}

const MEMORY = ['tmpfs', 'ramfs', 'devtmpfs', 'squashfs'];
const REMOTE = /^(?:nfs\d?|cifs|smb\d?|smbfs|afs|ceph|glusterfs|9p|fuse(?:\..*)?|vboxsf|virtiofs)$/;
/** The second one is the kernel's own, after a fault of the disk: "rw" still stands beside it. */
const READ_ONLY = ['ro', 'emergency_ro'];
const WEAK = ['vfat', 'exfat', 'msdos', 'ntfs', 'ntfs3'];
/** Written data may then still be in the disk's own memory. */
const NO_BARRIER = ['nobarrier', 'barrier=0', 'barrier=none'];

/** What "on disk" is worth there. */
export function judgeFileSystem(mount: Mount | undefined): Finding {
  const check = 'file system';
  if (mount === undefined) return skip(check, 'this system does not tell which one it is');
  const { type, point, options } = mount;
  const what = `${type} at ${point}`;
  if (MEMORY.includes(type))
    return fail(check, `${what} is gone after a restart`, 'put the data folder on a disk');
  if (options.some((option) => READ_ONLY.includes(option)))
    return fail(check, `${what} is mounted read-only`, 'see the log of the kernel for faults');
  if (type === 'overlay') {
    const text = `${what} is the layer of a container: accepted mail is gone with it`;
    return warn(check, text, 'put the data folder on a volume');
  }
  if (REMOTE.test(type) || WEAK.includes(type)) {
    const text = `${what} may say "written" before it is`;
    return warn(check, text, 'put the data folder on a local disk (ext4, xfs)');
  }
  const weak = options.find((option) => NO_BARRIER.includes(option));
  if (weak !== undefined)
    return warn(check, `${what} is mounted with ${weak}: a power cut loses mail`, 'mount without');
  return pass(check, what);
}
