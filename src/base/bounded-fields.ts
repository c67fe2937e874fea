/**
 * The fields of an event as they may be kept in memory or in a record: texts and lists of bounded
 * length, whatever the network sent.
 */
import type { Fields } from './log.ts';

const MAX_VALUE = 256;
const MAX_LIST = 50;

/** The fields as they are when all are small, which is nearly always; else a shortened copy. */
export function boundedFields(fields: Fields): Fields {
  for (const name in fields) {
    if (isLarge(fields[name])) return shortened(fields);
  }
  return fields;
}

function isLarge(value: unknown): boolean {
  if (typeof value === 'string') return value.length > MAX_VALUE;
  if (Array.isArray(value)) return value.length > MAX_LIST || value.some(isLarge);
  return false;
}

function shortened(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, short(value)]));
}

function short(value: unknown): unknown {
  // Through bytes, for a slice of a string keeps the whole of it alive.
  if (typeof value === 'string') return Buffer.from(value.slice(0, MAX_VALUE)).toString();
  return Array.isArray(value) ? value.slice(0, MAX_LIST).map(short) : value;
}
