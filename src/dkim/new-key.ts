/**
 * Writes a new private key into the key folder: for its owner alone, whole on disk when it is there, never
 * over one that is there.
 */
import { chown, link, mkdir, open, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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
  // A gateway that looks meanwhile must not find half a key.
  const begun = join(dirname(file), `.${basename(file)}.new`);
  await rm(begun, { force: true });
  const handle = await open(begun, 'wx', 0o600);
  try {
    await handle.writeFile(pem);
    if (own !== undefined) await handle.chown(own.uid, own.gid);
    await handle.sync();
    await link(begun, file);
    const { mtimeMs } = await handle.stat();
    return { selector, file, key: parsed.value, madeAt: mtimeMs };
  } finally {
    await handle.close();
    await rm(begun, { force: true });
  }
}

/** Undefined where the files will be the right user's by themselves. */
async function ownerFor(path: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = await stat(path).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : found;
}
