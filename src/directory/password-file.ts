/** A password in a file of its own: one line, with or without its end. */
import { dirname, resolve } from 'node:path';
import { readTextFile } from '../config/text-file.ts';
import type { Parsed } from '../mail/address.ts';

const MAX_FILE_BYTES = 64 * 1024;

/** `name` is relative to the file that names it. */
export async function readPassword(name: string, namedIn: string): Promise<Parsed<string>> {
  const text = await readTextFile(resolve(dirname(namedIn), name), MAX_FILE_BYTES);
  if (!text.ok) return { ok: false, problem: `${name} ${text.problem}` };
  const password = text.value.replace(/\r?\n$/, '');
  if (password === '') return { ok: false, problem: 'holds no password' };
  if (/[\r\n]/.test(password)) {
    return { ok: false, problem: 'expected the password on one line and nothing else' };
  }
  return { ok: true, value: password };
}
