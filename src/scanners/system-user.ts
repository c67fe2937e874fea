/** An account of the system by name, for daemons that must not run as root. */
import { readFileSync } from 'node:fs';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The first of `names` that exists; undefined when there is none, or no /etc/passwd. */
export function findSystemUser(names: readonly string[]): SystemUser | undefined {
  let passwd: string;
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return undefined; // not a system of that kind
  }
  const accounts = passwd.split('\n').map((line) => line.split(':')); // passwd(5)
  for (const name of names) {
    const account = accounts.find((fields) => fields[0] === name);
    if (account !== undefined) return { name, uid: Number(account[2]), gid: Number(account[3]) };
  }
  return undefined;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
