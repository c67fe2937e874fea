/**
 * The keys of pseudonyms, one for each day that has them, in a file that only the gateway's user may
 * read. Written whole and renamed into place: after a crash it is the old or the new one. A key is on
 * disk before the first pseudonym made with it.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { randomToken } from '../base/ids.ts';

const FILE = 'pseudonym-keys.json';
const KEY_BYTES = 32;

export class PseudonymKeys {
  readonly #file: string;
  #keys: ReadonlyMap<string, string>;

  private constructor(file: string, keys: ReadonlyMap<string, string>) {
    this.#file = file;
    this.#keys = keys;
  }

  /** Without a file, or with one that cannot be understood, there are no keys. */
  static async open(folder: string): Promise<PseudonymKeys> {
    const file = join(folder, FILE);
    return new PseudonymKeys(file, await readKeys(file));
  }

  of(day: string): string | undefined {
    return this.#keys.get(day);
  }

  async make(day: string): Promise<string> {
    const key = this.#keys.get(day) ?? randomToken(KEY_BYTES);
    await this.#write(new Map([...this.#keys, [day, key]]));
    return key;
  }

  /** All others are gone for good. */
  async keep(days: ReadonlySet<string>): Promise<void> {
    const kept = new Map([...this.#keys].filter(([day]) => days.has(day)));
    if (kept.size < this.#keys.size) await this.#write(kept);
  }

  async #write(keys: ReadonlyMap<string, string>): Promise<void> {
    const fresh = `${this.#file}.new`;
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(Object.fromEntries(keys), undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, this.#file);
    this.#keys = keys;
  }
}

async function readKeys(file: string): Promise<ReadonlyMap<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing || error instanceof SyntaxError) return new Map();
    throw error;
  }
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return new Map(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
