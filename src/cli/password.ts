/**
 * Passwords of accounts: from standard input or made here, never an argument, for others can see
 * those.
 */
import { randomToken } from '../base/ids.ts';
import { formatPasswordHash, hashPassword } from '../base/password-hash.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';

/** 96 bits in a form that can be read out on the telephone. */
const GENERATED_BYTES = 12;
const MAX_PASSWORD = 255; // what AUTH takes

export function madePassword(): string {
  return randomToken(GENERATED_BYTES);
}

export async function hashed(password: string): Promise<string> {
  if (password === '' || Buffer.byteLength(password) > MAX_PASSWORD) {
    throw new CliFault(EXIT.usage, `a password has 1 to ${MAX_PASSWORD} bytes`);
  }
  return formatPasswordHash(await hashPassword(Buffer.from(password)));
}

export interface NewPassword {
  readonly hash: string;
  /** To be shown once; undefined when somebody brought it along. */
  readonly made: string | undefined;
}

export async function newPassword(cli: Cli, isPiped: boolean): Promise<NewPassword> {
  if (!isPiped) {
    const made = madePassword();
    return { hash: await hashed(made), made };
  }
  const given = await cli.terminal.input();
  if (given === undefined) {
    const text = 'there is no password on standard input: ... --password-stdin < file';
    throw new CliFault(EXIT.usage, text);
  }
  return { hash: await hashed(given), made: undefined };
}
