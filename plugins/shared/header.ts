/**
 * The header of a message as lines by field name: what stands before the first empty line, in bounded
 * memory. Folds become spaces; every field counts that is there, also the second of its name.
 */
import type { Content } from 'sluice-mx/plugin';

/** By name in lower case; values as latin-1 text, cut. */
export type Header = ReadonlyMap<string, readonly string[]>;

const MAX_BYTES = 256 * 1024;
const MAX_FIELDS = 2000;
const MAX_VALUE = 2000;

export async function readHeader(content: Content): Promise<Header> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content.read()) {
    chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    bytes += chunk.length;
    const last = chunks.length === 1 ? chunks : chunks.slice(-2);
    if (bytes >= MAX_BYTES || Buffer.concat(last).includes('\r\n\r\n')) break;
  }
  return parseHeader(Buffer.concat(chunks).toString('latin1', 0, MAX_BYTES));
}

export function parseHeader(text: string): Header {
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n');
  const lines = (end < 0 ? text : text.slice(0, end)).replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const fields = new Map<string, string[]>();
  for (const line of lines.slice(0, MAX_FIELDS)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trimEnd().toLowerCase();
    const value = line.slice(colon + 1, colon + 1 + MAX_VALUE).trim();
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}
