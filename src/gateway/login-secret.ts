/**
 * A secret of this gateway in its data folder, made at the first start: what is made up for names that
 * are no account comes from it, and must be the same after a restart, or a stranger could tell them
 * from accounts. The marks by which customers ask for mail in the quarantine are made with it too. Nothing
 * is lost with it but that.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, errorText } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';

const BYTES = 32;

/** Rejects with `STORE_FAILED`. */
export async function loginSecret(folder: string): Promise<string> {
  const file = join(folder, 'login-secret');
  try {
    const kept = await readFile(file, 'utf8').catch(() => '');
    if (/^[0-9a-f]{64}\n$/.test(kept)) return kept.trim();
    const made = randomToken(BYTES);
    await writeFile(file, `${made}\n`, { mode: 0o600 });
    return made;
  } catch (cause) {
    throw new CodedError('STORE_FAILED', `${file}: ${errorText(cause)}`, { cause });
  }
}
