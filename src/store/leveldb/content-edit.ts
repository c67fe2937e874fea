/**
 * Content that reads otherwise than it was stored: bytes on top that came later, ranges that are left
 * out. What lies on the disk stays as it is, and so does the proof of it.
 */
import { outgoingContent } from '../../mail/outgoing-content.ts';
import type { Edit } from '../spool-store.ts';
import * as read from './json-shape.ts';

export interface StoredEdit {
  /** In base64. */
  readonly top: string;
  readonly cuts: readonly { readonly start: number; readonly end: number }[];
}

export function storedEdit({ top, cuts }: Edit): StoredEdit {
  return { top: Buffer.from(top).toString('base64'), cuts };
}

export function editOf(value: unknown): StoredEdit {
  const json = read.object(value);
  const cuts = read.list(json['cuts'], (one) => {
    const cut = read.object(one);
    return { start: read.count(cut['start']), end: read.count(cut['end']) };
  });
  return { top: read.text(json['top']), cuts };
}

/** `sizeBytes` is that of the stored bytes, `all` are these. */
export function readEdited(
  { top, cuts }: StoredEdit,
  sizeBytes: number,
  all: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const stored = { sizeBytes, read: () => all };
  return outgoingContent(Buffer.from(top, 'base64'), stored, cuts).read();
}
