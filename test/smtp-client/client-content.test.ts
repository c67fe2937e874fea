/** Content on the wire: dots doubled and nothing else changed, however it is cut; nothing unfit goes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../src/base/errors.ts';
import { DotStuffer } from '../../src/smtp/client-content.ts';

function wire(chunks: readonly Uint8Array[]): string {
  const stuffer = new DotStuffer();
  const pieces = chunks.map((chunk) => stuffer.stuff(chunk));
  return Buffer.concat([...pieces, stuffer.end()]).toString('latin1');
}

/** RFC 5321 4.5.2, written in another way. */
function expected(content: string): string {
  const lines = content.split('\r\n').map((line) => (line.startsWith('.') ? `.${line}` : line));
  const text = lines.join('\r\n');
  return text === '' || text.endsWith('\r\n') ? `${text}.\r\n` : `${text}\r\n.\r\n`;
}

/** Lines of random bytes with dots where they hurt; CR and LF only as line ends. */
const line = fc.oneof(
  fc.constantFrom('', '.', '..', '...', '.x', 'x.', '. '),
  fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.filter((b) => b !== 10 && b !== 13)).toString('latin1')),
);
const content = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
  .map(([lines, ended]) => lines.join('\r\n') + (ended && lines.length > 0 ? '\r\n' : ''));
const cuts = fc.array(fc.nat(400), { maxLength: 12 });

function cutUp(bytes: Buffer, places: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    chunks.push(bytes.subarray(from, Math.max(from, place)));
    from = Math.min(bytes.length, Math.max(from, place));
  }
  return [...chunks, bytes.subarray(from)];
}

test('dots are doubled at line starts only, wherever the chunks are cut', () => {
  fc.assert(
    fc.property(content, cuts, (text, places) => {
      const bytes = Buffer.from(text, 'latin1');
      assert.equal(wire(cutUp(bytes, places)), expected(text));
      assert.equal(wire([...bytes].map((byte) => Uint8Array.of(byte))), expected(text));
    }),
    { numRuns: 500 },
  );
});

test('a chunk without dot lines goes out in the buffer it came in', () => {
  const chunk = Buffer.from('a.b\r\nc.\r\n');
  assert.equal(new DotStuffer().stuff(chunk), chunk);
});

test('content without an end of line gets one before the dot', () => {
  assert.equal(wire([Buffer.from('abc')]), 'abc\r\n.\r\n');
  assert.equal(wire([]), '.\r\n');
});

const UNFIT = [
  'a\nb\r\n',
  'a\rb\r\n',
  '\n.\r\n',
  'a\n.\n',
  '\r\r\n',
  'a\r\n\n',
  'a\r',
  'a\r\n\r',
  '\n',
];

for (const text of UNFIT) {
  test(`nothing with a bare CR or LF goes out: ${JSON.stringify(text)}`, () => {
    const isUnfit = (error: unknown) =>
      error instanceof CodedError && error.code === 'CONTENT_UNFIT';
    const bytes = Buffer.from(text);
    assert.throws(() => wire([bytes]), isUnfit);
    assert.throws(() => wire([...bytes].map((byte) => Uint8Array.of(byte))), isUnfit);
  });
}

test('four million dot lines cost linear time', () => {
  const chunk = Buffer.from('.\r\n'.repeat(20_000));
  const stuffer = new DotStuffer();
  let bytes = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < 200; i++) bytes += stuffer.stuff(chunk).length;
  assert.equal(bytes, 200 * 80_000);
  assert.ok(process.cpuUsage(before).user < 5_000_000, 'takes seconds of CPU');
});
