/**
 * A new file that is whole on the disk when it is there: it is written beside its place, synced, and
 * linked to it. Never over one that is there; what a crash or a full disk leaves half done has a name
 * that nobody reads.
 */
import { link, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from './sync-folder.ts';

export interface NewFile {
  /** Without what the umask takes away. */
  readonly mode: number;
  /** Undefined: whose it is by itself. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Says when it was written, in milliseconds. Rejects with the file system's EEXIST when it is there. */
export async function writeNewFile(
  file: string,
  text: string,
  { mode, owner }: NewFile,
): Promise<number> {
  const folder = dirname(file);
  const begun = join(folder, `.${basename(file)}.new`);
  await rm(begun, { force: true });
  const handle = await open(begun, 'wx', mode);
  try {
    await handle.writeFile(text);
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
    await link(begun, file);
    return (await handle.stat()).mtimeMs;
  } finally {
    await handle.close();
    await rm(begun, { force: true });
    await syncFolder(folder);
  }
}
