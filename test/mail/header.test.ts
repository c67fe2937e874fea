/** Header bytes: where fields begin and end, whatever hostile senders send. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  beginsWithField,
  fieldValue,
  HeaderCollector,
  headerFields,
} from '../../src/mail/header.ts';

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

test('content whose first line is no field must not be joined to ours', () => {
  assert.equal(beginsWithField(Buffer.from('Subject: x\r\n')), true);
  assert.equal(beginsWithField(Buffer.from('\r\nbody')), true);
  assert.equal(beginsWithField(Buffer.from('From anna Mon\r\n')), true);
  assert.equal(beginsWithField(Buffer.from(' folded: x\r\n')), false);
  assert.equal(beginsWithField(Buffer.from('\tfolded\r\n')), false);
  assert.equal(beginsWithField(Buffer.from('just text\r\n')), false);
});
