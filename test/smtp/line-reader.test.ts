import assert from 'node:assert/strict';
import test from 'node:test';
import { LineReader } from '../../src/smtp/line-reader.ts';
import { seededRandom } from '../support/seeded-random.ts';

const MAX_LINE = 32;

/** Lines as text, faults in angle brackets; reading stops at a bare line end. */
function readAll(chunks: readonly Buffer[]): string[] {
  const reader = new LineReader(MAX_LINE);
  const seen: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let line = reader.next(); line !== undefined; line = reader.next()) {
      seen.push(line.kind === 'line' ? line.text : `<${line.fault}>`);
      if (line.kind === 'fault' && line.fault.startsWith('bare')) return seen;
    }
  }
  return seen;
}

const CASES: readonly [string, readonly string[]][] = [
  ['a\r\nb\r\n', ['a', 'b']],
  ['\r\n\r\n', ['', '']],
  ['unfinished', []],
  ['unfinished\r', []],
  ['a\nb\r\n', ['<bare-lf>']],
  ['\n', ['<bare-lf>']],
  ['\nQUIT\r\n', ['<bare-lf>']],
  ['a\r\n\nb\r\n', ['a', '<bare-lf>']],
  ['a\rb\r\n', ['<bare-cr>']],
  ['a\r\r\n', ['<bare-cr>']],
  ['\r\r\n', ['<bare-cr>']],
  ['a\r\nb\rc\nd', ['a', '<bare-cr>']],
  [`${'x'.repeat(30)}\r\n`, ['x'.repeat(30)]],
  [`${'x'.repeat(31)}\r\nnext\r\n`, ['<too-long>', 'next']],
  [`${'x'.repeat(500)}\r\nnext\r\n`, ['<too-long>', 'next']],
  [`${'x'.repeat(500)}\nnext\r\n`, ['<bare-lf>']],
  [`${'x'.repeat(500)}\rnext\r\n`, ['<bare-cr>']],
  ['a\0b\r\nc\r\n', ['<control>', 'c']],
  ['a\tb\r\n', ['<control>']],
  ['a\x7f\r\n', ['<control>']],
  ['\xc3\xa4\r\n', ['ä']],
  ['\xc2\x85\r\n', ['<control>']],
  ['\xe4\r\n', ['<utf8>']],
  ['\xc0\x80\r\n', ['<utf8>']],
];

for (const [input, expected] of CASES) {
  test(`lines of ${JSON.stringify(input.slice(0, 40))}, whole and cut anywhere`, () => {
    const bytes = Buffer.from(input, 'latin1');
    assert.deepEqual(readAll([bytes]), expected);
    assert.deepEqual(readAll([...bytes].map((byte) => Buffer.of(byte))), expected);
    for (let cut = 1; cut < bytes.length; cut++) {
      assert.deepEqual(readAll([bytes.subarray(0, cut), bytes.subarray(cut)]), expected);
    }
  });
}

test('random input is cut into the same lines however it arrives', () => {
  const random = seededRandom(4711);
  const alphabet = [
    '\r\n',
    '\r\n',
    '\r\n',
    'a',
    'bb',
    '\r',
    '\n',
    '\0',
    '\xc3\xa4',
    'x'.repeat(20),
  ];
  for (let round = 0; round < 3000; round++) {
    let input = '';
    for (let i = 0; i < 12; i++) input += alphabet[Math.floor(random() * alphabet.length)] ?? '';
    const bytes = Buffer.from(input, 'latin1');
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + Math.floor(random() * 6);
      chunks.push(bytes.subarray(at, end));
      at = end;
    }
    assert.deepEqual(readAll(chunks), readAll([bytes]), JSON.stringify(input));
  }
});

test('an endless line is skipped in bounded memory', () => {
  const reader = new LineReader(MAX_LINE);
  for (let i = 0; i < 1000; i++) {
    reader.push(Buffer.alloc(1000, 'x'));
    assert.equal(reader.next(), undefined);
    assert.ok(reader.isEmpty);
  }
  reader.push(Buffer.from('\r\nnext\r\n'));
  assert.deepEqual(reader.next(), { kind: 'fault', fault: 'too-long' });
  assert.deepEqual(reader.next(), { kind: 'line', text: 'next' });
});

test('an unfinished line does not keep the large chunk that it came with', () => {
  const reader = new LineReader(MAX_LINE);
  const chunk = Buffer.from(`${'NOOP\r\n'.repeat(5000)}part`);
  reader.push(chunk);
  while (reader.next() !== undefined);
  reader.push(Buffer.from('ial\r\n'));
  chunk.fill('!');
  assert.deepEqual(reader.next(), { kind: 'line', text: 'partial' });
});

test('what waits is reported as full by bytes and by number', () => {
  const many = new LineReader(MAX_LINE);
  for (let i = 0; i < 40; i++) many.push(Buffer.of(65));
  assert.ok(many.isFull);
  assert.equal(many.takeChunk()?.toString(), 'A');
  assert.equal(many.takeChunk()?.toString(), 'A'.repeat(39));
  assert.ok(!many.isFull && many.isEmpty);
});

test('bytes given back come before those that arrived meanwhile', () => {
  const reader = new LineReader(MAX_LINE);
  reader.push(Buffer.from('content'));
  const chunk = reader.takeChunk();
  assert.equal(chunk?.toString(), 'content');
  reader.push(Buffer.from('third\r\n'));
  reader.push(Buffer.from('fourth\r\n'));
  reader.giveBack(Buffer.from('first\r\nsecond '));
  const seen = [reader.next(), reader.next(), reader.next()];
  assert.deepEqual(
    seen.map((line) => (line?.kind === 'line' ? line.text : line)),
    ['first', 'second third', 'fourth'],
  );
});
