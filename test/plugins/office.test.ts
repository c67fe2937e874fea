/**
 * What is found in documents: the answer key of the corpus, forms that it does not have, and bounds
 * that hold whatever the bytes are.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Finding } from '../../plugins/attachments/finding.ts';
import { foundIn } from '../../plugins/attachments/office.ts';
import { CORPUS, corpusFiles, hasCorpus } from '../support/corpus.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { storedZip } from '../support/stored-zip.ts';
import { missing } from '../support/real-component.ts';

const LIMITS = { bytes: 256 * 1024 * 1024, depth: 8 };
const DOCUMENTS = 'office-documents';
const NO_RULES = { names: [], kinds: [] };

function officeFindings(bytes: Uint8Array, limits: typeof LIMITS, name = '') {
  return foundIn(bytes, limits, name, NO_RULES).findings;
}

/**
 * Their names say "protected", but it is a mark in settings that asks programs not to edit: nothing in
 * them is encrypted.
 */
const ONLY_MARKED: readonly string[] = [
  'apache-poi/documentProtection_comments_no_password.docx',
  'apache-poi/documentProtection_forms_no_password.docx',
  'apache-poi/protected_sample.docx',
  'apache-poi/workbookProtection_not_protected.xlsx',
  'apache-poi/workbookProtection_workbook_revision_protected.xlsx',
  'apache-poi/workbookProtection_workbook_structure_protected.xlsx',
  'apache-poi/workbookProtection_workbook_windows_protected.xlsx',
];

interface Label {
  readonly file: string;
  readonly kind: string;
  readonly macro: string;
}

function expected({ file, kind, macro }: Label): Finding[] {
  if (ONLY_MARKED.includes(file)) return [];
  if (macro.startsWith('vba')) return ['vba'];
  if (macro === 'xlm') return ['xlm'];
  if (macro === 'odf-basic') return ['basic'];
  if (macro.startsWith('encrypted')) return ['encrypted'];
  // Those in a zip can be opened with a password only.
  if (kind.startsWith('DDE')) return [file.endsWith('.zip') ? 'encrypted' : 'dde'];
  return [];
}

function needsCorpus(t: TestContext): boolean {
  if (!hasCorpus()) missing(t, 'the corpus in ../shared/corpus');
  return hasCorpus();
}

function document(file: string): Buffer {
  return readFileSync(join(CORPUS, DOCUMENTS, file));
}

test('the documents of the corpus: each has what its label says, and nothing else', (t) => {
  if (!needsCorpus(t)) return;
  const labels = JSON.parse(
    readFileSync(join(CORPUS, DOCUMENTS, 'labels.json'), 'utf8'),
  ) as readonly Label[]; // the answer key
  assert.ok(labels.length > 120);
  const wrong = labels
    .map((label) => {
      const found = officeFindings(document(label.file), LIMITS, label.file);
      return { file: label.file, found, expected: expected(label) };
    })
    .filter((one) => one.found.join() !== one.expected.join());
  assert.deepEqual(wrong, []);
});

test('a document is looked into under any name, and within others', (t) => {
  if (!needsCorpus(t)) return;
  const vba = document('apache-poi/45431.xlsm');
  assert.deepEqual(officeFindings(vba, LIMITS, 'photo.jpg'), ['vba']);
  const zip = storedZip({ 'a.txt': Buffer.from('hello'), 'b.bin': vba });
  assert.deepEqual(officeFindings(zip, LIMITS), ['vba']);
  assert.deepEqual(officeFindings(storedZip({ 'x.zip': zip }), LIMITS), ['vba']);
  assert.deepEqual(officeFindings(storedZip({ 'x.zip': zip }), { ...LIMITS, depth: 1 }), [
    'unexamined',
  ]);
  const old = document('apache-tika/testEXCEL_macro.xls');
  const rtf = `{\\rtf1{\\object\\objemb{\\*\\objdata 0105{}\r\n${old.toString('hex')}}}}`;
  assert.deepEqual(officeFindings(Buffer.from(rtf), LIMITS), ['vba']);
  const xml =
    '<?xml version="1.0"?><?mso-application progid="Word.Document"?>' +
    `<w:binData>${old.toString('base64').replace(/(.{76})/g, '$1\r\n')}</w:binData>`;
  assert.deepEqual(officeFindings(Buffer.from(xml), LIMITS), ['vba']);
  // Without the end of the zip nothing lists its members: what is found still counts.
  const cut = officeFindings(vba.subarray(0, -40), LIMITS);
  assert.deepEqual(cut, ['vba', 'unexamined']);
});

