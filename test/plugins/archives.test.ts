/**
 * Archives: the rules for names, kinds and disguises reach the files in them, encryption is told, and
 * whatever the bytes are, the work is bounded.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Found } from '../../plugins/attachments/finding.ts';
import { foundIn } from '../../plugins/attachments/office.ts';
import { CORPUS, corpusFiles, hasCorpus } from '../support/corpus.ts';
import { filterOf } from '../support/filter-host.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { marked, storedZip } from '../support/stored-zip.ts';
import { missing } from '../support/real-component.ts';

const LIMITS = { bytes: 64 * 1024 * 1024, depth: 8 };
const RULES = { names: ['*.exe', '*.com'], kinds: ['exe'] };
const PROGRAM = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]);
const HELLO = Buffer.from('hello');

function found(bytes: Uint8Array, name = ''): Found {
  return foundIn(bytes, LIMITS, name, RULES);
}

function tar(members: Readonly<Record<string, Buffer>>): Buffer {
  const files = Object.entries(members).map(([name, bytes]) => tarFile(name, bytes));
  return Buffer.concat([...files, Buffer.alloc(1024)]);
}

function tarFile(name: string, bytes: Buffer, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(bytes.length.toString(8).padStart(11, '0'), 124);
  header.write(`        ${type}`, 148, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, octet) => total + octet, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** Version 5: blocks of numbers with seven bits an octet, all of them small here. */
function rar5(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('Rar!\x1a\x07\x01\0', 'latin1'), ...blocks, block5([5, 0])]);
}

function block5(fields: readonly number[], data: Uint8Array = HELLO.subarray(5)): Buffer {
  const head = Buffer.from([0, 0, 0, 0, fields.length, ...fields]);
  return Buffer.concat([head, data]);
}

function stored5(name: string, bytes: Uint8Array, isEncrypted = false): Buffer {
  const length = [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  const extra = isEncrypted ? [1, 1] : [];
  const flags = isEncrypted ? [3, extra.length] : [2];
  return block5(
    [2, ...flags, ...length, 0, ...length, 0, 0, 0, name.length, ...Buffer.from(name), ...extra],
    bytes,
  );
}

function rar4(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('Rar!\x1a\x07\0', 'latin1'), ...blocks, block4(0x7b, 0, 7)]);
}

function block4(type: number, flags: number, size: number): Buffer {
  const head = Buffer.alloc(size);
  head[2] = type;
  head.writeUInt16LE(flags, 3);
  head.writeUInt16LE(size, 5);
  return head;
}

function stored4(name: string, bytes: Uint8Array, isEncrypted = false): Buffer {
  const head = block4(0x74, isEncrypted ? 4 : 0, 32 + name.length);
  head.writeUInt32LE(bytes.length, 7);
  head[25] = 0x30; // stored
  head.writeUInt16LE(name.length, 26);
  head.write(name, 32);
  return Buffer.concat([head, bytes]);
}

/** Written with the LZMA of xz: a 7z with a packed list of five files. */
const SEVEN_ZIP = Buffer.from(
  'N3q8ryccAASdeC/aTwAAAAAAAAAhAAAAAAAAAJinPh4AAIGwj+M+dgK0EhVnxOB+m+5S2pjd9Y5Ol/dP15E7Se4gXr+6AMW1px+hiMS1aWMNeQiIFcJh3+LQNtOJfwfgS7shGp2FQv0D//+fjgAAFwYAAQlPAAcLAQABIwMBAQVdAAABAAyAmQoBmd4k+AAA',
  'base64',
);

function needsCorpus(t: TestContext): boolean {
  if (!hasCorpus()) missing(t, 'the corpus in ../shared/corpus');
  return hasCorpus();
}

function corpusFile(path: string): Buffer {
  return readFileSync(join(CORPUS, path));
}

test('names, kinds and disguises are seen in zip, tar and gz, and nested', () => {
  const bad: Record<string, Uint8Array> = {
    zip: storedZip({ 'a.txt': HELLO, 'x\\y\\A.EXE': HELLO }),
    tar: tar({ 'a.txt': HELLO, 'x/a.exe': HELLO }),
    tgz: gzipSync(tar({ 'a.txt': HELLO, 'x/a.exe': HELLO })),
    'zip in tar in zip': storedZip({ 't.tar': tar({ 'z.zip': storedZip({ 'a.exe': HELLO }) }) }),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    assert.deepEqual(found(bytes).names, ['*.exe'], what);
    assert.deepEqual(found(bytes).findings, [], what);
  }
  assert.deepEqual(found(gzipSync(HELLO), 'a.exe.gz').names, ['*.exe'], 'by the name of the gz');
  assert.deepEqual(found(gzipSync(PROGRAM)).kinds, ['exe']);
  assert.deepEqual(found(storedZip({ 'a.txt': PROGRAM })).kinds, ['exe']);
  assert.deepEqual(found(tar({ 'a.txt': PROGRAM })).kinds, ['exe']);
  assert.ok(found(storedZip({ 'invoice.pdf.exe': HELLO })).isDisguised);
  const good = found(storedZip({ 'www.example.com/': Buffer.alloc(0), 'b/a.txt': HELLO }));
  assert.deepEqual([good.names, good.kinds, good.isDisguised], [[], [], false]);
});

