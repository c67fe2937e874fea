/**
 * What can be found in documents that are text: RTF, SYLK, tables, the XML of Word, Excel and
 * OpenDocument, and the field codes of Word in any of its forms. Each search is linear in the length.
 */
import type { Finding } from './finding.ts';
import type { Packaged } from './package.ts';
import { packagedObject } from './package.ts';

export interface TextFindings {
  readonly findings: readonly Finding[];
  /** Files that the text carries, decoded. */
  readonly embedded: readonly Buffer[];
  readonly packages: readonly Packaged[];
}

/** Bytes as text, a character a byte; UTF-16 by its mark or its zeros. */
export function textOf(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return bytes.toString('utf16le', 2);
  if (first === 0x3c && second === 0) return bytes.toString('utf16le');
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c)) {
    return Buffer.from(bytes.subarray(0, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  }
  return bytes.toString('latin1');
}

/** Begins the code of a field in the text of Word. */
export const CODE_BEGINS = '\x13';
const DDE_BEGINS = `${CODE_BEGINS}[\\s"\\\\*${CODE_BEGINS}]{0,50}DDE`;
const DDE_CODE = new RegExp(`${DDE_BEGINS}(?:AUTO)?\\b`, 'i');
/** Where the word is put together, its end is not seen. */
const SPELLED_DDE_CODE = new RegExp(DDE_BEGINS, 'i');
/** A field within the code that spells a piece of it in numbers. */
const QUOTE_CODE = new RegExp(
  `${CODE_BEGINS}?\\s{0,20}QUOTE((?:[\\s"]{1,20}\\d{1,7})+)[\\s"]{0,20}`,
  'gi',
);

/** A field that is a DDE link, in text where U+0013 begins a field, as Word has it. */
export function hasDdeField(text: string): boolean {
  if (DDE_CODE.test(text)) return true;
  const read = text.replace(QUOTE_CODE, spelled);
  return read !== text && SPELLED_DDE_CODE.test(read);
}

function spelled(_: string, numbers: string): string {
  return (numbers.match(/\d+/g) ?? []).map((number) => character(Number(number))).join('');
}

function character(code: number): string {
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
}

const REFERENCE = /&(?:#0{0,99}(\d{1,7})|#x0{0,99}([\da-f]{1,6})|quot);/gi;

/** Character references of XML as what they stand for, as far as words may be hidden in them. */
export function withoutReferences(xml: string): string {
  return xml.replace(REFERENCE, (_, decimal?: string, hex?: string) => {
    if (decimal !== undefined) return character(Number(decimal));
    return hex === undefined ? '"' : character(Number.parseInt(hex, 16));
  });
}

const FIELD_XML =
  /fldCharType\s{0,9}=\s{0,9}["']begin|<(?:\w{1,20}:)?instrText\b[^>]{0,200}>([^<]*)|<(?:\w{1,20}:)?fldSimple\b[^>]{0,200}?\w:instr\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)')/g;

/** Of WordprocessingML and SpreadsheetML, and OpenDocument. */
export function xmlFindings(xml: string): Finding[] {
  const found = new Set<Finding>();
  let codes = '';
  for (const [, run, double, single] of xml.matchAll(FIELD_XML)) {
    // A code may be cut into several runs.
    if (run !== undefined) codes += run;
    else codes += CODE_BEGINS + (double ?? single ?? '');
  }
  if (hasDdeField(withoutReferences(codes))) found.add('dde');
  if (/<(?:\w{1,20}:)?(?:ddeLink|dde-source|dde-connection-decl)\b/.test(xml)) found.add('dde');
  if (/<(?:ooo|script):module\b/.test(xml)) found.add('basic');
  if (
    /macrosPresent\s{0,9}=\s{0,9}["']yes|pkg:name\s{0,9}=\s{0,9}["'][^"']{0,300}vbaProject/i.test(
      xml,
    )
  ) {
    found.add('vba');
  }
  if (/pkg:contentType\s{0,9}=\s{0,9}["'][^"']{0,100}macrosheet/i.test(xml)) found.add('xlm');
  return [...found];
}

/** The beginning of a compound file and of ActiveMime in base64. */
const BASE64_DOCUMENT = /(?:0M8R4KGxGuE|QWN0aXZlTWltZ)[\w+/=\s]*/g;

export function markupFindings(text: string): TextFindings {
  const embedded = [...text.matchAll(BASE64_DOCUMENT)].map(([run]) => Buffer.from(run, 'base64'));
  return { findings: xmlFindings(text), embedded, packages: [] };
}

/** Controls, groups and white space of RTF. */
const RTF_NOISE = /\\[a-z]{1,40}-?\d{0,10} ?|[{}\r\n\t]/gi;
const RTF_OCTET = /\\'([0-9a-f]{2})/gi;
const CODE_CHARS = 2000;
const OLE_HEX = 'd0cf11e0a1b11ae1';
const ZIP_HEX = '504b0304';

export function rtfFindings(rtf: string): TextFindings {
  const [, ...fields] = rtf.split('\\fldinst');
  const codes = fields.map((field) => {
    const code = field
      .slice(0, CODE_CHARS)
      .replace(RTF_OCTET, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(RTF_NOISE, '');
    return CODE_BEGINS + code;
  });
  // A field within a field may make a piece of its code.
  const findings: Finding[] = hasDdeField(codes.join('')) ? ['dde'] : [];
  const embedded: Buffer[] = [];
  const packages: Packaged[] = [];
  const [, ...objects] = rtf.split(/\\objdata\b/);
  for (const object of objects) {
    const hex = groupOf(withBinaryAsHex(object))
      .replace(RTF_NOISE, '')
      .replace(/[^0-9a-f]+/gi, '')
      .toLowerCase();
    const at = [hex.indexOf(OLE_HEX), hex.indexOf(ZIP_HEX)].find((place) => place >= 0);
    if (at !== undefined) embedded.push(Buffer.from(hex.slice(at), 'hex'));
    const file = packagedObject(Buffer.from(hex, 'hex'));
    if (file !== undefined) packages.push(file);
  }
  return { findings, embedded, packages };
}

const RTF_BINARY = /\\bin(\d{1,9}) ?/g;

/** `\\binN` and N octets, which may be anything, as the digits that stand for the rest. */
function withBinaryAsHex(rtf: string): string {
  let out = '';
  let from = 0;
  for (const { 0: control, 1: count, index } of rtf.matchAll(RTF_BINARY)) {
    if (index < from) continue;
    const start = index + control.length;
    out += rtf.slice(from, index);
    from = start + Number(count);
    out += Buffer.from(rtf.slice(start, from), 'latin1').toString('hex');
  }
  return out + rtf.slice(from);
}

/** Up to the brace that ends the group. */
function groupOf(rtf: string): string {
  let depth = 0;
  for (const { 0: brace, index } of rtf.matchAll(/[{}]/g)) {
    depth += brace === '{' ? 1 : -1;
    if (depth < 0) return rtf.slice(0, index);
  }
  return rtf;
}

/** SYLK: an O record with E makes a macro sheet of it; a name that runs by itself does not need it. */
export function slkFindings(text: string): Finding[] {
  const found: Finding[] = [];
  if (/^(?:O;(?:[^\r\n]{0,500};)?E(?:;|\s|$)|NN;N_?AUTO_)/im.test(text)) found.push('xlm');
  if (text.split(/[\r\n]+/).some((line) => /^C;/i.test(line) && isDdeCall(line, ';E'))) {
    found.push('dde');
  }
  return found;
}

/** CSV and web queries: a formula that names a program and its topic. */
export function tableFindings(text: string): Finding[] {
  const isCall = text.split(/[\r\n]+/).some((line) => isDdeCall(line, '='));
  return isCall ? ['dde'] : [];
}

const LINE_CHARS = 4096;

/** `PROGRAM|'TOPIC'!ITEM` in a formula. */
function isDdeCall(line: string, mark: '=' | ';E'): boolean {
  if (!line.includes('|') || !line.includes('!')) return false;
  const text = line.slice(0, LINE_CHARS);
  return mark === '='
    ? /(?:^|[,;\t"\s])[=+@-][^|]{0,100}[a-z]\w{0,40}'?\|[^!]{0,1000}![a-z_']/i.test(text)
    : /;E[^|;]{0,100}\|[^!]{0,1000}!/i.test(text);
}
