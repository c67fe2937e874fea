/**
 * Passwords of accounts: from standard input or made here, never an argument, for others can see
 * those.
 */
import { randomToken } from '../base/ids.ts';
import { formatPasswordHash, hashPassword } from '../base/password-hash.ts';
import { makeScramKeys } from '../base/scram-keys.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';

/** 96 bits in a form that can be read out on the telephone. */
const GENERATED_BYTES = 12;
const MAX_PASSWORD = 255; // what AUTH takes

export function madePassword(): string {
  return randomToken(GENERATED_BYTES);
}

/**
 * A password that we have made gets the form that all mechanisms can use; nobody guesses it. One that
 * people think of is dearer to guess in the other, unless `scram` is asked for.
 */
export async function hashed(password: string, scram: boolean): Promise<string> {
  if (password === '' || Buffer.byteLength(password) > MAX_PASSWORD) {
    throw new CliFault(EXIT.usage, `a password has 1 to ${MAX_PASSWORD} bytes`);
  }
  if (!scram) return formatPasswordHash(await hashPassword(Buffer.from(password)));
  const keys = await makeScramKeys(password);
  if (keys !== undefined) return formatPasswordHash(keys);
  throw new CliFault(EXIT.usage, 'the password has letters that SCRAM does not allow (RFC 4013)');
}

export interface NewPassword {
  readonly hash: string;
  /** To be shown once; undefined when somebody brought it along. */
  readonly made: string | undefined;
}

export async function newPassword(cli: Cli, isPiped: boolean): Promise<NewPassword> {
  if (!isPiped) {
    const made = madePassword();
    return { hash: await hashed(made, true), made };
  }
  const given = await cli.terminal.input();
  if (given === undefined) {
    const text = 'there is no password on standard input: ... --password-stdin < file';
    throw new CliFault(EXIT.usage, text);
  }
  return { hash: await hashed(given, false), made: undefined };
}
