/**
 * What the benchmarks send, and to whom: the domain and its recipients, which every server under test
 * knows, and messages of random base64 text, which neither compress nor resemble one another.
 */
import { randomBytes } from 'node:crypto';

export const DOMAIN = 'bench.test';
const KNOWN_RECIPIENTS = 100;
const LINE = 76;

export function knownRecipient(number: number): string {
  return `known${number % KNOWN_RECIPIENTS}@${DOMAIN}`;
}

export function knownRecipients(): string[] {
  return Array.from({ length: KNOWN_RECIPIENTS }, (_, i) => knownRecipient(i));
}

/** About `size` bytes of body, with the final dot behind it. */
export function makeContent(size: number): Buffer {
  const text = randomBytes(Math.ceil((size * 3) / 4) + 1).toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < size; at += LINE + 2) lines.push(text.slice(at, at + LINE));
  return Buffer.from(`${lines.join('\r\n')}\r\n.\r\n`, 'latin1');
}

export function makeHeader(number: number): string {
  return (
    `From: Sender <sender${number % 1000}@source.test>\r\nTo: <${knownRecipient(number)}>\r\n` +
    `Subject: load ${number}\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\n` +
    `Message-ID: <${process.pid}.${number}.${Date.now()}@source.test>\r\nMIME-Version: 1.0\r\n` +
    'Content-Type: text/plain; charset=us-ascii\r\n\r\n'
  );
}
