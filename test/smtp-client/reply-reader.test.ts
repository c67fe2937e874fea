/** Replies of a server: what is read, what is refused, and that cuts between chunks do not matter. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../../src/base/errors.ts';
import type { Reply } from '../../src/mail/reply.ts';
import { ReplyReader } from '../../src/smtp/reply-reader.ts';

function read(chunks: readonly (string | Buffer)[]): Reply[] {
  const replies: Reply[] = [];
  const reader = new ReplyReader((reply) => replies.push(reply) > 0);
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return replies;
}

const GOOD: readonly [name: string, wire: string, replies: readonly Reply[]][] = [
  ['one line', '250 Ok\r\n', [{ code: 250, lines: ['Ok'] }]],
  ['no text', '354\r\n', [{ code: 354, lines: [''] }]],
  ['empty text', '354 \r\n', [{ code: 354, lines: [''] }]],
  ['enhanced code', '550 5.1.1 no', [{ code: 550, enhanced: '5.1.1', lines: ['no'] }]],
  ['enhanced code alone', '250 2.0.0', [{ code: 250, enhanced: '2.0.0', lines: [''] }]],
  ['enhanced code of another class', '550 4.1.1 no', [{ code: 550, lines: ['4.1.1 no'] }]],
  ['no enhanced code', '220 2.0 x', [{ code: 220, lines: ['2.0 x'] }]],
  ['several lines', '250-a\r\n250-b\r\n250 c', [{ code: 250, lines: ['a', 'b', 'c'] }]],
  [
    'several lines with enhanced codes',
    '550-5.7.1 a\r\n550-5.7.1 b\r\n550 5.7.1 c',
    [{ code: 550, enhanced: '5.7.1', lines: ['a', 'b', 'c'] }],
  ],
  [
    'several replies',
    '250 a\r\n550 b\r\n354 c',
    [
      { code: 250, lines: ['a'] },
      { code: 550, lines: ['b'] },
      { code: 354, lines: ['c'] },
    ],
  ],
  ['a line longer than 512', `250 ${'x'.repeat(4000)}`, [{ code: 250, lines: ['x'.repeat(4000)] }]],
  ['UTF-8', '250 grüße', [{ code: 250, lines: ['grüße'] }]],
];

for (const [name, wire, expected] of GOOD) {
  test(`reply: ${name}`, () => {
    const bytes = Buffer.from(wire.endsWith('\r\n') ? wire : `${wire}\r\n`);
    assert.deepEqual(read([bytes]), expected);
    assert.deepEqual(read([...bytes].map((byte) => Buffer.of(byte))), expected, 'byte by byte');
    for (let cut = 1; cut < bytes.length; cut += Math.ceil(bytes.length / 50)) {
      assert.deepEqual(
        read([bytes.subarray(0, cut), bytes.subarray(cut)]),
        expected,
        `cut at ${cut}`,
      );
    }
  });
}

const BROKEN: readonly [name: string, wire: string][] = [
  ['bare LF', '250 Ok\n'],
  ['bare LF at the start', '\n'],
  ['empty line', '\r\n'],
  ['bare CR', '250 O\rk\r\n'],
  ['NUL', '250 O\0k\r\n'],
  ['no code', 'hello there\r\n'],
  ['code of class 1', '150 hm\r\n'],
  ['code of class 6', '650 hm\r\n'],
  ['code of two digits', '25 hm\r\n'],
  ['code of four digits', '2500 hm\r\n'],
  ['digits beyond ASCII', '２５０ hm\r\n'],
  ['mixed codes', '250-a\r\n251 b\r\n'],
  ['line too long', `250 ${'x'.repeat(4096)}\r\n`],
  ['endless line', 'x'.repeat(5000)],
  ['endless reply', '250-x\r\n'.repeat(101)],
  ['large reply', `250-${'x'.repeat(4000)}\r\n`.repeat(20)],
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n'],
];

for (const [name, wire] of BROKEN) {
  test(`broken reply: ${name}`, () => {
    const isBroken = (error: unknown) =>
      error instanceof CodedError && error.code === 'PEER_PROTOCOL';
    assert.throws(() => read([wire]), isBroken);
    assert.throws(() => read([...Buffer.from(wire)].map((byte) => Buffer.of(byte))), isBroken);
  });
}

test('replies of several lines are bounded each, not together', () => {
  assert.equal(read(['250-a\r\n250 b\r\n'.repeat(500)]).length, 500);
  assert.equal(read([`250 ${'x'.repeat(4000)}\r\n`.repeat(100)]).length, 100);
});

test('the rest of a chunk is thrown away when the taker says so, an unfinished line as well', () => {
  const replies: string[] = [];
  const reader = new ReplyReader((reply) => {
    replies.push(reply.lines.join());
    return reply.lines[0] !== 'stop';
  });
  reader.push(Buffer.from('220 stop\r\n250 injected\r\n250 unfini'));
  reader.push(Buffer.from('250 clean\r\n'));
  assert.deepEqual(replies, ['stop', 'clean']);
});

test('whatever comes, it ends in replies or in PEER_PROTOCOL', () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom('250 ', '250-', '\r\n', '\n', '\r', '5.1.1 ').map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      try {
        for (const reply of read(parts.map((bytes) => Buffer.from(bytes)))) {
          assert.ok(reply.code >= 200 && reply.code < 600);
        }
      } catch (error) {
        assert.ok(error instanceof CodedError && error.code === 'PEER_PROTOCOL', String(error));
      }
    }),
  );
});
