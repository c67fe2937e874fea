/** What the machine gives a process: open files, and who is who. Linux tells most of it. */
import { readFile, stat } from 'node:fs/promises';

/** Of a process, this one without `pid`; undefined when the system does not tell. */
export async function openFilesLimit(pid: number | undefined): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid ?? 'self'}/limits`, 'utf8').catch(() => '');
  const soft = /^Max open files +(\d+|unlimited)/m.exec(text)?.[1];
  return soft === undefined ? undefined : soft === 'unlimited' ? Infinity : Number(soft);
}

/** The user that a process runs as. */
export async function processOwner(pid: number): Promise<number | undefined> {
  return stat(`/proc/${pid}`).then(
    ({ uid }) => uid,
    () => undefined,
  );
}

/** `sluice (uid 104)`, or the number alone. */
export async function userName(uid: number): Promise<string> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const line = text.split('\n').find((each) => each.split(':')[2] === String(uid));
  const name = line?.split(':')[0];
  return name === undefined ? `uid ${uid}` : name;
}
