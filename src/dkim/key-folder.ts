/**
 * The folder of private keys: `DOMAIN/SELECTOR.pem` below it, each for its owner alone. A file that others
 * may read or write, or that holds no usable key, is a fault and signs nothing. Reads, changes nothing.
 */
import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../base/errors.ts';
import { isSelector } from '../mail/selector.ts';
import type { SigningKey } from './signing-key.ts';
import { parseSigningKey } from './signing-key.ts';

export interface NamedKey {
  readonly selector: string;
  readonly file: string;
  readonly key: SigningKey;
  /** When the file was written, milliseconds since the epoch. */
  readonly madeAt: number;
}

export interface KeyFault {
  readonly file: string;
  readonly text: string;
}

export interface KeysReading {
  /** The newest first. */
  readonly keys: readonly NamedKey[];
  readonly faults: readonly KeyFault[];
}

const ENDING = '.pem';
const MAX_FILE_BYTES = 16 * 1024;
/** Of one domain; rotation leaves a few. */
const MAX_KEYS = 50;
/** Of group and others. */
const SHARED = 0o077;

export class KeyFolder {
  readonly path: string;
  readonly #domains: ReadonlySet<string>;

  private constructor(path: string, domains: ReadonlySet<string>) {
    this.path = path;
    this.#domains = domains;
  }

  /** One that is not there, or cannot be listed, has no keys. */
  static async open(path: string): Promise<KeyFolder> {
    const names = await readdir(path).catch(() => []);
    return new KeyFolder(path, new Set(names));
  }

  /** Where the key of a domain, in ASCII, lies or would lie. */
  file(domain: string, selector: string): string {
    return join(this.path, domain, `${selector}${ENDING}`);
  }

  /** The files of all keys, whether they can be used or not. */
  async files(domains: Iterable<string>): Promise<string[]> {
    const found: string[] = [];
    for (const domain of domains) {
      const names = await this.#names(domain);
      found.push(...names.map((name) => join(this.path, domain, name)));
    }
    return found;
  }

  async read(domain: string): Promise<KeysReading> {
    const keys: NamedKey[] = [];
    const faults: KeyFault[] = [];
    for (const name of await this.#names(domain)) {
      const file = join(this.path, domain, name);
      const selector = name.slice(0, -ENDING.length);
      const found = await readKey(file);
      if (typeof found === 'string') faults.push({ file, text: found });
      else if (isSelector(selector)) keys.push({ selector, file, ...found });
      else faults.push({ file, text: 'its name is no selector such as s2026.pem' });
    }
    const isBefore = (a: NamedKey, b: NamedKey) => (a.selector > b.selector ? -1 : 1);
    return { keys: keys.toSorted((a, b) => b.madeAt - a.madeAt || isBefore(a, b)), faults };
  }

  async #names(domain: string): Promise<string[]> {
    if (!this.#domains.has(domain)) return [];
    const names = await readdir(join(this.path, domain)).catch(() => []);
    const all = names.filter((name) => name.endsWith(ENDING) && !name.startsWith('.'));
    return all.toSorted().slice(-MAX_KEYS);
  }
}

/** A key, or what is wrong with its file. */
export async function readKey(file: string): Promise<Pick<NamedKey, 'key' | 'madeAt'> | string> {
  let pem: string;
  let found: Stats;
  // What the file system says is for a person to hear, not a surprise.
  try {
    found = await stat(file);
    const fault = faultOf(found);
    if (fault !== undefined) return fault;
    pem = await readFile(file, 'latin1');
  } catch (error) {
    return `cannot be read: ${errorText(error)}`;
  }
  const parsed = parseSigningKey(pem);
  if (!parsed.ok) return parsed.problem;
  return { key: parsed.value, madeAt: found.mtimeMs };
}

function faultOf(found: Stats): string | undefined {
  if (!found.isFile()) return 'is no file';
  if (found.size > MAX_FILE_BYTES) return 'is too large for a key';
  if ((found.mode & SHARED) !== 0) return 'is open to others: chmod 600';
  // Root may use whatever key it is shown; nobody else has a reason to use a stranger's.
  const self = process.getuid?.() ?? 0;
  if (self !== 0 && found.uid !== self && found.uid !== 0) return 'belongs to another user';
  return undefined;
}
