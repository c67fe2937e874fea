/** The mails of ../shared/corpus as they would cross the wire: CRLF line ends, no mbox line on top. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const CORPUS = join(import.meta.dirname, '..', '..', '..', 'shared', 'corpus');

export function hasCorpus(): boolean {
  return existsSync(join(CORPUS, 'MANIFEST.md'));
}

/** Paths below the corpus, sorted, of the files in a set that match. */
export function corpusFiles(set: string, pattern = /./): string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const name of readdirSync(join(CORPUS, folder)).sort()) {
      const path = join(folder, name);
      if (statSync(join(CORPUS, path)).isDirectory()) walk(path);
      else if (pattern.test(name)) found.push(path);
    }
  };
  walk(set);
  return found;
}

export function wireForm(bytes: Buffer): Buffer {
  const text = bytes
    .toString('latin1')
    .replace(/^From [^\n]*\n/, '')
    .replace(/\r*\n/g, '\r\n')
    .replace(/\r(?!\n)/g, '');
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1');
}

export function corpusMail(path: string): Buffer {
  return wireForm(readFileSync(join(CORPUS, path)));
}

/** Every n-th of them, so that a sample spreads over the whole set. */
export function sample<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, index) => index % step === 0).slice(0, count);
}
