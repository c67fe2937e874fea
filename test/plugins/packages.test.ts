/**
 * Files that a person has put into a document meet the rules for names and kinds: in compound files, in
 * RTF however its digits are written, and in notebooks of OneNote.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Found } from '../../plugins/attachments/finding.ts';
import { foundIn } from '../../plugins/attachments/office.ts';
import { packaged } from '../../plugins/attachments/package.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { oleFile } from '../support/ole-file.ts';
import { storedZip } from '../support/stored-zip.ts';

const LIMITS = { bytes: 64 * 1024 * 1024, depth: 8 };
const HELLO = Buffer.from('hello');
const PROGRAM = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]);

const found = (document: Uint8Array): Found =>
  foundIn(document, LIMITS, '', { names: ['*.js'], kinds: ['exe'] });

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const counted = (text: string) => Buffer.concat([u32(text.length), Buffer.from(text, 'latin1')]);

/** What an object of the class Package holds. */
function packageOf(content: Buffer, label: string, path = 'C:\\a.txt', copy = path): Buffer {
  const texts = Buffer.from(`\x02\0${label}\0${path}\0\0\0\x03\0`, 'latin1');
  return Buffer.concat([texts, counted(`${copy}\0`), u32(content.length), content]);
}

const native = (data: Buffer) => Buffer.concat([u32(data.length), data]);
const compound = (data: Buffer) => oleFile({ '\x01Ole10Native': native(data) });

/** The octets of an object of OLE 1. */
function object(data: Buffer, ofClass = 'Package'): Buffer {
  const head = Buffer.concat([u32(0x501), u32(2), counted(`${ofClass}\0`)]);
  return Buffer.concat([head, counted('\0'), counted(''), native(data)]);
}

const rtf = (digits: string) => Buffer.from(`{\\rtf1{\\object{\\*\\objdata ${digits}}}}`, 'latin1');
const spaced = (digits: string) => digits.replace(/.{7}/g, '$&\r\n{\\x}\\par ');

test('a file in a document meets the rules by each of its names and by what it is', () => {
  const documents: Record<string, Buffer> = {
    'by its label': compound(packageOf(HELLO, 'a.js')),
    'by its path': compound(packageOf(HELLO, 'a.txt', 'C:\\x\\a.js')),
    'by the path of its copy': compound(packageOf(HELLO, 'a.txt', 'C:\\a.txt', 'C:\\a.js')),
    'in a document of Word': storedZip({
      'word/embeddings/oleObject1.bin': compound(packageOf(HELLO, 'a.js')),
    }),
    'in RTF': rtf(object(packageOf(HELLO, 'a.js')).toString('hex')),
    'in RTF, with controls between the digits': rtf(
      spaced(object(packageOf(HELLO, 'a.js')).toString('hex')),
    ),
    'in RTF, a class in capitals': rtf(object(packageOf(HELLO, 'a.js'), 'PACKAGE').toString('hex')),
    'in an archive in it': compound(packageOf(storedZip({ 'a.js': HELLO }), 'a.zip')),
  };
  for (const [what, document] of Object.entries(documents)) {
    assert.deepEqual(found(document).names, ['*.js'], what);
  }
  const program = packageOf(PROGRAM, 'a.txt');
  const binary = object(program);
  const digits = binary.toString('hex');
  for (const [what, document] of Object.entries({
    'a compound file': compound(program),
    'no name': compound(packageOf(PROGRAM, '', '', '')),
    RTF: rtf(digits),
    'RTF with octets as they are': rtf(`\\bin${binary.length} ${binary.toString('latin1')}`),
    'RTF with both': rtf(
      `${digits.slice(0, 20)}\\bin30 ${binary.toString('latin1', 10, 40)}${digits.slice(80)}`,
    ),
  })) {
    assert.deepEqual(found(document).kinds, ['exe'], what);
  }
});

test('a file in a notebook meets them by what it is', () => {
  const head = Buffer.from('e4525c7b8cd8a74daeb15378d02996d3', 'hex');
  const mark = Buffer.from('e716e3bd65261145a4c48d4d0b7a9eac', 'hex');
  const files = [HELLO, PROGRAM].map((content) =>
    Buffer.concat([mark, u32(content.length), Buffer.alloc(16), content]),
  );
  assert.deepEqual(found(Buffer.concat([head, Buffer.alloc(100), ...files])).kinds, ['exe']);
});

test('a file in a notebook meets them by its name, which no text of a page is', () => {
  const wide = (text: string) => Buffer.from(text, 'utf16le');
  const text = (words: string) => Buffer.concat([u32(words.length * 2 + 2), wide(`${words}\0`)]);
  const notebook = (...parts: Buffer[]) =>
    Buffer.concat([
      Buffer.from('e4525c7b8cd8a74daeb15378d02996d3', 'hex'),
      ...[Buffer.alloc(99), ...parts, Buffer.alloc(50)],
    ]);
  for (const [name, path] of [
    ['run.js', 'Z:\\build\\run.js'],
    ['Öffnen Sie.JS', '/home/ö/Öffnen Sie.JS'],
    ['run.js', 'run.js'],
    ['run.js ', 'C:\\run.js '],
    ['run.js\u200b', 'C:\\run.js\u200b'],
    ['a\u202epdf.js', 'C:\\a\u202epdf.js'],
  ] as const) {
    const { names } = found(notebook(text('Double click'), text(name), text(path), text('end')));
    assert.deepEqual(names, ['*.js'], name);
  }
  const texts = [text('start it with run.js'), text('run.js'), text('see run.js'), wide('a.js\0')];
  assert.deepEqual(found(notebook(...texts)).names, []);
  assert.deepEqual(found(notebook(text('run.js'), u32(0xffff_fff0))).names, []);
  const many = Array.from({ length: 1100 }, (_, at) => [text(`${at}.txt`), text(`C:\\${at}.txt`)]);
  assert.deepEqual(found(notebook(...many.flat())).findings, ['unexamined']);
  const startedAt = cpuMs();
  found(notebook(wide('.a\0'.repeat(3_000_000))));
  found(notebook(text('.a\0'.repeat(3_000_000))));
  assert.ok(cpuMs() - startedAt < 5000, `${cpuMs() - startedAt} ms`);
});

test('a package that is cut short or tells wrong lengths is none, and no fault', () => {
  const whole = packageOf(HELLO, 'a.js');
  assert.equal(packaged(whole)?.content.toString(), 'hello');
  for (let length = 0; length < whole.length - HELLO.length; length++) {
    assert.equal(packaged(whole.subarray(0, length)), undefined, String(length));
  }
  const objects = object(whole);
  for (let at = 0; at < objects.length; at++) {
    const changed = Buffer.from(objects);
    changed[at] = 0xff;
    found(rtf(changed.toString('hex')));
  }
});
