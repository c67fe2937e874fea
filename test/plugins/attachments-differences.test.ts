/**
 * Where mail programs read the same bytes in different ways, the attachments plugin finds what any of
 * them would show: odd fields, encodings and archives that hide a file from one reader alone.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { foundIn } from '../../plugins/attachments/office.ts';
import { fieldsOf } from '../../plugins/shared/parameters.ts';
import { decoderOf } from '../../plugins/shared/transfer-encoding.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { filterOf } from '../support/filter-host.ts';
import { storedZip } from '../support/stored-zip.ts';

const PROGRAM = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]);
const HELLO = Buffer.from('hello');
const LIMITS = { bytes: 64 * 1024 * 1024, depth: 8 };
const RULES = { names: ['*.exe'], kinds: ['exe'] };

function mailOf(type: string, ...parts: readonly string[]): Buffer {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join('');
  return Buffer.from(`Subject: x\r\nContent-Type: ${type}\r\n\r\n${body}--b--\r\n`, 'latin1');
}

function attached(disposition: string): Buffer {
  const part = `Content-Disposition: attachment; ${disposition}\r\n\r\nhello`;
  return mailOf('multipart/mixed; boundary=b', part);
}

test('a name is found in every reading of its field', async () => {
  const { judge } = await filterOf('attachments', {});
  const bad: Record<string, string> = {
    'words behind the quotes': 'filename="a.exe" x',
    'a comment behind the quotes': 'filename="a.exe" (x)',
    'a comment behind the word': 'filename=a.exe (x)',
    'words behind the word': 'filename=a.exe x',
    'a comment before the equals sign': 'filename (x) = a.exe',
    'a quote in a comment': 'x=y ("); filename=a.exe',
    'a quote that is never closed': 'x="y; filename=a.exe',
    'a piece that is missing': 'filename*0=a.exe; filename*2=.txt',
    'a piece that is there twice, the first one': 'filename*0=a.exe; filename*0=.txt',
    'a piece that is there twice, the last one': 'filename*0=b; filename*0=a; filename*1=.exe',
    'a zero octet': "filename*=utf-8''a.exe%00.txt",
    'a colon that programs replace': 'filename="report:a.exe"',
    'a fold within': 'filename="a.\r\n exe"',
    'UTF-7 in a word (RFC 2047)': 'filename="=?utf-7?Q?a+AC4-exe?="',
    'UTF-7 in octets (RFC 2231)': "filename*=unicode-1-1-utf-7''a+AC4AZQB4AGU-",
  };
  for (const [what, disposition] of Object.entries(bad)) {
    const verdict = await judge(attached(disposition));
    assert.deepEqual([verdict.kind, verdict.tests], ['refuse', ['ATTACHMENT_NAME']], what);
  }
  for (const field of ['attachment filename=a.exe', 'attachment, filename="a.exe"', 'name=a.exe']) {
    const part = `Content-Disposition: ${field}\r\n\r\nhello`;
    const { kind } = await judge(mailOf('multipart/mixed; boundary=b', part));
    assert.equal(kind, 'refuse', field);
  }
  for (const name of ['a (exe).pdf', 'a;b.pdf', 'a "exe" b.pdf', '10:30.pdf']) {
    const quoted = name.replaceAll('"', '\\"');
    assert.equal((await judge(attached(`filename="${quoted}"`))).kind, 'pass', name);
  }
});

test('a field of one long word costs no time', async () => {
  const { judge } = await filterOf('attachments', {});
  const startedAt = cpuMs();
  const word = 'a'.repeat(200_000);
  assert.equal((await judge(attached(`${word} x=y; filename=a.txt`))).kind, 'pass');
  assert.equal((await judge(attached(`${word} filename=a.exe`))).kind, 'refuse');
  assert.ok(cpuMs() - startedAt < 5000);
});

test('parts are found in every reading of the type', async () => {
  const { judge } = await filterOf('attachments', {});
  const part = 'Content-Type: text/plain; name=a.exe\r\n\r\nhello';
  for (const type of [
    'multipart/mixed; boundary="b" x',
    'multipart/mixed; boundary="b" (x)',
    'multipart/mixed; boundary=b (x)',
    'multipart/mixed; boundary (x) =b',
    '(x) multipart/mixed; boundary=b',
    'multipart/mixed (";"); boundary=b',
    'multipart / mixed; boundary=b',
    '"multipart/mixed"; boundary=b',
    'multipart/mixed boundary=b',
    'multipart/mixed',
    'multipart',
    'multipart/mixed; boundary=""',
    'multipart/mixed; boundary=other',
    "multipart/mixed; boundary='b'",
  ]) {
    assert.equal((await judge(mailOf(type, part))).kind, 'refuse', type);
  }
  for (const type of ['message/rfc822 (x)', 'message/rfc822 x', '(x) message/rfc822']) {
    const message = `Content-Type: ${type}\r\n\r\n${part}`;
    const mail = mailOf('multipart/mixed; boundary=b', message);
    assert.equal((await judge(mail)).kind, 'refuse', type);
  }
});

test('a boundary is what stands there, encoded words or not', async () => {
  const { judge } = await filterOf('attachments', {});
  const odd = '=?utf-8?Q?b?=';
  const part = 'Content-Type: text/plain; name=a.exe\r\n\r\nhello';
  const mail = `Content-Type: multipart/mixed; boundary="${odd}"\r\n\r\n--${odd}\r\n${part}\r\n`;
  assert.equal((await judge(Buffer.from(mail))).kind, 'refuse');
});

test('a line like a boundary before the first one hides no part', async () => {
  const { judge } = await filterOf('attachments', {});
  const part = 'Content-Type: text/plain; name=a.exe\r\n\r\nhello';
  for (const first of ['--x', '--x\r\n\r\nwords', '--', '--x--']) {
    const inner = `Content-Type: multipart/mixed; boundary=in\r\n\r\n${first}\r\n--in\r\n${part}`;
    const outer = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${first}\r\n--b\r\n`;
    for (const mail of [`${outer}${part}`, `${outer}${inner}`, `${outer}${inner}\r\n--in--`]) {
      assert.equal((await judge(Buffer.from(`${mail}\r\n--b--\r\n`))).kind, 'refuse', mail);
    }
  }
});

test('a dash line in a part is no boundary once the declared one has come', async () => {
  const { judge } = await filterOf('attachments', {});
  const hidden =
    'Content-Type: text/plain\r\n\r\nhello\r\n-- \r\nContent-Type: a/b; name=a.exe\r\n';
  assert.equal((await judge(mailOf('multipart/mixed; boundary=b', hidden))).kind, 'pass');
});

test('a multipart is walked through as it is and as its encoding has it', async () => {
  const { judge } = await filterOf('attachments', {});
  const part = 'Content-Type: text/plain; name=a.exe\r\n\r\nhello';
  const parts = `--b\r\n${part}\r\n--b--\r\n`;
  for (const body of [parts, Buffer.from(parts).toString('base64')]) {
    const head =
      'Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n';
    assert.equal((await judge(Buffer.from(`${head}\r\n${body}`))).kind, 'refuse', body);
  }
});

test('a piece of a message cannot be examined', async () => {
  const { judge } = await filterOf('attachments', {});
  const mail = 'Content-Type: message/partial; id=a; number=2; total=3\r\n\r\nhello';
  const { kind, tests } = await judge(Buffer.from(mail));
  assert.deepEqual([kind, tests], ['quarantine', ['ATTACHMENT_UNEXAMINED']]);
});

test('one honest field has each of its parameters once', () => {
  const header = 'Content-Type: multipart/mixed (odd); boundary="a b"; charset=utf-8\r\n';
  assert.deepEqual(fieldsOf(header, 'content-type'), [
    {
      word: 'multipart/mixed',
      parameters: [
        { name: 'boundary', value: 'a b' },
        { name: 'charset', value: 'utf-8' },
      ],
    },
  ]);
});

test('an encoding counts with a comment or words behind it', async () => {
  const { judge } = await filterOf('attachments', {});
  const code = PROGRAM.toString('base64');
  for (const encoding of [
    'base64 (x)',
    '(x) base64',
    'base64 x',
    '"base64"',
    'base64, 8bit',
    '7bit base64',
    'x-base64',
    'base-64',
  ]) {
    const part = `Content-Type: a/b\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${code}`;
    const { kind, tests } = await judge(mailOf('multipart/mixed; boundary=b', part));
    assert.deepEqual([kind, tests], ['refuse', ['ATTACHMENT_KIND']], encoding);
  }
});

test('base64: other characters are no code, and padding within it begins anew', () => {
  const read = (code: string, step = code.length) => {
    const decoder = decoderOf('base64');
    const pieces: Buffer[] = [];
    for (let at = 0; at < code.length; at += step) {
      pieces.push(decoder.push(Buffer.from(code.slice(at, at + step))));
    }
    return Buffer.concat([...pieces, decoder.end()]).toString();
  };
  const rest = Buffer.from('Zhello').toString('base64');
  for (const step of [1, 3, 1000]) {
    assert.equal(read(`TQ==${rest}`, step), 'MZhello');
    assert.equal(read(`TQ=\r\n=${rest}`, step), 'MZhello');
    assert.equal(read(`TV-p_o-ZW.x!sbw==`, step), read('TVpoZWxsbw==', step));
  }
});

test('a mail attached as a file is looked into, whatever its type', async () => {
  const { judge } = await filterOf('attachments', {});
  const inner = 'Subject: y\r\nContent-Type: text/plain; name=a.exe\r\n\r\nhello';
  const coded = Buffer.from(inner).toString('base64');
  const head = 'Content-Type: application/octet-stream; name="x.EML"\r\n';
  for (const part of [
    `${head}\r\n${inner}`,
    `${head}Content-Transfer-Encoding: base64\r\n\r\n${coded}`,
  ]) {
    const verdict = await judge(mailOf('multipart/mixed; boundary=b', part));
    assert.deepEqual([verdict.kind, verdict.tests], ['refuse', ['ATTACHMENT_NAME']], part);
  }
});

function namesIn(zip: Buffer): readonly string[] {
  return foundIn(zip, LIMITS, 'x.zip', RULES).names;
}

test('a zip hides no file from one reader alone', () => {
  const evil = storedZip({ 'a.exe': HELLO });
  const good = storedZip({ 'a.txt': HELLO });
  assert.deepEqual(namesIn(Buffer.concat([evil, good])), ['*.exe'], 'before another one');
  assert.deepEqual(namesIn(Buffer.concat([good, evil])), ['*.exe'], 'behind another one');
  const both = storedZip({ 'a.txt': HELLO, 'a.exe': HELLO });
  const few = Buffer.from(both);
  few.writeUInt16LE(1, few.length - 12);
  assert.deepEqual(namesIn(few), ['*.exe'], 'the end tells of fewer files');
  const ofOne = good.subarray(good.indexOf('PK\x01\x02'));
  const commented = Buffer.concat([both, ofOne]);
  commented.writeUInt16LE(ofOne.length, both.length - 2);
  assert.deepEqual(namesIn(commented), ['*.exe'], 'a second directory in the comment');
  const renamed = Buffer.from(evil);
  renamed.write('a.txt', renamed.indexOf('PK\x01\x02') + 46);
  assert.deepEqual(namesIn(renamed), ['*.exe'], 'another name in its own header');
  const junk = Buffer.concat([Buffer.from('GIF89a, and more'), evil]);
  assert.deepEqual(namesIn(junk), ['*.exe'], 'behind what is no archive');
  const repaired = Buffer.concat([Buffer.from('junk'), storedZip({ 'xl/vbaProject.bin': HELLO })]);
  assert.deepEqual(foundIn(repaired, LIMITS, 'x.xlsm', RULES).findings, ['vba'], 'a document too');
  assert.deepEqual(foundIn(HELLO, LIMITS, 'x.zip', RULES).findings, [], 'none, but called so');
  const honest = foundIn(storedZip({ 'z.zip': both }), LIMITS, '', RULES);
  assert.deepEqual([honest.names, honest.findings], [['*.exe'], []]);
});

test('a zero octet in a name of a zip ends it or is nothing', () => {
  for (const name of ['a.exe\0.txt', 'a.e\0xe']) {
    assert.deepEqual(namesIn(storedZip({ [name]: HELLO })), ['*.exe'], name);
  }
});

test('a formula that starts a program counts in text under the name of a workbook', () => {
  const text = Buffer.from("a\tb\n=cmd|' /C calc'!A0\n");
  assert.deepEqual(foundIn(text, LIMITS, 'x.xls', RULES).findings, ['dde']);
  assert.deepEqual(foundIn(text, LIMITS, 'x.txt', RULES).findings, []);
});

test('a name in the extra field of a zip counts (APPNOTE 4.6.9)', () => {
  const zip = storedZip({ 'a.txt': HELLO });
  const directory = zip.indexOf('PK\x01\x02');
  const name = Buffer.from('a.exe');
  const extra = Buffer.alloc(9 + name.length);
  extra.writeUInt16LE(0x7075, 0);
  extra.writeUInt16LE(5 + name.length, 2);
  extra.writeUInt8(1, 4);
  name.copy(extra, 9);
  const end = zip.length - 22;
  const long = Buffer.concat([zip.subarray(0, end), extra, zip.subarray(end)]);
  long.writeUInt16LE(extra.length, directory + 30);
  long.writeUInt32LE(end + extra.length - directory, long.length - 10);
  assert.deepEqual(namesIn(long), ['*.exe']);
});

test('a mark for a password in the directory alone hides nothing', () => {
  const zip = storedZip({ 'a.bin': PROGRAM });
  zip.writeUInt16LE(1, zip.indexOf('PK\x01\x02') + 8);
  assert.deepEqual(foundIn(zip, LIMITS, '', RULES).kinds, ['exe']);
});