test('a packed list of files in a 7z is read; damaged, it is told', () => {
  const { names, findings } = found(SEVEN_ZIP);
  assert.deepEqual([names, findings], [['*.exe'], []]);
  const random = seededRandom(5);
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(SEVEN_ZIP);
    bytes[32 + Math.floor(random() * (bytes.length - 32))] = Math.floor(random() * 256);
    found(bytes);
  }
  const cut = Buffer.from(SEVEN_ZIP);
  cut[33] = 0xff;
  assert.deepEqual(found(cut).findings, ['unexamined']);
});

test('RAR: names, what is stored as it is, and passwords', () => {
  const vba = storedZip({ 'word/vbaProject.bin': HELLO });
  const locked5 = block5([4, 0]);
  const locked4 = block4(0x73, 0x80, 13);
  const cut = Buffer.alloc(20);
  for (const [version, rar, stored, locked] of [
    [5, rar5, stored5, locked5],
    [4, rar4, stored4, locked4],
  ] as const) {
    const whole = found(rar(stored('a.txt', vba), stored('x/A.exe', PROGRAM)));
    assert.deepEqual([whole.names, whole.kinds], [['*.exe'], ['exe']], `${version}`);
    assert.deepEqual(whole.findings, ['vba'], `${version}`);
    assert.deepEqual(found(rar(stored('a.txt', vba, true))).findings, ['encrypted'], `${version}`);
    assert.deepEqual(found(rar(locked)).findings, ['encrypted'], `${version}`);
    assert.deepEqual(
      found(rar(stored('a.txt', HELLO), cut)).findings,
      ['unexamined'],
      `${version}`,
    );
  }
});

test('tar, gz and zip: what is told of the file, and what is cut', () => {
  const whole = tar({ 'a.exe': HELLO, 'b.txt': Buffer.alloc(2000, 7) });
  const { names, findings } = found(whole.subarray(0, 2100));
  assert.deepEqual([names, findings], [['*.exe'], ['unexamined']]);
  for (const told of [
    tarFile('L', Buffer.from('x/b.exe\0'), 'L'),
    tarFile('x', Buffer.from('14 path=b.exe\n'), 'x'),
  ]) {
    assert.deepEqual(found(Buffer.concat([told, tar({ a: HELLO })])).names, ['*.exe']);
  }
  const header = tarFile('x', Buffer.from('14 path=a.txt\n'), 'x');
  const twice = tarFile('x', Buffer.from('14 path=a.txt\n14 path=b.exe\n'), 'x');
  const ofAll = tarFile('x', Buffer.from('14 path=b.exe\n'), 'g');
  const sparse = tarFile('x', Buffer.from('25 GNU.sparse.name=b.exe\n'), 'x');
  for (const [why, told, name] of [
    ['the name in the header', header, 'b.exe'],
    ['the last of several', twice, 'a'],
    ['a name for all', ofAll, 'a'],
    ['the name of a sparse file', sparse, 'a'],
  ] as const) {
    assert.deepEqual(found(Buffer.concat([told, tar({ [name]: HELLO })])).names, ['*.exe'], why);
  }
  const empty = gzipSync(Buffer.alloc(0));
  const manyEmpty = Buffer.concat([...Array.from({ length: 300 }, () => empty), gzipSync(PROGRAM)]);
  assert.deepEqual(found(manyEmpty, 'a.gz').kinds, ['exe'], 'behind members that hold nothing');
  const packed = gzipSync(PROGRAM);
  const extra = Buffer.concat([packed.subarray(0, 10), Buffer.alloc(60_002), packed.subarray(10)]);
  extra[3] = 4;
  extra.writeUInt16LE(60_000, 10);
  assert.deepEqual(found(extra, 'a.gz').kinds, ['exe'], 'behind a long field');
  const plain = gzipSync(HELLO);
  const called = Buffer.concat([plain.subarray(0, 10), Buffer.from('a.exe\0'), plain.subarray(10)]);
  called[3] = 8;
  assert.deepEqual(found(called, 'a.gz').names, ['*.exe'], 'by the name in it');
  called.write('a.txt', 10);
  assert.deepEqual(found(called, 'a.exe.gz').names, ['*.exe'], 'by its own');
  const rules = { names: ['*.tar'], kinds: [] };
  assert.deepEqual(foundIn(gzipSync(whole), LIMITS, 'A.TGZ', rules).names, ['*.tar']);
  const locked = marked(storedZip({ 'a.exe': HELLO }), 'flags', 1, 1);
  assert.deepEqual([found(locked).names, found(locked).findings], [['*.exe'], ['encrypted']]);
  const plainZip = () => storedZip({ 'a.txt': HELLO });
  const vba = () => storedZip({ 'a.zip': storedZip({ 'word/vbaProject.bin': HELLO }) });
  for (const [own, listed] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const { findings } = found(marked(vba(), 'flags', own, listed));
    assert.deepEqual(
      findings,
      ['vba', 'encrypted'],
      'by one header, which not all programs believe',
    );
  }
  assert.deepEqual(found(marked(plainZip(), 'method', 0, 8)).findings, ['unexamined']);
  assert.deepEqual(found(marked(plainZip(), 'method', 8, 0)).findings, ['unexamined']);
});

