/**
 * What a process and all its descendants have used, from /proc (Linux): CPU seconds, including those
 * of children that ended and were waited for, and memory. Memory is the proportional set size, which
 * counts pages shared by many processes once; for a single process it is its resident size.
 */
import { readFileSync, readdirSync } from 'node:fs';

/** USER_HZ: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const stat of tree(root)) ticks += stat.ticks;
  return ticks / TICKS_PER_SECOND;
}

export function memoryKiB(root: number): number {
  let total = 0;
  for (const { pid } of tree(root)) total += proportionalKiB(pid);
  return total;
}

function tree(root: number): Stat[] {
  const children = new Map<number, Stat[]>();
  let top: Stat | undefined;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat === undefined) continue;
    if (stat.pid === root) top = stat;
    const siblings = children.get(stat.parent);
    if (siblings === undefined) children.set(stat.parent, [stat]);
    else siblings.push(stat);
  }
  if (top === undefined) return [];
  const found = [top];
  for (const stat of found) found.push(...(children.get(stat.pid) ?? []));
  return found;
}

/** proc(5): behind the name in brackets come state, ppid (4), ... utime, stime, cutime, cstime (14-17). */
function statOf(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3] ?? 0);
  return { pid, parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

function proportionalKiB(pid: number): number {
  const rollup = read(`/proc/${pid}/smaps_rollup`);
  const pss = rollup?.match(/^Pss:\s+(\d+) kB/m)?.[1];
  if (pss !== undefined) return Number(pss);
  const resident = read(`/proc/${pid}/status`)?.match(/^VmRSS:\s+(\d+) kB/m)?.[1];
  return Number(resident ?? 0);
}

/** Undefined when the process ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
