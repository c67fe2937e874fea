/**
 * Writes a new private key into the key folder: for its owner alone, whole on disk when it is there, never
 * over one that is there.
 */
import { chown, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeNewFile } from '../base/new-file.ts';
import type { KeyFolder, NamedKey } from './key-folder.ts';
import type { KeyKind } from './signing-key.ts';
import { makeKey, parseSigningKey } from './signing-key.ts';

export interface NewKey {
  /** In ASCII. */
  readonly domain: string;
  readonly selector: string;
  readonly kind: KeyKind;
  /** A file or folder of the user who is to read the key, for root who makes it. */
  readonly ownerOf: string;
}

/** Rejects with the file system's EEXIST when there is a key of that name. */
export async function writeNewKey(
  folder: KeyFolder,
  { domain, selector, kind, ownerOf }: NewKey,
): Promise<NamedKey> {
  const pem = await makeKey(kind);
  const parsed = parseSigningKey(pem);
  if (!parsed.ok) throw new Error(`a new key ${parsed.problem}`);
  const file = folder.file(domain, selector);
  const own = await ownerFor(ownerOf);
  const made = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  if (own !== undefined && made !== undefined) {
    for (let at = dirname(file); at.startsWith(made); at = dirname(at)) {
      await chown(at, own.uid, own.gid);
    }
  }
  const madeAt = await writeNewFile(file, pem, { mode: 0o600, owner: own });
  return { selector, file, key: parsed.value, madeAt };
}

/** Undefined where the files will be the right user's by themselves. */
async function ownerFor(path: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = await stat(path).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : found;
}
