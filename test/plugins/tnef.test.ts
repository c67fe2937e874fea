/** winmail.dat: the rules for attachments reach into it as into an archive, and no byte of it is trusted. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { Found } from '../../plugins/attachments/finding.ts';
import { foundIn } from '../../plugins/attachments/office.ts';
import { listTnef } from '../../plugins/attachments/tnef.ts';
import { CORPUS, corpusFiles, hasCorpus } from '../support/corpus.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { filterOf } from '../support/filter-host.ts';
import { missing } from '../support/real-component.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { storedZip } from '../support/stored-zip.ts';

const LIMITS = { bytes: 64 * 1024 * 1024, depth: 8 };
const RULES = { names: ['*.exe', '*.com'], kinds: ['exe'] };
const PROGRAM = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]);
const HELLO = Buffer.from('hello');
const MACRO = storedZip({ 'word/vbaProject.bin': Buffer.from('x') });

const BEGIN = 0x00069002;
const TITLE = 0x00018010;
const DATA = 0x0006800f;
const PROPERTIES = 0x00069005;
const LONG_NAME = 0x3707;
const CONTENT = 0x3701;

function found(bytes: Uint8Array): Found {
  return foundIn(bytes, LIMITS, 'winmail.dat', RULES);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const filled = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

function attribute(id: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([2]), word(id), word(data.length), data, Buffer.alloc(2)]);
}

/** Of type and id, with one value whose length is told. */
function property(type: number, id: number, value: Uint8Array): Buffer {
  return Buffer.concat([word(id * 0x10000 + type), word(1), word(value.length), filled(value)]);
}

function properties(...all: readonly Buffer[]): Buffer {
  return attribute(PROPERTIES, Buffer.concat([word(all.length), ...all]));
}

function tnef(...attributes: readonly Buffer[]): Buffer {
  return Buffer.concat([word(0x223e9f78), Buffer.from([1, 0]), ...attributes]);
}

const begin = attribute(BEGIN, Buffer.alloc(14));
const title = (name: string) => attribute(TITLE, Buffer.from(`${name}\0`, 'latin1'));
const data = (bytes: Uint8Array) => attribute(DATA, bytes);
const object = (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(16, 7), bytes]);
/** Beside the ones that matter: whole numbers, named ones, several values, a time. */
const OTHERS = [
  Buffer.concat([word(0x3705_0003), word(1)]),
  Buffer.concat([word(0x3706_000b), Buffer.from([1, 0, 0, 0])]),
  Buffer.concat([word(0x3007_0040), Buffer.alloc(8, 1)]),
  Buffer.concat([word(0x8001_0003), Buffer.alloc(16), word(0), word(5), word(1)]),
  Buffer.concat([
    word(0x8002_001e),
    Buffer.alloc(16),
    word(1),
    word(6),
    filled(Buffer.from('a\0b\0\0\0')),
    word(1),
    word(3),
    filled(Buffer.from('yes')),
  ]),
  Buffer.concat([word(0x3aaa_1003), word(2), word(1), word(2)]),
  Buffer.concat([
    word(0x3aab_101e),
    word(2),
    word(1),
    filled(Buffer.from('a')),
    word(2),
    filled(Buffer.from('bc')),
  ]),
];

test('names, kinds and disguises count in a winmail.dat', () => {
  const long = (type: number, encoding: 'latin1' | 'utf16le', name: string) =>
    properties(...OTHERS, property(type, LONG_NAME, Buffer.from(`${name}\0`, encoding)));
  const named: Record<string, Buffer> = {
    'by its title': tnef(
      begin,
      title('a.txt'),
      data(HELLO),
      begin,
      title('SETUP.EXE'),
      data(HELLO),
    ),
    'data before the name': tnef(begin, data(HELLO), title('setup.exe')),
    'without a beginning': tnef(title('setup.exe'), data(HELLO)),
    'by a long name': tnef(
      begin,
      title('SETUP~1.TXT'),
      data(HELLO),
      long(0x1e, 'latin1', 'setup.exe'),
    ),
    'by a short name': tnef(begin, properties(property(0x1e, 0x3704, Buffer.from('setup.exe\0')))),
    'in UTF-16': tnef(begin, title('SETUP~1.TXT'), data(HELLO), long(0x1f, 'utf16le', 'sétup.exe')),
    'without content': tnef(begin, title('setup.exe'), data(Buffer.alloc(0))),
    'with rubbish behind the zero': tnef(begin, title('setup.exe\0.txt'), data(HELLO)),
  };
  for (const [what, bytes] of Object.entries(named)) {
    assert.deepEqual([found(bytes).names, found(bytes).findings], [['*.exe'], []], what);
  }
  const turned = tnef(begin, data(HELLO), long(0x1f, 'utf16le', 'a\u202etxt.exe'));
  assert.ok(found(turned).isDisguised);
  assert.deepEqual(found(tnef(begin, title('a.txt'), data(PROGRAM))).kinds, ['exe']);
  const inZip = tnef(begin, title('a.zip'), data(storedZip({ 'a.exe': HELLO })));
  assert.deepEqual(found(inZip).names, ['*.exe']);
  const good = found(tnef(begin, title('a.txt'), data(HELLO), properties(...OTHERS)));
  assert.deepEqual(good, { findings: [], names: [], kinds: [], isDisguised: false });
});

test('documents in it are looked into, as data and as objects', () => {
  const cases: Record<string, readonly [Buffer, string]> = {
    data: [tnef(begin, title('a.docx'), data(MACRO)), 'vba'],
    'an object': [
      tnef(begin, properties(...OTHERS, property(0x0d, CONTENT, object(MACRO)))),
      'vba',
    ],
    'a property': [tnef(begin, properties(property(0x0102, CONTENT, MACRO))), 'vba'],
    'by its name': [tnef(begin, title('list.csv'), data(Buffer.from("=cmd|'/c x'!A0\r\n"))), 'dde'],
  };
  for (const [what, [bytes, finding]] of Object.entries(cases)) {
    assert.deepEqual(found(bytes).findings, [finding], what);
  }
});

