/**
 * A mail as the verifier is given it: with so many signatures at most, for each can cost a question
 * and another pass over the whole body, and with so many folded lines. Signatures below the
 * first ones are left out; a header of far more lines than people write is unfolded, which a relaxed
 * signature does not see. Nothing else changes. Others get their turn between pieces.
 */
import { setImmediate } from 'node:timers/promises';
import type { Content } from 'sluice-mx/plugin';

const MAX_SIGNATURES = 10;
/** Keys of 4096 bits and a long list of fields need a quarter of it. */
const MAX_FIELD = 16 * 1024;
/** The verifier takes time by the square of a run of it. */
const LONG_BLANK = /[ \t\r\n]{201}/;
/** The same of lines that begin no field. */
const MAX_CONTINUED = 5000;
const MAX_HEADER = 1024 * 1024;
const PIECE = 128 * 1024;

export async function* boundedMail(content: Content, signal: AbortSignal): AsyncGenerator<Buffer> {
  let header: Buffer | undefined = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of content.read()) {
    bytes += chunk.length;
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (header !== undefined) {
      header = Buffer.concat([header, rest]);
      const end = endOfHeader(header);
      if (end === undefined) {
        if (header.length > MAX_HEADER) throw new Error('the header does not end');
        continue;
      }
      yield bounded(header.subarray(0, end));
      rest = header.subarray(end);
      header = undefined;
    }
    for (let at = 0; at < rest.length; at += PIECE) {
      signal.throwIfAborted();
      yield rest.subarray(at, at + PIECE);
      await setImmediate();
    }
  }
  if (bytes !== content.sizeBytes) throw new Error('content is not whole');
  if (header !== undefined) yield bounded(header);
}

function endOfHeader(bytes: Buffer): number | undefined {
  if (bytes.subarray(0, 2).equals(CRLF)) return 0;
  const at = bytes.indexOf('\r\n\r\n');
  return at < 0 ? undefined : at + 2;
}

const CRLF = Buffer.from('\r\n');

function bounded(header: Buffer): Buffer {
  let count = 0;
  const text = header.toString('latin1');
  const isLong = (text.match(CONTINUED)?.length ?? 0) > MAX_CONTINUED;
  const plain = isLong ? text.replace(CONTINUED, '') : text;
  const few = plain.replace(SIGNATURES, (field: string, name: string) => {
    if (field.length > MAX_FIELD || LONG_BLANK.test(field)) return '';
    if (!name.toLowerCase().startsWith('dkim')) return field;
    count += 1;
    return count > MAX_SIGNATURES ? '' : field;
  });
  return few.length < text.length ? Buffer.from(few, 'latin1') : header;
}

/** What the verifier takes for a part of the field above, folded or not. */
const CONTINUED = /\r\n(?!$|[\x21-\x39\x3b-\x7e]+[ \t\r\n]*:)/g;
const SIGNATURES = /^(dkim-signature|arc-[a-z-]{1,40})[ \t]*:.*\r\n(?:[ \t].*\r\n)*/gim;
