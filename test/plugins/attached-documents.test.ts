/**
 * Documents in mail, through the attachments plugin in the real host: found in every transfer encoding,
 * judged by the rules for macros and encryption, and none of them holds up the others.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { DocumentExaminer } from '../../plugins/attachments/document-examiner.ts';
import type { DocumentAnswer } from '../../plugins/attachments/document-thread.ts';
import type { TransferEncoding } from '../../plugins/shared/transfer-encoding.ts';
import { decoderOf } from '../../plugins/shared/transfer-encoding.ts';
import { CORPUS, hasCorpus } from '../support/corpus.ts';
import { filterOf } from '../support/filter-host.ts';
import { NEVER } from '../support/filter-view.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { storedZip } from '../support/stored-zip.ts';
import { missing } from '../support/real-component.ts';

const MACRO = storedZip({
  '[Content_Types].xml': Buffer.from('<Types/>'),
  // More than is decoded at a time, with every octet there is.
  'word/media/a.bin': Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256)),
  'word/vbaProject.bin': Buffer.from('x'),
});
const CLEAN = storedZip({ '[Content_Types].xml': Buffer.from('<Types/>') });

const lines = (text: string) => text.replace(/(.{76})/g, '$1\r\n');

function quoted(bytes: Uint8Array): string {
  const codes = [...bytes].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`);
  return codes.join('').replace(/((?:=..){25})/g, '$1=\r\n');
}

function uuencoded(bytes: Buffer): string {
  const made: string[] = [];
  const char = (value: number) => String.fromCharCode(value === 0 ? 96 : value + 32);
  for (let at = 0; at < bytes.length; at += 45) {
    const line = bytes.subarray(at, at + 45);
    const padded = Buffer.concat([line, Buffer.alloc(2)]);
    let text = char(line.length);
    for (let three = 0; three < line.length; three += 3) {
      const word = padded.readUIntBE(three, 3);
      for (const shift of [18, 12, 6, 0]) text += char((word >> shift) & 63);
    }
    made.push(text);
  }
  return [...made, '`', 'end', ''].join('\r\n');
}

function mailOf(header: string, body: string): Buffer {
  return Buffer.from(`Subject: x\r\n${header}\r\n${body}\r\n`, 'latin1');
}

function attached(bytes: Buffer, name = 'a.docx'): Buffer {
  const header =
    `Content-Disposition: attachment; filename=${name}\r\n` +
    'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n';
  return mailOf(header, lines(bytes.toString('base64')));
}

test('a macro is found in every encoding; a clean document passes', async () => {
  const { judge } = await filterOf('attachments', {});
  const encoding = (word: string) => `Content-Transfer-Encoding: ${word}\r\n`;
  const base64 = lines(MACRO.toString('base64'));
  const mails: Record<string, Buffer> = {
    base64: mailOf(encoding('base64'), base64),
    'base64 as one line': mailOf(encoding('base64'), MACRO.toString('base64')),
    'two encodings': mailOf(encoding('8bit') + encoding('BASE64'), base64),
    'quoted-printable': mailOf(encoding('quoted-printable'), quoted(MACRO)),
    binary: mailOf(encoding('binary'), MACRO.toString('latin1')),
    none: mailOf('', MACRO.toString('latin1')),
    uuencode: mailOf('', `hello\r\nbegin 644 a.docm\r\n${uuencoded(MACRO)}`),
    'uuencode in preamble': mailOf(
      'Content-Type: multipart/mixed; boundary=b\r\n',
      `begin 644 a.docm\r\n${uuencoded(MACRO)}--b\r\n\r\nx\r\n--b--`,
    ),
    'base64 in text': mailOf('', `begin-base64 644 a.docm\r\n${base64}\r\n====`),
    'as x-uuencode': mailOf(encoding('x-uuencode'), `begin 644 a.docm\r\n${uuencoded(MACRO)}`),
  };
  for (const [what, mail] of Object.entries(mails)) {
    const verdict = await judge(mail);
    assert.deepEqual([verdict.kind, verdict.tests], ['refuse', ['ATTACHMENT_MACRO']], what);
    assert.equal(verdict.results?.['attachment'], 'VBA macros', what);
  }
  assert.equal((await judge(attached(CLEAN))).kind, 'pass');
});

test('macros and encryption have their rules', async () => {
  const mail = attached(MACRO);
  const verdictOf = async (options: object, content = mail) =>
    (await filterOf('attachments', { ...options })).judge(content);
  assert.equal((await verdictOf({ macros_action: 'quarantine' })).kind, 'quarantine');
  assert.deepEqual((await verdictOf({ macros_action: 'tag' })).fields, [
    { name: 'X-Attachment-Rule', value: 'ATTACHMENT_MACRO VBA macros' },
  ]);
  assert.equal((await verdictOf({ macros_action: 'off' })).kind, 'pass');
  assert.equal((await verdictOf({ macros: 'dde' })).kind, 'pass');
  const locked = Buffer.from(CLEAN);
  locked[locked.indexOf('PK\x01\x02', 0, 'latin1') + 8] = 1;
  assert.equal((await verdictOf({}, attached(locked))).kind, 'pass');
  const refused = await verdictOf({ encrypted_action: 'reject' }, attached(locked));
  assert.deepEqual([refused.kind, refused.tests], ['refuse', ['ATTACHMENT_ENCRYPTED']]);
  const table = attached(Buffer.from("=cmd|'/c x'!A0\r\n"), 'list.csv');
  assert.deepEqual((await verdictOf({}, table)).results?.['attachment'], 'DDE links');
});

test('a document beyond the limits is unexamined, never passed by', async () => {
  const { judge, log } = await filterOf('attachments', { document_timeout: '1ms' });
  const late = await judge(attached(MACRO));
  assert.deepEqual([late.kind, late.tests], ['quarantine', ['ATTACHMENT_UNEXAMINED']]);
  assert.ok(JSON.stringify(log.events).includes('too much time'));
  const large = await filterOf('attachments', { max_document: '64KiB' });
  assert.deepEqual((await large.judge(attached(MACRO))).tests, ['ATTACHMENT_UNEXAMINED']);
  const nested = attached(storedZip({ 'a.zip': storedZip({ 'b.zip': CLEAN }) }));
  const flat = await filterOf('attachments', { max_nested: 1 });
  assert.deepEqual((await flat.judge(nested)).tests, ['ATTACHMENT_UNEXAMINED']);
  const deep = await filterOf('attachments', {});
  assert.equal((await deep.judge(nested)).kind, 'pass');
});

/** A task for a thread. */
function taskOf(document: Buffer) {
  const limits = { bytes: 1 << 28, depth: 8 };
  return { pieces: [Buffer.from(document)], name: '', limits, rules: { names: [], kinds: [] } };
}

