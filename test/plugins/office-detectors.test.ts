/**
 * Each way in which a macro, a link or a password shows, alone in a document that has nothing else: who
 * takes a detector away, or narrows it, finds the line here. And what looks like one and is none.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Finding } from '../../plugins/attachments/finding.ts';
import { foundIn } from '../../plugins/attachments/office.ts';
import { oleFile } from '../support/ole-file.ts';
import { marked, storedZip } from '../support/stored-zip.ts';

const LIMITS = { bytes: 64 * 1024 * 1024, depth: 8 };

type Case = readonly [document: Uint8Array, findings: readonly Finding[], name?: string];

function check(cases: Readonly<Record<string, Case>>, limits = LIMITS): void {
  const wrong = Object.entries(cases)
    .map(([what, [bytes, expected, name = '']]) => {
      const { findings } = foundIn(bytes, limits, name, { names: [], kinds: [] });
      return { what, findings: findings.join(), expected: expected.join() };
    })
    .filter(({ findings, expected }) => findings !== expected);
  assert.deepEqual(wrong, []);
}

const text = (words: string) => Buffer.from(words);
const zip = (name: string, words: string | Uint8Array) =>
  storedZip({ [name]: typeof words === 'string' ? text(words) : words });
const packed = (name: string, bytes: Uint8Array) =>
  marked(zip(name, deflateRawSync(bytes)), 'method', 8, 8);
/** What does not pack well. */
const NOISE = Array.from({ length: 4000 }, (_, at) =>
  ((at * 7919) ** 3 % 1_000_003).toString(36),
).join('');
const VBA_ZIP = zip('word/vbaProject.bin', 'x');
const VBA_OLE = oleFile({ VBA: undefined });

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [at, value] of values.entries()) bytes.writeUInt16LE(value, at * 2);
  return bytes;
}

/** A record of BIFF. */
const record = (id: number, data: Uint8Array) => Buffer.concat([u16(id, data.length), data]);
const BOF = record(0x0809, u16(0x0600, 0x0005, 0, 0));
const workbook = (...records: readonly Buffer[]) =>
  oleFile({ Workbook: Buffer.concat([BOF, ...records]) });
const MACRO_SHEET = record(0x0085, Buffer.from([0, 0, 0, 0, 0, 1, 1, 0, 0x41]));
/** Records that say nothing. */
const NOTHING = Buffer.concat(Array.from({ length: 20 }, () => record(0x00e1, Buffer.alloc(400))));
const PASSWORD = record(0x002f, u16(1, 1, 1));
const PROGRAM = record(0x01ae, Buffer.concat([u16(1, 7), Buffer.from('\0cmd\x03/c x')]));
const OTHER_BOOK = record(0x01ae, Buffer.concat([u16(1, 7), Buffer.from('\0\x01a.xls')]));
const NAME = (flags: number) => record(0x0023, u16(flags, 0, 0));