test('a zip full of marks of members is bounded work, and says that not all was looked at', () => {
  const mark = Buffer.from('PK\x03\x04', 'latin1');
  const marks = Buffer.alloc(200_000, mark);
  const zip = storedZip({ 'a.txt': HELLO });
  for (const bytes of [marks, Buffer.concat([marks, zip])]) {
    const startedAt = performance.now();
    assert.deepEqual(found(bytes).findings.includes('unexamined'), true);
    assert.ok(performance.now() - startedAt < 3000);
  }
  const long = `${'x'.repeat(60_000)}/a.exe`;
  assert.deepEqual(found(storedZip({ [long]: HELLO })).names, ['*.exe'], 'a long name counts');
});

test('the rules for attachments count in archives, unless they are told not to', async () => {
  const base64 = storedZip({ 'setup.exe': HELLO }).toString('base64');
  const mail = Buffer.from(`Content-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`);
  const refused = await (await filterOf('attachments', {})).judge(mail);
  assert.ok(refused.kind === 'refuse');
  assert.equal(refused.text, 'Attachments with files named *.exe are not accepted');
  assert.deepEqual(refused.tests, ['ATTACHMENT_NAME']);
  const { judge } = await filterOf('attachments', { archives: false });
  assert.equal((await judge(mail)).kind, 'pass');
});

test('archives of the corpus: programs in them, and what needs a password', (t) => {
  if (!needsCorpus(t)) return;
  for (const name of ['clam.tar.gz', 'clam.7z', 'clam.d64.zip', 'clam.bz2.zip']) {
    assert.deepEqual(found(corpusFile(`clamav-testfiles-GPL2/${name}`)).names, ['*.exe'], name);
  }
  const labels = JSON.parse(corpusFile('archives/labels.json').toString()) as readonly {
    readonly file: string;
    readonly encrypted: boolean;
  }[]; // the answer key
  const read = labels.filter(({ file }) => /^tika\/.*\.(zip|7z|rar|tgz)$/.test(file));
  assert.ok(read.length > 7);
  for (const { file, encrypted } of read) {
    const { findings } = found(corpusFile(`archives/${file}`), file);
    // The label is about passwords of the archive; the manifest of this one says that a file is encrypted.
    const isDeclared = file === 'tika/testZip_with_DataDescriptor2.zip';
    assert.equal(findings.includes('encrypted'), encrypted || isDeclared, file);
    // It holds itself.
    assert.equal(findings.includes('unexamined'), file === 'tika/droste.zip', file);
  }
  const rules = { names: ['*.doc'], kinds: [] };
  const rar = corpusFile('archives/tika/test-documents.rar');
  assert.deepEqual(foundIn(rar, LIMITS, '', rules).names, ['*.doc']);
});

test('any byte of an archive may be wrong: bounded time, nothing thrown', (t) => {
  if (!needsCorpus(t)) return;
  const random = seededRandom(12);
  const rounds = Number(process.env['ROUNDS'] ?? 10);
  const files = [...corpusFiles('archives'), ...corpusFiles('clamav-testfiles-GPL2')];
  for (const file of files) {
    const whole = corpusFile(file);
    for (let round = 0; round < rounds; round++) {
      const bytes = Buffer.from(whole);
      const reach = round % 2 === 0 ? bytes.length : Math.min(bytes.length, 200);
      for (let flip = 0; flip < 1 << (round % 6); flip++) {
        bytes[Math.floor(random() * reach)] = Math.floor(random() * 256);
      }
      const startedAt = performance.now();
      found(bytes, file);
      const ms = performance.now() - startedAt;
      assert.ok(ms < 2000, `${file}, round ${round}: ${ms} ms`);
    }
  }
});