/** Many small strings, and seconds of work: a field of RTF in every tenth octet. */
function fields(bytes: number): Buffer {
  return Buffer.from(`{\\rtf1${'\\fldinst '.repeat(bytes / 10)}}`);
}

const hasMacro = (answer: DocumentAnswer) =>
  answer.kind === 'found' && answer.found.findings.join() === 'vba';

test('threads: one that runs out of memory or of time costs its own document and no other', async () => {
  const examiner = new DocumentExaminer(16);
  const memory = await examiner.examine(taskOf(fields(3_000_000)), 20_000, NEVER);
  assert.deepEqual(memory, { kind: 'failed', error: 'a document takes too much memory' });
  assert.ok(hasMacro(await examiner.examine(taskOf(MACRO), 20_000, NEVER)));
  await examiner.stop();
  const roomy = new DocumentExaminer();
  const startedAt = performance.now();
  const time = await roomy.examine(taskOf(fields(30_000_000)), 100, NEVER);
  assert.deepEqual(time, { kind: 'failed', error: 'a document takes too much time' });
  assert.ok(performance.now() - startedAt < 2000, 'at its time, not at its end');
  assert.ok(hasMacro(await roomy.examine(taskOf(MACRO), 20_000, NEVER)));
  // Both of them at work, and one more that waits for its turn.
  const late = [1, 2].map(() => roomy.examine(taskOf(fields(30_000_000)), 100, NEVER));
  const after = roomy.examine(taskOf(MACRO), 20_000, NEVER);
  assert.deepEqual(await Promise.all(late), [time, time]);
  assert.ok(hasMacro(await after));
  await roomy.stop();
});

test('threads: many at once, one that is given up holds nothing', async () => {
  const examiner = new DocumentExaminer();
  const task = () => taskOf(MACRO);
  const many = Array.from({ length: 12 }, () => examiner.examine(task(), 20_000, NEVER));
  const given = new AbortController();
  const aborted = assert.rejects(examiner.examine(task(), 20_000, given.signal), /given up/);
  given.abort(new Error('given up'));
  await aborted;
  assert.ok((await Promise.all(many)).every(hasMacro));
  assert.ok(hasMacro(await examiner.examine(task(), 20_000, NEVER)));
  await examiner.stop();
});

test('encodings are undone alike, wherever the pieces end', () => {
  const random = seededRandom(3);
  const bytes = MACRO.subarray(0, 5000);
  const coded: readonly (readonly [TransferEncoding, string])[] = [
    ['base64', lines(bytes.toString('base64'))],
    ['quoted-printable', quoted(bytes)],
    ['uuencode', uuencoded(bytes)],
    ['identity', bytes.toString('latin1')],
  ];
  for (const [encoding, text] of coded) {
    const raw = Buffer.from(text, 'latin1');
    for (let round = 0; round < 20; round++) {
      const decoder = decoderOf(encoding);
      const made: Buffer[] = [];
      for (let at = 0; at < raw.length;) {
        const next = at + 1 + Math.floor(random() * 200);
        made.push(decoder.push(raw.subarray(at, next)));
        at = next;
      }
      made.push(decoder.end());
      assert.ok(Buffer.concat(made).equals(bytes), `${encoding}, round ${round}`);
    }
  }
});

test('the documents of the corpus as attachments', async (t) => {
  if (!hasCorpus()) return missing(t, 'the corpus in ../shared/corpus');
  const { judge } = await filterOf('attachments', { encrypted_action: 'quarantine' });
  const file = (name: string) => readFileSync(join(CORPUS, 'office-documents', name));
  const expected: Record<string, readonly [string, string]> = {
    'oletools/sample_with_vba.ppt': ['refuse', 'VBA macros'],
    'oletools/excel4_sample_macro.slk': ['refuse', 'Excel 4 macros'],
    'apache-tika/testODSMacro.fods': ['refuse', 'OpenDocument macros'],
    'oletools/dde-test.xlsb': ['refuse', 'DDE links'],
    'oletools/encrypted.docx': ['quarantine', 'encrypted'],
  };
  for (const [name, [kind, what]] of Object.entries(expected)) {
    const verdict = await judge(attached(file(name)));
    assert.deepEqual([verdict.kind, verdict.results?.['attachment']], [kind, what], name);
  }
  assert.equal((await judge(attached(file('apache-tika/testEXCEL.xlsx')))).kind, 'pass');
});