test('a file is known as what it is, whatever stands before it and whatever it is called', () => {
  const word = '<w:wordDocument w:macrosPresent="yes">';
  const wide = Buffer.from(`<?mso-application?>${word}`, 'utf16le');
  const mark = (first: number, second: number) => Buffer.from([first, second]);
  check({
    'a zip that begins with the end of one': [Buffer.concat([storedZip({}), VBA_ZIP]), ['vba']],
    'a zip with the mark of a split one': [Buffer.concat([text('PK\x07\x08'), VBA_ZIP]), ['vba']],
    'a zip with the mark of one that was to be split': [
      Buffer.concat([text('PK00'), VBA_ZIP]),
      ['vba'],
    ],
    'a zip behind a program, by its name': [
      Buffer.concat([text('#!/bin/sh\n'), VBA_ZIP]),
      ['vba'],
      'A.ZIP',
    ],
    'a sheet of Excel 2': [record(0x0009, u16(2, 0x40)), ['xlm']],
    'a sheet of Excel 3': [record(0x0209, u16(3, 0x40, 0)), ['xlm']],
    'a sheet of Excel 4': [record(0x0409, u16(4, 0x40, 0)), ['xlm']],
    'a worksheet of Excel 4': [record(0x0409, u16(4, 0x10, 0)), []],
    'XML of Word': [text(word), ['vba']],
    'XML of Word in UTF-16': [wide, ['vba']],
    'in UTF-16 with a mark': [Buffer.concat([mark(0xff, 0xfe), wide]), ['vba']],
    'in UTF-16, the other way round': [Buffer.from(wide).swap16(), ['vba']],
    'the other way round with a mark': [
      Buffer.concat([mark(0xfe, 0xff), Buffer.from(wide).swap16()]),
      ['vba'],
    ],
    'XML of OpenDocument, a part alone': [
      text('<o:document-content><script:module script:name="x"/>'),
      ['basic'],
    ],
    'XML of OpenOffice': [text('<office:document><ooo:module ooo:name="x"/>'), ['basic']],
    'a package as XML': [
      text('<pkg:package xmlns:pkg="urn:xmlPackage"><pkg:part pkg:name="/word/vbaProject.bin"/>'),
      ['vba'],
    ],
    'a macro sheet in it': [
      text('<pkg:package xmlns:pkg="urn:xmlPackage"><pkg:part pkg:contentType="x.macrosheet"/>'),
      ['xlm'],
    ],
    'a page that Office saved': [
      text(
        `<html xmlns:o="urn:schemas-microsoft-com:office:office">${VBA_OLE.toString('base64')}</html>`,
      ),
      ['vba'],
    ],
    'a web archive': [
      text(`MIME-Version: 1.0\r\n\r\n${text('ActiveMime').toString('base64')}AAAA`),
      ['vba'],
    ],
    'a web archive, the type first': [
      text(`Content-Type: multipart/related\r\n\r\n${VBA_OLE.toString('base64')}`),
      ['vba'],
    ],
    'SYLK behind a mark': [text('\ufeffID;P\r\nO;E\r\n'), ['xlm']],
    'a table with tabs': [text("=cmd|'/c x'!A0\r\n"), ['dde'], 'list.tsv'],
    'a web query': [text("WEB\r\n1\r\n=cmd|'/c x'!A0\r\n"), ['dde'], 'list.iqy'],
    'the same called text': [text("=cmd|'/c x'!A0\r\n"), [], 'list.txt'],
  });
});

