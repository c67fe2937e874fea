/** The characters of a text part: in the charset that it says, or else as most programs guess. */
import { textIn } from '../charset-text.ts';

/** In order: what the bytes say (BOM), what the header says, UTF-8, one byte a character. */
export function textOf(bytes: Buffer, charsets: readonly string[]): string {
  const declared = charsets.map((name) => name.trim().toLowerCase());
  for (const label of [markOf(bytes), ...declared, 'utf-8']) {
    if (label === undefined || label === '') continue;
    const text = textIn(label, bytes, label === 'utf-8');
    if (text !== undefined) return text;
  }
  return bytes.toString('latin1');
}

function markOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return undefined;
}
