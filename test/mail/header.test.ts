/** Header bytes: where fields begin and end, whatever hostile senders send. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fieldValue, HeaderCollector, headerFields } from '../../src/mail/header.ts';

function collected(text: string, sizes: number, limit = 1000): HeaderCollector {
  const collector = new HeaderCollector(limit);
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += sizes) collector.add(bytes.subarray(at, at + sizes));
  return collector;
}

test('the header ends at the first empty line, however the bytes are cut', () => {
  const text = 'A: 1\r\nB: 2\r\n folded\r\n\r\nbody\r\n\r\nC: 3\r\n';
  for (let sizes = 1; sizes <= text.length; sizes++) {
    const collector = collected(text, sizes);
    assert.equal(collector.bytes.toString(), 'A: 1\r\nB: 2\r\n folded\r\n', `cut every ${sizes}`);
    assert.equal(collector.isTooLarge, false);
  }
});

test('the header stays when whoever brought it lets go of its memory', () => {
  const collector = new HeaderCollector(1000);
  for (const text of ['A: 1\r\nB', ': 2\r\n\r\nbody']) {
    const chunk = Buffer.from(new TextEncoder().encode(text).buffer);
    collector.add(chunk);
    chunk.fill('x');
  }
  assert.equal(collector.bytes.toString(), 'A: 1\r\nB: 2\r\n');
});

test('a message that begins with an empty line has an empty header', () => {
  assert.equal(collected('\r\nbody\r\n', 1).bytes.length, 0);
});

test('a header over its limit is noticed, ended or not', () => {
  const field = `X: ${'y'.repeat(94)}\r\n`;
  assert.equal(collected(field.repeat(11), 7).isTooLarge, true);
  assert.equal(collected(`${field.repeat(11)}\r\n`, 5000).isTooLarge, true);
  assert.equal(collected(`${field.repeat(10)}\r\n`, 5000).isTooLarge, false);
});

test('fields are found with folds, odd spacing and lines that are none', () => {
  const bytes = Buffer.from('From x\r\nA : 1\r\nb:2\r\n\t3\r\nno field\r\n: empty\r\nC:\r\n');
  const fields = headerFields(bytes);
  assert.deepEqual(
    fields.map((field) => [field.name, fieldValue(bytes, field, 100)]),
    [
      ['a', '1'],
      ['b', '2 3'],
      ['c', ''],
    ],
  );
});

const NO_HEADER = [' folded: x\r\n', '\tfolded\r\n', 'just text\r\n', 'x'.repeat(2000)];

test('content whose first line is no field has no header, however it is cut and however long', () => {
  for (const begin of NO_HEADER) {
    for (const sizes of [1, 7, 5000]) {
      const header = collected(begin.padEnd(3000, '\r\nA: b'), sizes);
      assert.equal(header.isMissing, true, `${begin.slice(0, 20)} cut every ${sizes}`);
      assert.equal(header.isTooLarge, false);
      assert.equal(header.bytes.length, 0);
    }
  }
  // A line that never ends: only content that came in chunks.
  for (const begin of ['hello', ' folded', ':']) {
    for (const sizes of [1, 5000]) assert.equal(collected(begin, sizes).isMissing, true, begin);
  }
  for (const begin of ['', 'Subject: x']) assert.equal(collected(begin, 1).isMissing, false, begin);
  for (const begin of ['Subject: x\r\n', '\r\nbody\r\n', 'From anna Mon\r\n', 'A : b\r\n']) {
    for (const sizes of [1, 7, 5000]) assert.equal(collected(begin, sizes).isMissing, false, begin);
  }
});
