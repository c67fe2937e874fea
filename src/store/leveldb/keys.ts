/**
 * The keys of the database, by first letter:
 *
 *     m!id            the record of a message
 *     b!id!part       a part of its content
 *     d!dest!due!id   waiting messages in the order they are due; value: size in bytes
 *     h!id            held messages; value: size in bytes
 *     n!dest          how many messages a destination has
 *     q!dest          a destination that is held
 *     c!key           counters and lock of a key
 *     t!ns!key        values with an expiry
 *     s!name          the store's own state
 *
 * Numbers have a fixed width, so keys sort as the numbers do. The form of the keys is part of the
 * stored form: it changes only together with `FORMAT`.
 */
import { checkNamespace } from '../ttl-map.ts';

/** Version of the layout as a whole; a store of another one is refused. */
export const FORMAT = '1';
export const FORMAT_KEY = 's!format';
export const EPOCH_KEY = 's!epoch';
/** The epoch of the last start that keeps tallies: another one means they may be wrong. */
export const TALLIED_KEY = 's!tallied';
export const PROOF_KEY = 's!proof';

const DUE_DIGITS = 14;
export const MAX_DUE = 10 ** DUE_DIGITS - 1;
const PART_DIGITS = 6;
const ID = /^[\w.-]{1,64}$/;

/** Behind every key that starts with `prefix`, whose last character is `!`. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}"`; // '"' follows '!'
}

export function isId(id: string): boolean {
  return ID.test(id);
}

export const recordKey = (id: string): string => `m!${id}`;
export const counterKey = (key: string): string => `c!${key}`;
export const heldKey = (id: string): string => `h!${id}`;
export const tallyKey = (dest: string): string => `n!${destPart(dest)}`;
export const destHoldKey = (dest: string): string => `q!${destPart(dest)}`;
export const partsPrefix = (id: string): string => `b!${id}!`;

export function partKey(id: string, part: number): string {
  return partsPrefix(id) + String(part).padStart(PART_DIGITS, '0');
}

/** A place in the order of one destination's waiting messages. */
export interface Place {
  readonly dueAt: number;
  readonly id: string;
}

export function duePrefix(dest: string): string {
  return `d!${destPart(dest)}!`;
}

/** A destination as part of a key. */
function destPart(dest: string): string {
  return dest.replace(/[%!]/g, (char) => (char === '!' ? '%21' : '%25'));
}

export function destOf(part: string): string {
  return part.replace(/%2[15]/g, (code) => (code === '%21' ? '!' : '%'));
}

export function dueKey(dest: string, place: Place): string {
  return `${duePrefix(dest)}${String(place.dueAt).padStart(DUE_DIGITS, '0')}!${place.id}`;
}

export function parseDueKey(key: string): (Place & { readonly dest: string }) | undefined {
  const destEnd = key.indexOf('!', 2);
  const dueEnd = destEnd + 1 + DUE_DIGITS;
  if (!key.startsWith('d!') || destEnd < 0 || key[dueEnd] !== '!') return undefined;
  const due = key.slice(destEnd + 1, dueEnd);
  const id = key.slice(dueEnd + 1);
  if (!/^\d+$/.test(due) || !isId(id)) return undefined;
  return { dest: destOf(key.slice(2, destEnd)), dueAt: Number(due), id };
}

/** A due time as keys can hold it: whole milliseconds, neither negative nor beyond all reason. */
export function storedDue(dueAt: number): number {
  return Math.min(Math.max(Math.floor(dueAt) || 0, 0), MAX_DUE);
}

export function ttlPrefix(namespace: string): string {
  return `t!${checkNamespace(namespace)}!`;
}
