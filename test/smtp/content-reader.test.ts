import assert from 'node:assert/strict';
import test from 'node:test';
import { ContentReader } from '../../src/smtp/content-reader.ts';
import { seededRandom } from '../support/seeded-random.ts';

interface Result {
  readonly content: string | undefined;
  readonly fault: string | undefined;
  /** What follows the final dot; undefined when that did not come. */
  readonly rest: string | undefined;
}

function readChunks(chunks: readonly Buffer[], limit = 1_000_000): Result {
  const reader = new ContentReader(limit);
  let content = '';
  let rest: string | undefined;
  for (const chunk of chunks) {
    if (rest !== undefined) {
      rest += chunk.toString('latin1');
      continue;
    }
    const result = reader.read(Buffer.from(chunk));
    content += result.piece?.toString('latin1') ?? '';
    rest = result.rest?.toString('latin1');
  }
  assert.equal(reader.isEnded, rest !== undefined);
  if (reader.fault === undefined && rest !== undefined) {
    assert.equal(reader.sizeBytes, content.length);
  }
  return { content: reader.fault === undefined ? content : undefined, fault: reader.fault, rest };
}

/** RFC 5321 4.5.2 by other means: the whole input at once, with a search. */
function reference(input: string): Result {
  const end = input.startsWith('.\r\n') ? -2 : input.indexOf('\r\n.\r\n');
  if (end === -1) return { content: undefined, fault: undefined, rest: undefined };
  const stuffed = input.slice(0, end + 2);
  const rest = input.slice(end + 5);
  if (/\r(?!\n)|(?<!\r)\n/.test(stuffed)) {
    return { content: undefined, fault: 'bare-line-end', rest };
  }
  return { content: stuffed.replace(/(^|\r\n)\./g, '$1'), fault: undefined, rest };
}

function cut(bytes: Buffer, next: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + next();
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

test('only CRLF.CRLF ends content, however it is cut: random input against a search', () => {
  const random = seededRandom(20_260_101);
  const alphabet = [
    '\r\n',
    '\r\n',
    '\r\n',
    '.',
    '.',
    '\r',
    '\n',
    'x',
    '\0',
    'y'.repeat(60),
    'z'.repeat(260),
  ];
  let ended = 0;
  let faulty = 0;
  for (let round = 0; round < 20_000; round++) {
    let input = '';
    // Half of the rounds know no bare line end, or hardly any would end well.
    const letters = round % 2 === 0 ? alphabet : alphabet.filter((part) => !/^[\r\n]$/.test(part));
    for (let i = 0; i < 14; i++) input += letters[Math.floor(random() * letters.length)] ?? '';
    input += '\r\n.\r\nQUIT\r\n';
    const bytes = Buffer.from(input, 'latin1');
    const expected = reference(input);
    if (expected.fault === undefined) ended += 1;
    else faulty += 1;
    assert.deepEqual(readChunks([bytes]), expected, JSON.stringify(input));
    assert.deepEqual(
      readChunks(cut(bytes, () => 1 + Math.floor(random() * 5))),
      expected,
      JSON.stringify(input),
    );
    assert.deepEqual(
      readChunks(cut(bytes, () => 200 + Math.floor(random() * 400))),
      expected,
      JSON.stringify(input),
    );
  }
  assert.ok(ended > 5000 && faulty > 2000, `${ended} ${faulty}`);
});

test('content that has not ended gives no rest', () => {
  for (const input of ['', 'x', 'x\r\n', 'x\r\n.', 'x\r\n.\r', '.', '.\r', 'x\r\n..\r\n']) {
    assert.equal(readChunks([Buffer.from(input)]).rest, undefined, JSON.stringify(input));
  }
});

const SIZES: readonly [limit: number, input: string, fault: string | undefined][] = [
  [3, 'x\r\n.\r\n', undefined],
  [2, 'x\r\n.\r\n', 'too-large'],
  [3, '.x\r\n.\r\n', undefined],
  [0, '.\r\n', undefined],
  [2, 'x\ny\r\n.\r\n', 'bare-line-end'],
];
for (const [limit, input, fault] of SIZES) {
  test(`limit ${limit} and ${JSON.stringify(input)}: ${fault ?? 'taken'}`, () => {
    const bytes = Buffer.from(input);
    assert.equal(readChunks([bytes], limit).fault, fault);
    assert.equal(
      readChunks(
        cut(bytes, () => 1),
        limit,
      ).fault,
      fault,
    );
  });
}

test('beyond the limit nothing is given out, and all is counted', () => {
  const reader = new ContentReader(1000);
  let given = 0;
  for (let i = 0; i < 100; i++) given += reader.read(Buffer.alloc(100, 'x')).piece?.length ?? 0;
  assert.equal(given, 1000);
  assert.equal(reader.readBytes, 10_000);
  assert.equal(reader.fault, 'too-large');
});

test('ordinary text is given out without a copy', () => {
  const chunk = Buffer.from('plain text\r\nof two lines\r\n');
  const { piece } = new ContentReader(1000).read(chunk);
  assert.equal(piece?.buffer, chunk.buffer);
  assert.equal(piece?.byteOffset, chunk.byteOffset);
});

/** Generous, for a busy machine; what it guards against takes seconds. */
const MAX_MS = 500;
const COSTLY: readonly [string, string][] = [
  ['stuffed dots', '..x\r\n'],
  ['dots alone', '..\r\n'],
  ['short lines', '\r\n'],
  ['bare LF and dots', '\n..'],
  ['bare CR', '\r'],
];
for (const [name, line] of COSTLY) {
  test(`4 MB of ${name} cost time linear in bytes, and one piece per chunk`, () => {
    const bytes = Buffer.from(line.repeat(4_000_000 / line.length));
    const reader = new ContentReader(50_000_000);
    let pieces = 0;
    let chunks = 0;
    const before = process.cpuUsage();
    for (let at = 0; at < bytes.length; at += 65_536) {
      chunks += 1;
      if (reader.read(bytes.subarray(at, at + 65_536)).piece !== undefined) pieces += 1;
    }
    const ms = process.cpuUsage(before).user / 1000;
    assert.ok(ms < MAX_MS, `${ms} ms`);
    assert.ok(pieces <= chunks);
  });
}
