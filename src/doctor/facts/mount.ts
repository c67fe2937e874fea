/** The file system under a path, as Linux tells it in /proc/self/mountinfo (proc(5)). */
import { readFile } from 'node:fs/promises';

export interface Mount {
  /** Where it is mounted. */
  readonly point: string;
  /** `ext4`, `tmpfs`, `nfs4`, ... */
  readonly type: string;
  /** Of the mount and of the file system below it. */
  readonly options: readonly string[];
}

/** Undefined on a system without that list. */
export async function mountOf(path: string): Promise<Mount | undefined> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return findMount(text, path);
}

/** The last of the longest ones: what was mounted later lies above. */
export function findMount(mountinfo: string, path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountinfo.split('\n')) {
    const mount = parseLine(line);
    if (mount === undefined || !isBelow(path, mount.point)) continue;
    if (found === undefined || mount.point.length >= found.point.length) found = mount;
  }
  return found;
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
function parseLine(line: string): Mount | undefined {
  const [before = '', after] = line.split(' - ');
  const [, , , , point, options = ''] = before.split(' ');
  const [type, , more = ''] = after?.split(' ') ?? [];
  if (point === undefined || type === undefined) return undefined;
  const all = `${options},${more}`.split(',').filter((option) => option !== '');
  return { point: unescaped(point), type, options: all };
}

function unescaped(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

function isBelow(path: string, point: string): boolean {
  return path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`);
}
