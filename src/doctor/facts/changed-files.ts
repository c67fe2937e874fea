/** Which files of a configuration have changed since it was loaded. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDomainFileName } from '../../config/load.ts';
import type { ConfigSources } from '../../config/sources.ts';

export interface Changed {
  readonly file: string;
  /** In milliseconds since the Unix epoch. */
  readonly at: number;
}

/** The folder itself has changed when a file came or went. */
export async function changedSince(
  { folder, files }: ConfigSources,
  loadedAt: number,
): Promise<Changed[]> {
  const names = await readdir(folder).catch(() => []);
  const all = [
    ...files,
    folder,
    ...names.filter(isDomainFileName).map((name) => join(folder, name)),
  ];
  const found: Changed[] = [];
  for (const file of all) {
    // When something was last done to it: a copy may keep the time of its content.
    const at = await stat(file).then(
      ({ ctimeMs }) => ctimeMs,
      () => 0,
    );
    if (at > loadedAt) found.push({ file, at });
  }
  return found;
}
