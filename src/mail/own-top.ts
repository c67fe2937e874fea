/**
 * What we have put on top of a message that lies in the store: everything down to our Received field,
 * which nobody else can have given the message's own id, and what filters wrote right below it.
 */
import type { HeaderField } from './header.ts';
import { fieldValue } from './header.ts';
import { isFinding } from './trace-fields.ts';

/** Longer than any Received field of ours is up to its id. */
const LOOKED_AT = 2000;

/** The first byte of what came in; 0 where nothing of ours is found. */
export function ownTopEnd(bytes: Buffer, fields: readonly HeaderField[], id: string): number {
  const at = fields.findIndex((field) => {
    if (field.name !== 'received') return false;
    const value = fieldValue(bytes, field, LOOKED_AT);
    return value.includes('(Sluice) with ') && value.split(/[\s;]+/).includes(id);
  });
  if (at < 0) return 0;
  const last = fields.slice(at + 1).findIndex(({ name }) => !isFinding(name));
  return fields[last < 0 ? fields.length - 1 : at + last]?.end ?? 0;
}
