/**
 * What reports by mail are made of (RFC 6522): parts with their fields, and values of others made
 * printable and bounded, for a field must never grow a second line.
 */
import type { Language } from './report-words.ts';

const MAX_VALUE = 600;

export function part(type: string, body: Uint8Array, languages?: readonly Language[]): Buffer {
  const fields = [
    `Content-Type: ${type}`,
    ...(languages === undefined ? [] : [`Content-Language: ${languages.join(', ')}`]),
    ...(hasEightBit(body) ? ['Content-Transfer-Encoding: 8bit'] : []),
    '',
  ];
  return Buffer.concat([Buffer.from(lines(fields)), body]);
}

export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').slice(0, MAX_VALUE);
}

export function ascii(text: string): string {
  return printable(text).replace(/[^\x20-\x7e]/g, '?');
}

export function hasEightBit(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte > 127);
}

export function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\r\n`).join('');
}