test('compound files: macros, passwords and what they carry', () => {
  const macros = workbook(MACRO_SHEET);
  const large = oleFile({ a: Buffer.alloc(7_500_000), VBA: undefined });
  const strange = oleFile({ _VBA_PROJECT: text('x') });
  strange[30] = 7; // sectors of 128 octets
  const active = (at: number) =>
    Buffer.concat([Buffer.from('ActiveMime'.padEnd(at, '\0')), deflateSync(macros)]);
  const behindNames = (inner: Uint8Array) =>
    Buffer.concat([text('\x10\0\0\0\x02\0a.doc\0C:\\a.doc\0'), inner]);
  const rtf = text('{\\rtf1{\\field{\\*\\fldinst DDE c:\\\\x}}}');
  check({
    'a storage': [VBA_OLE, ['vba']],
    'the storage of Excel': [oleFile({ _VBA_PROJECT_CUR: undefined }), ['vba']],
    'the stream alone': [oleFile({ _VBA_PROJECT: text('x') }), ['vba']],
    'a small stream beside a large one': [
      oleFile({ a: Buffer.alloc(5000), Workbook: Buffer.concat([BOF, MACRO_SHEET]) }),
      ['xlm'],
    ],
    'behind seven megabytes': [large, ['vba']],
    'a large stream': [oleFile({ Workbook: Buffer.concat([BOF, NOTHING, MACRO_SHEET]) }), ['xlm']],
    'names like them': [oleFile({ VBAX: undefined, VBA_PROJECT: text('x') }), []],
    'one that cannot be followed': [strange, ['vba', 'unexamined']],
    'a cut one': [oleFile({ a: Buffer.alloc(9000) }).subarray(0, 700), ['unexamined']],
    'Office Open XML with a password': [oleFile({ EncryptedPackage: text('x') }), ['encrypted']],
    'the summary of one with a password': [oleFile({ EncryptedSummary: text('x') }), ['encrypted']],
    'a show with a password': [
      oleFile({ 'Current User': Buffer.concat([Buffer.alloc(12), u16(0xc4df, 0xf3d1)]) }),
      ['encrypted'],
    ],
    'a package': [oleFile({ Package: VBA_ZIP }), ['vba']],
    contents: [oleFile({ CONTENTS: VBA_ZIP }), ['vba']],
    'an attachment of Outlook': [oleFile({ '__substg1.0_37010102': VBA_ZIP }), ['vba']],
    'an old object, a zip': [oleFile({ '\x01Ole10Native': behindNames(VBA_ZIP) }), ['vba']],
    'an old object, a compound file': [
      oleFile({ '\x01Ole10Native': behindNames(VBA_OLE) }),
      ['vba'],
    ],
    'an old object, RTF': [oleFile({ '\x01Ole10Native': behindNames(rtf) }), ['dde']],
    'what Word packs into pages': [Buffer.from('ActiveMime'.padEnd(100, '\0')), ['vba']],
    'what is in it': [active(0x32), ['vba', 'xlm']],
    'what is in it, further on': [active(0x22a), ['vba', 'xlm']],
  });
});

test('Word and PowerPoint: fields, passwords, embedded objects', () => {
  const fib = (flags: number) => Buffer.concat([Buffer.alloc(10), u16(flags), Buffer.alloc(40)]);
  const word = (flags: number, words: Buffer) =>
    oleFile({ WordDocument: Buffer.concat([fib(flags), words]) });
  const atom = (instance: number, data: Uint8Array) => {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(instance << 4, 0);
    head.writeUInt16LE(0x1011, 2);
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data]);
  };
  const packed = (inner: Uint8Array) => Buffer.concat([Buffer.alloc(4), deflateSync(inner)]);
  const show = (...atoms: readonly Buffer[]) =>
    oleFile({ 'PowerPoint Document': Buffer.concat(atoms) });
  const macros = workbook(MACRO_SHEET);
  check({
    'a field': [word(0, text('\x13 DDEAUTO c:\\x\x15')), ['dde']],
    'a field in UTF-16': [word(0, Buffer.from('\x13 DDE c:\\x\x15', 'utf16le')), ['dde']],
    'a field behind a password': [word(0x0100, text('\x13 DDEAUTO c:\\x\x15')), ['encrypted']],
    'another field': [word(0, text('\x13 PAGE \x15 DDEAUTO')), []],
    'an object as it is': [show(atom(0, macros)), ['xlm']],
    'a packed object': [show(atom(1, packed(macros))), ['xlm']],
    'one whose end is left out': [show(atom(1, packed(macros).subarray(0, -4))), ['xlm']],
    'a packed object that is damaged': [show(atom(1, Buffer.alloc(60, 7))), ['unexamined']],
  });
  check(
    {
      'two, and room for one': [
        show(atom(1, packed(macros)), atom(1, packed(macros))),
        ['xlm', 'unexamined'],
      ],
    },
    {
      ...LIMITS,
      bytes: show(atom(1, packed(macros)), atom(1, packed(macros))).length + macros.length,
    },
  );
});

