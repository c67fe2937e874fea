/** The data folder as it lies on the disk. Changes nothing; a folder that is not there is not made. */
import { access, constants, lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemText } from '../../config/text-file.ts';

export type DataFolder =
  | { readonly kind: 'missing'; readonly above: string; readonly canMake: boolean }
  | { readonly kind: 'closed'; readonly text: string }
  | {
      readonly kind: 'there';
      readonly owner: number;
      readonly mode: number;
      readonly canWrite: boolean;
      /** What lies in it and belongs to somebody else than the folder. */
      readonly strangers: readonly string[];
    };

/** Private scanners run as a user of their own, in folders that the gateway has given them. */
const OF_SCANNERS = 'scanners';
/** Of the folder and of each folder in it; more say nothing new. */
const MAX_LOOKED_AT = 2000;

export async function readDataFolder(folder: string): Promise<DataFolder> {
  try {
    const { uid: owner, mode } = await stat(folder);
    const canWrite = await mayWrite(folder);
    return { kind: 'there', owner, mode, canWrite, strangers: await strangersIn(folder, owner) };
  } catch (error) {
    const text = systemText(error);
    if (text !== 'no such file') return { kind: 'closed', text };
    const above = await nearestThere(dirname(folder));
    return { kind: 'missing', above, canMake: await mayWrite(above) };
  }
}

/** Where a file or folder is, or would be, may something be written there by this user? */
export async function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** The folder itself, or the first one above it that is there. */
export async function nearestThere(folder: string): Promise<string> {
  for (let path = folder; ; path = dirname(path)) {
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere || path === dirname(path)) return path;
  }
}

async function strangersIn(folder: string, owner: number): Promise<string[]> {
  const names = await namesIn(folder, '');
  const own = names.filter((name) => name !== OF_SCANNERS);
  const deeper = await Promise.all(own.map((name) => namesIn(folder, name)));
  const found: string[] = [];
  for (const name of [...names, ...deeper.flat()]) {
    const entry = await lstat(join(folder, name)).catch(() => undefined);
    if (entry !== undefined && entry.uid !== owner) found.push(name);
  }
  return found;
}

/** Nothing of what is no folder, or may not be read. */
async function namesIn(folder: string, name: string): Promise<string[]> {
  const names = await readdir(join(folder, name)).catch(() => []);
  return names.slice(0, MAX_LOOKED_AT).map((each) => join(name, each));
}
