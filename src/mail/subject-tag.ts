/**
 * A mark in front of the subject, for mailboxes that can sort by nothing else. The one change that is
 * ever made to what came in: the subject's field is cut out and written anew on top, the mark before
 * its bytes as they were. A signature that covers the subject does not survive it.
 */
import { fieldValue } from './header.ts';
import type { HeaderField } from './header.ts';
import type { Cut } from './trace-fields.ts';

export interface TaggedSubject {
  /** The field to put on top. */
  readonly field: Buffer;
  /** The one that it stands for, if there was one. */
  readonly cuts: readonly Cut[];
}

/** `tag` is printable ASCII. Undefined: the subject begins with it already. */
export function taggedSubject(
  header: Buffer,
  fields: readonly HeaderField[],
  tag: string,
): TaggedSubject | undefined {
  const subject = fields.find(({ name }) => name === 'subject');
  const before = Buffer.from(`Subject: ${tag}`);
  if (subject === undefined) {
    return { field: Buffer.concat([before, Buffer.from('\r\n')]), cuts: [] };
  }
  if (
    fieldValue(header, subject, tag.length + 10)
      .trimStart()
      .startsWith(tag)
  )
    return undefined;
  const value = header.subarray(subject.valueStart, subject.end);
  const isSpaced = value[0] === 0x20 || value[0] === 0x09 || value[0] === 0x0d;
  const field = Buffer.concat([before, Buffer.from(isSpaced ? '' : ' '), value]);
  return { field, cuts: [{ start: subject.start, end: subject.end }] };
}