test('Excel: macro sheets, passwords and links in its records', () => {
  const path = (words: string) => Buffer.concat([Buffer.from([words.length]), text(words)]);
  check({
    'a sheet in the list': [workbook(MACRO_SHEET), ['xlm']],
    'the sheet itself': [workbook(record(0x0809, u16(0x0600, 0x0040, 0, 0))), ['xlm']],
    'the old name of the stream': [oleFile({ Book: Buffer.concat([BOF, MACRO_SHEET]) }), ['xlm']],
    'a password': [workbook(PASSWORD), ['encrypted']],
    'what looks like a link behind it': [workbook(PASSWORD, PROGRAM, NAME(0)), ['encrypted']],
    'a macro sheet behind it': [workbook(PASSWORD, MACRO_SHEET), ['xlm', 'encrypted']],
    'a program and a name': [workbook(PROGRAM, NAME(0)), ['dde']],
    'an OLE link': [workbook(PROGRAM, NAME(0x10)), []],
    'another workbook': [workbook(OTHER_BOOK, NAME(0)), []],
    'a program, then another workbook': [workbook(PROGRAM, OTHER_BOOK, NAME(0)), []],
    'a link of Excel 5': [workbook(record(0x0017, path('cmd\x03/c x'))), ['dde']],
    'sheets of Excel 5': [workbook(record(0x0017, path('\x03Sheet1'))), []],
    'nothing behind the end': [workbook(Buffer.alloc(4), MACRO_SHEET), []],
  });
});

test('packages: parts by name, by type and by what is in them', () => {
  const renamed = zip('word/vbaProject.bin', 'x');
  renamed.write('word/photograph.jpg', renamed.lastIndexOf('word/'), 'latin1');
  const types = (one: string) => zip('[Content_Types].xml', `<Types>${one}</Types>`);
  const field = '<w:instrText>DDE c:\\x</w:instrText>';
  const begin = '<w:fldChar w:fldCharType="begin"/>';
  const oox = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const simple = (quote: string) =>
    zip('a.xml', `<w:p ${oox}><w:fldSimple w:instr=${quote}DDE c:\\x${quote}/></w:p>`);
  const xlsbLink = (kind: number) =>
    zip('x.bin', Buffer.concat([Buffer.from([0xe8, 2, 4]), u16(kind), Buffer.alloc(8)]));
  const odf = (name: string, words: string) =>
    storedZip({ mimetype: text('x'), 'content.xml': text('<x/>'), [name]: text(words) });
  check({
    'a project': [zip('xl/VBAPROJECT.BIN', 'x'), ['vba']],
    'a project in a folder of Windows': [zip('word\\vbaProject.bin', 'x'), ['vba']],
    'a project by the name before its content': [renamed, ['vba']],
    'a project by its type': [
      types('<Override PartName="/x" ContentType="x.vbaProject"/>'),
      ['vba'],
    ],
    'by the type of an extension': [
      types('<Default Extension="x" ContentType="x.vbaProject"/>'),
      ['vba'],
    ],
    'a macro sheet': [zip('xl/macrosheets/sheet1.xml', 'x'), ['xlm']],
    'a macro sheet of XLSB': [zip('xl/macrosheets/sheet1.bin', 'x'), ['xlm']],
    'a macro sheet by its type': [
      types('<Override PartName="/x" ContentType="x.macrosheet"/>'),
      ['xlm'],
    ],
    'a field': [zip('a.xml', `<w:p ${oox}>${begin}${field}`), ['dde']],
    'a field of a later Word': [
      zip('a.xml', `<w:p xmlns:w="http://schemas.microsoft.com/office/word/2010">${begin}${field}`),
      ['dde'],
    ],
    'a simple field': [simple('"'), ['dde']],
    'a simple field in other quotes': [simple("'"), ['dde']],
    'a link': [zip('a.xml', '<externalLink><ddeLink ddeService="cmd"/></externalLink>'), ['dde']],
    'a link that stands far behind': [
      packed('a.xml', text(`<externalLink><!--${NOISE}--><ddeLink ddeService="cmd"/>`)),
      ['dde'],
    ],
    'a link to a workbook': [zip('a.xml', '<externalLink><externalBook/></externalLink>'), []],
    'a link of XLSB': [xlsbLink(1), ['dde']],
    'an OLE link of XLSB': [xlsbLink(2), []],
    'OpenDocument without a manifest': [odf('Basic/Standard/Module1.xml', 'x'), ['basic']],
    'with a manifest alone': [
      storedZip({ 'META-INF/manifest.xml': text('<m/>'), 'Basic/S/M.xml': text('x') }),
      ['basic'],
    ],
    'the list of libraries': [odf('Basic/Standard/script-lb.xml', 'x'), []],
    'another language': [odf('Scripts/python/x.py', 'x'), ['basic']],
    'no OpenDocument': [zip('Scripts/python/x.py', 'x'), []],
    'a link of OpenDocument': [odf('styles.xml', '<text:dde-connection-decl/>'), ['dde']],
    'a source of OpenDocument': [
      storedZip({ mimetype: text('x'), 'content.xml': text('<office:dde-source/>') }),
      ['dde'],
    ],
    'OpenDocument with a password': [
      odf('META-INF/manifest.xml', '<manifest:encryption-data/>'),
      ['encrypted'],
    ],
  });
});