test('fields and links that start programs', () => {
  const zipped = (name: string, text: string) => storedZip({ [name]: Buffer.from(text) });
  const word = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const runs =
    `<w:document ${word}><w:fldChar w:fldCharType="begin"/><w:instrText>DD</w:instrText>` +
    '<w:instrText>EAUTO c:\\x</w:instrText><w:fldChar w:fldCharType="end"/></w:document>';
  const spreadsheet = '<?mso-application progid="Excel.Sheet"?><x:ddeLink x="y"/>';
  const bad: Record<string, readonly [Uint8Array, string]> = {
    'a code in two runs, in a part of any name': [zipped('x/y.xml', runs), ''],
    RTF: [Buffer.from("{\\rtf1{\\field{\\*\\fldinst {\\b D}\\'44E c:\\\\x}}}"), ''],
    SYLK: [Buffer.from("ID;P\r\nC;X1;Y1;K0;Ecmd|'/c x'!A0\r\n"), ''],
    CSV: [Buffer.from('a;b\r\n1;"=cmd|\'/c x\'!A0"\r\n'), 'list.csv'],
    XML: [Buffer.from(spreadsheet), ''],
  };
  for (const [what, [bytes, name]] of Object.entries(bad)) {
    assert.deepEqual(officeFindings(bytes, LIMITS, name), ['dde'], what);
  }
  const good: Record<string, readonly [Uint8Array, string]> = {
    'a word': [zipped('x/y.xml', runs.replace('EAUTO', 'REAM ON')), ''],
    'RTF about it': [Buffer.from('{\\rtf1 DDE is old {\\field{\\*\\fldinst PAGE}}}'), ''],
    'CSV with bars': [Buffer.from('a|b|c!\r\n-1|2|3!\r\nx=1|2\r\n'), 'list.csv'],
  };
  for (const [what, [bytes, name]] of Object.entries(good)) {
    assert.deepEqual(officeFindings(bytes, LIMITS, name), [], what);
  }
});

test('words that are spelled otherwise are read as Office reads them', () => {
  const ns = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const field = (...codes: readonly string[]) => {
    const runs = codes.map(
      (code) => `<w:fldChar w:fldCharType="begin"/><w:instrText>${code}</w:instrText>`,
    );
    return storedZip({ 'word/document.xml': Buffer.from(`<w:document ${ns}>${runs.join('')}`) });
  };
  const types = (text: string) =>
    storedZip({ '[Content_Types].xml': Buffer.from(`<Types>${text}</Types>`) });
  const bad: Record<string, readonly [Uint8Array, Finding]> = {
    'character references': [field('&#68;&#x44;E c:\\x'), 'dde'],
    'a code in the code, in numbers': [field(' ', ' QUOTE 68 68', 'QUOTE "69" 32', 'c:\\x'), 'dde'],
    'numbers in RTF': [
      Buffer.from('{\\rtf1{\\field{\\*\\fldinst {\\field{\\*\\fldinst QUOTE 68 68 69}} c:\\x}}}'),
      'dde',
    ],
    'a type by extension': [
      types('<Default Extension="x" ContentType="application/vnd.ms-excel.macrosheet+xml"/>'),
      'xlm',
    ],
    'a type in references': [
      types('<Override PartName="/x" ContentType="application/vnd.ms-excel.mac&#114;osheet+xml"/>'),
      'xlm',
    ],
  };
  for (const [what, [bytes, finding]] of Object.entries(bad)) {
    assert.deepEqual(officeFindings(bytes, LIMITS), [finding], what);
  }
  for (const code of [
    'QUOTE 68 97 116 101',
    'QUOTE 68 68 82',
    'HYPERLINK "http://dde.example/"',
    '&#68;ATE',
  ]) {
    assert.deepEqual(officeFindings(field(code), LIMITS), [], code);
  }
});

test('archives that unpack without end are bounded and told', (t) => {
  if (!needsCorpus(t)) return;
  const limits = { bytes: 32 * 1024 * 1024, depth: 8 };
  for (const file of corpusFiles('archives', /\.(zip|gz)$/)) {
    const bytes = readFileSync(join(CORPUS, file));
    const archive = file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: 1 << 26 }) : bytes;
    const startedAt = cpuMs();
    officeFindings(archive, limits);
    assert.ok(cpuMs() - startedAt < 2000, file);
  }
});

test('any byte may be wrong: bounded time, nothing thrown', (t) => {
  if (!needsCorpus(t)) return;
  const random = seededRandom(11);
  const rounds = Number(process.env['ROUNDS'] ?? 4);
  for (const file of corpusFiles(DOCUMENTS).filter((name) => !name.endsWith('.json'))) {
    const whole = readFileSync(join(CORPUS, file));
    for (let round = 0; round < rounds; round++) {
      const bytes = Buffer.from(whole);
      // The heads of the structures are where a wrong byte does most.
      const reach = round % 2 === 0 ? bytes.length : Math.min(bytes.length, 2048);
      for (let flip = 0; flip < 1 << (round % 6); flip++) {
        bytes[Math.floor(random() * reach)] = Math.floor(random() * 256);
      }
      const startedAt = cpuMs();
      officeFindings(bytes, LIMITS, file);
      const ms = cpuMs() - startedAt;
      assert.ok(ms < 2000, `${file}, round ${round}: ${ms} ms`);
    }
  }
});