test('a message in it is looked into; its subject is no name of a file', () => {
  const message = (inner: Buffer) =>
    tnef(begin, title('Re: example.com'), properties(property(0x0d, CONTENT, object(inner))));
  const good = tnef(begin, title('a.txt'), data(HELLO));
  assert.deepEqual(found(message(good)).names, []);
  assert.deepEqual(found(message(tnef(begin, title('a.exe'), data(HELLO)))).names, ['*.exe']);
  // A message beside a file is no excuse for the name of the file.
  const both = tnef(
    begin,
    title('a.exe'),
    data(HELLO),
    properties(property(0x0d, CONTENT, object(good))),
  );
  assert.deepEqual(found(both).names, ['*.exe']);
  const deep = Array.from({ length: 12 }).reduce<Buffer>((inner) => message(inner), good);
  assert.deepEqual(found(deep).findings, ['unexamined']);
});

test('what is cut or damaged is told; what came before counts', () => {
  const whole = tnef(begin, title('a.exe'), data(HELLO), begin, title('b.txt'), data(HELLO));
  const broken: Record<string, Buffer> = {
    'cut in the last data': whole.subarray(0, -4),
    'a level that there is not': Buffer.concat([whole, Buffer.alloc(40, 7)]),
    'an empty attribute of such a level': Buffer.concat([whole, Buffer.alloc(11, 0)]),
    'properties that are cut, before others': tnef(
      ...[begin, title('a.exe'), attribute(PROPERTIES, word(2)), begin, properties(...OTHERS)],
    ),
    'more names than anybody gives': tnef(
      ...[begin, title('a.exe'), data(HELLO)],
      ...Array.from({ length: 20 }, (_, at) => title(`${at}.txt`)),
    ),
    'more contents than one': tnef(
      ...[begin, title('a.exe')],
      ...Array.from({ length: 20 }, () => data(HELLO)),
    ),
    'properties that are cut': tnef(begin, title('a.exe'), attribute(PROPERTIES, word(2))),
    'a type that there is not': tnef(begin, title('a.exe'), properties(property(0x99, 1, HELLO))),
    'a value without an end': tnef(
      ...[begin, title('a.exe')],
      properties(Buffer.concat([word(0x3707_001f), word(0xffff_ffff), word(0xffff_fffc)])),
    ),
  };
  for (const [what, bytes] of Object.entries(broken)) {
    assert.deepEqual(
      [found(bytes).findings, found(bytes).names],
      [['unexamined'], ['*.exe']],
      what,
    );
  }
  assert.equal(MACRO.length % 4, 1);
  const unfilled = tnef(begin, properties(property(0x0102, CONTENT, MACRO).subarray(0, -3)));
  assert.deepEqual(
    found(unfilled).findings,
    ['vba'],
    'what fills up the last value may be left out',
  );
  assert.deepEqual(found(whole).findings, []);
  assert.deepEqual(found(Buffer.concat([whole, Buffer.from('\r\n')])).findings, [], 'a line end');
  assert.deepEqual(found(tnef()).findings, []);
});

test('in mail: the rules decide, the file can be refused as a kind, and `archives` is about it too', async () => {
  const base64 = tnef(begin, title('setup.exe'), data(HELLO)).toString('base64');
  const mail = Buffer.from(
    'Content-Type: application/ms-tnef; name="winmail.dat"\r\n' +
      `Content-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`,
  );
  const refused = await (await filterOf('attachments', {})).judge(mail);
  assert.ok(refused.kind === 'refuse');
  assert.equal(refused.text, 'Attachments with files named *.exe are not accepted');
  const without = await filterOf('attachments', { archives: false });
  assert.equal((await without.judge(mail)).kind, 'pass');
  const strict = await filterOf('attachments', { archives: false, kinds: ['tnef'] });
  assert.equal((await strict.judge(mail)).results?.['attachment'], 'tnef');
});

test('those of the corpus: their lists of files, and any byte may be wrong', (t) => {
  if (!hasCorpus()) return missing(t, 'the corpus in ../shared/corpus');
  const files = corpusFiles('mime-mimekit/tnef', /\.tnef$/);
  assert.ok(files.length >= 8);
  const random = seededRandom(13);
  for (const file of files) {
    const bytes = readFileSync(join(CORPUS, file));
    const names = listTnef(bytes).attachments.flatMap((one) => one.names.at(-1) ?? []);
    const [list] = corpusFiles('mime-mimekit/tnef', new RegExp(`^${file.slice(18, -5)}\\.list$`));
    const listed = list === undefined ? '' : readFileSync(join(CORPUS, list), 'utf8');
    const wanted = listed.split('\n').filter((name) => name !== '' && !name.startsWith('body.'));
    assert.deepEqual(names.toSorted(), wanted.toSorted(), file);
    // Text of another kind follows.
    assert.equal(found(bytes).findings.includes('unexamined'), file.endsWith('panic.tnef'), file);
    for (let round = 0; round < 20; round++) {
      const wrong = Buffer.from(bytes);
      for (let flip = 0; flip < 1 << (round % 6); flip++) {
        wrong[Math.floor(random() * wrong.length)] = Math.floor(random() * 256);
      }
      const startedAt = cpuMs();
      found(wrong);
      assert.ok(cpuMs() - startedAt < 2000, `${file}, round ${round}`);
    }
  }
});