test('RTF, SYLK and tables', () => {
  const object = (bytes: Uint8Array, more = '') =>
    text(`{\\rtf1{\\object{\\*\\objdata 01${Buffer.from(bytes).toString('hex')}${more}}}`);
  check({
    'a compound file in RTF': [object(VBA_OLE), ['vba']],
    'a zip in RTF': [object(VBA_ZIP), ['vba']],
    'digits behind its group': [text(`{\\rtf1{\\object{\\*\\objdata 01}}d0cf11e0a1b11ae1}`), []],
    'a macro sheet': [text('ID;P\r\nO;L;D;E\r\n'), ['xlm']],
    'a name that runs by itself': [text('ID;P\r\nNN;NAuto_open;ER1C1\r\n'), ['xlm']],
    'a sheet without': [text('ID;P\r\nO;L;D\r\nC;X1;K"O;E"\r\n'), []],
    'a formula that begins with a plus': [text("+cmd|'/c x'!A0\r\n"), ['dde'], 'a.csv'],
    'one with an at sign': [text("a,@SUM(cmd|'/c x'!A0)\r\n"), ['dde'], 'a.csv'],
  });
});

test('zips and gz: what cannot be read is told, and so is what has no room', () => {
  const strange = marked(zip('a.txt', 'hello'), 'method', 14, 14);
  check({
    'LZMA in a zip': [strange, ['unexamined']],
    'a member that is packed': [packed('a.docx', VBA_ZIP), ['vba']],
    'a gz that is none': [
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(6), Buffer.alloc(9, 0xff)]),
      ['unexamined'],
    ],
    'a gz': [gzipSync(VBA_ZIP), ['vba']],
  });
  const half = Buffer.concat([VBA_ZIP, Buffer.alloc(1400)]);
  const large = Buffer.concat([VBA_ZIP, Buffer.alloc(5000)]);
  check(
    {
      'a member without room': [packed('a.docx', large), ['unexamined']],
      'a gz without room': [gzipSync(large), ['unexamined']],
      'a stream without room': [oleFile({ Workbook: Buffer.alloc(6000, 7) }), ['unexamined']],
      'a member after one that takes all': [
        storedZip({ 'a.xml': text('wordprocessingml'.padEnd(3000)), 'b.txt': text('x') }),
        ['unexamined'],
      ],
      'a document after one that takes most': [
        storedZip({ 'a.zip': VBA_ZIP, 'b.xml': text('ddeLink'.padEnd(2950)) }),
        ['vba', 'unexamined'],
      ],
      'a second gz': [storedZip({ a: gzipSync(half), b: gzipSync(half) }), ['vba', 'unexamined']],
    },
    { ...LIMITS, bytes: 3000 },
  );
});
