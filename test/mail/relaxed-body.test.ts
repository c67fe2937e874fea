import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RelaxedBody } from '../../src/mail/relaxed-body.ts';

/** RFC 6376 3.4.4, word by word, on a whole body. */
function relaxed(body: string): string {
  const text = body
    .replace(/[ \t]+(?=\r\n|$)/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/(?:\r\n)+$/, '');
  return text === '' ? '' : `${text}\r\n`;
}

function streamed(chunks: readonly Buffer[]): string {
  let out = '';
  const body = new RelaxedBody((bytes) => {
    out += Buffer.from(bytes).toString('latin1');
  });
  for (const chunk of chunks) body.write(chunk);
  body.end();
  return out;
}

/** A fixed sequence of numbers below `limit` (Lehmer). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48_271) % 0x7fffffff;
    return state % limit;
  };
}

const PIECES = [
  '\r\n',
  '\r\n\r\n',
  ' ',
  '  ',
  '\t',
  ' \r\n',
  '\r',
  '\n',
  '\0',
  'a',
  'word',
  '.',
  'é',
];

test('any body in any chunks has the relaxed form of the whole', () => {
  const next = numbers(20_261);
  for (let round = 0; round < 20_000; round++) {
    let body = '';
    for (let left = next(16); left > 0; left--) body += PIECES[next(PIECES.length)] ?? '';
    const bytes = Buffer.from(body, 'latin1');
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = 1 + next(6);
      chunks.push(bytes.subarray(at, at + length));
      at += length;
    }
    assert.equal(streamed(chunks), relaxed(body), JSON.stringify(body));
    assert.equal(streamed([bytes]), relaxed(body), JSON.stringify(body));
  }
});

test('bodies larger than what is gathered', () => {
  for (const line of ['x'.repeat(76), 'some  words \t here ', 'y'.repeat(20_000)]) {
    const body = `${line}\r\n`.repeat(2000);
    assert.equal(streamed([Buffer.from(body)]), relaxed(body));
  }
});
