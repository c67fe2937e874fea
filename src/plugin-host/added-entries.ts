/**
 * Entries that people have added to plugins by command. All of them are in memory, a bounded number
 * for each plugin, and each change is in the store before it is in force; one whose time is over is
 * forgotten there. What is given for a plugin is the same list until something changes.
 */
import type { Clock } from '../base/clock.ts';
import { paged } from '../base/paged.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { RawOptions } from './options.ts';

export interface AddedEntry {
  readonly at: number;
  readonly by: string;
  readonly entry: RawOptions;
}

export type EntryMap = Pick<TtlMap, 'get' | 'put' | 'delete' | 'list'>;

/** Of one plugin. */
export const MAX_ADDED = 10_000;

const NAMESPACE = 'plugin-entry';
/** What has no end. */
const FOREVER_MS = 100 * 365 * 86_400_000;
const NONE: readonly AddedEntry[] = [];

export class AddedEntries {
  readonly #map: EntryMap;
  readonly #clock: Clock;
  /** By plugin, then by key. */
  readonly #entries = new Map<string, Map<string, AddedEntry>>();
  readonly #lists = new Map<string, readonly AddedEntry[]>();

  constructor(map: EntryMap, clock: Clock) {
    this.#map = map;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    const all = paged(
      (page) => this.#map.list(NAMESPACE, page),
      ({ key }) => key,
    );
    for await (const { key: place, entry } of all) {
      const [plugin = '', ...key] = place.split('/');
      const added = decode(entry.value);
      if (added !== undefined) this.#set(plugin, key.join('/'), added);
    }
  }

  of(plugin: string): readonly AddedEntry[] {
    const known = this.#lists.get(plugin);
    if (known !== undefined) return known;
    const list = [...(this.#entries.get(plugin)?.values() ?? NONE)];
    this.#lists.set(plugin, list);
    return list;
  }

  /** `endsAt` in milliseconds since 1970; infinite for what has no end. */
  async add(
    plugin: string,
    key: string,
    added: AddedEntry,
    endsAt: number,
  ): Promise<'added' | 'changed' | 'full'> {
    const known = this.#entries.get(plugin);
    const isKnown = known?.has(key) === true;
    if (!isKnown && (known?.size ?? 0) >= MAX_ADDED) return 'full';
    const ttlMs = Math.min(endsAt - this.#clock.now(), FOREVER_MS);
    const value = Buffer.from(JSON.stringify({ v: 1, ...added }));
    await this.#map.put(NAMESPACE, `${plugin}/${key}`, value, ttlMs);
    this.#set(plugin, key, added);
    return isKnown ? 'changed' : 'added';
  }

  /** Says whether it was there. */
  async remove(plugin: string, key: string): Promise<boolean> {
    const wasThere = await this.#map.delete(NAMESPACE, `${plugin}/${key}`);
    this.#lists.delete(plugin);
    return (this.#entries.get(plugin)?.delete(key) ?? false) || wasThere;
  }

  #set(plugin: string, key: string, added: AddedEntry): void {
    const known = this.#entries.get(plugin) ?? new Map<string, AddedEntry>();
    known.set(key, added);
    this.#entries.set(plugin, known);
    this.#lists.delete(plugin);
  }
}

/** Undefined: not written by us, or damaged. */
function decode(value: Uint8Array): AddedEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(value).toString());
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { v, at, by, entry } = json as Readonly<Record<string, unknown>>; // checked below
  if (v !== 1 || typeof at !== 'number' || typeof by !== 'string') return undefined;
  if (typeof entry !== 'object' || entry === null) return undefined;
  return { at, by, entry: { ...entry } };
}
