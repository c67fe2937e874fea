/** What a file is by its first bytes, whatever its name and declared type say. */
import { isLzmaAlone } from './lzma-alone.ts';
import { withoutReferences } from './office-text.ts';
import { TNEF_MAGIC } from './tnef.ts';

const KINDS: readonly (readonly [kind: string, offset: number, magic: string])[] = [
  ['elf', 0, '\x7fELF'],
  ['mach-o', 0, '\xfe\xed\xfa\xce'],
  ['mach-o', 0, '\xfe\xed\xfa\xcf'],
  ['mach-o', 0, '\xce\xfa\xed\xfe'],
  ['mach-o', 0, '\xcf\xfa\xed\xfe'],
  ['lnk', 0, 'L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F'],
  ['chm', 0, 'ITSF'],
  ['ole', 0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['zip', 0, 'PK\x03\x04'],
  ['zip', 0, 'PK\x05\x06'],
  ['zip', 0, 'PK\x07\x08'],
  ['rar', 0, 'Rar!\x1a\x07'],
  ['7z', 0, '7z\xbc\xaf\x27\x1c'],
  ['gz', 0, '\x1f\x8b\x08'],
  ['bz2', 0, 'BZh'],
  ['xz', 0, '\xfd7zXZ\0'],
  ['cab', 0, 'MSCF'],
  ['arj', 0, '\x60\xea'],
  ['ace', 7, '**ACE**'],
  ['tar', 257, 'ustar'],
  ['iso', 32_769, 'CD001'],
  // UDF, which Windows opens as it opens ISO 9660.
  ['iso', 32_769, 'BEA01'],
  // One that grows; of one of fixed size the mark is at its end alone.
  ['vhd', 0, 'conectix'],
  ['vhdx', 0, 'vhdxfile'],
  ['tnef', 0, TNEF_MAGIC],
  ['onenote', 0, '\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d'],
  ['script', 0, '#!'],
  ['rtf', 0, '{\\rt'],
  ['pdf', 0, '%PDF-'],
];

/** The kinds there are, as the option `kinds` has them. */
export const FILE_KINDS = [
  ...new Set(['exe', ...KINDS.map(([kind]) => kind), 'lzma', 'svg-script']),
];

const PROBE_BYTES = 64 * 1024;

export function fileKind(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  if (isExecutable(bytes)) return 'exe';
  for (const [kind, offset, magic] of KINDS) {
    if (bytes.length < offset + magic.length) continue;
    if (bytes.toString('latin1', offset, offset + magic.length) === magic) return kind;
  }
  if (isLzmaAlone(bytes)) return 'lzma';
  const text = bytes.toString('latin1', 0, PROBE_BYTES).replaceAll('\0', '').toLowerCase();
  return isSvg(text) && runsScript(withoutReferences(text)) ? 'svg-script' : undefined;
}

const SVG = /<(?:[\w.-]{1,40}:)?svg[\s/>]/;
/** What may stand before the root of an XML file. */
const PROLOG =
  /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff|\s|<\?[^>]*>|<!--[^]*?-->|<!doctype[^>[]*(?:\[[^\]]*\]\s*)?>)+/;

/** Pages with a picture in them are none. */
function isSvg(text: string): boolean {
  if (!SVG.test(text)) return false;
  return !text.includes('<html') || SVG.exec(text.replace(PROLOG, ''))?.index === 0;
}

/** By an element, under any prefix, an event or a link. */
const SCRIPT =
  /<(?:[\w.-]{1,40}:)?(?:script|iframe|embed|object|handler)[\s/>]|\son[a-z]{2,20}\s{0,9}=/;
const SCRIPT_LINK = /javascript:|data:text\/html/;

function runsScript(text: string): boolean {
  return SCRIPT.test(text) || SCRIPT_LINK.test(text.replace(/[\t\r\n]/g, ''));
}

/** A program of DOS or Windows: "MZ" is a beginning of text too, so what follows must be binary. */
function isExecutable(bytes: Buffer): boolean {
  const mark = bytes.toString('latin1', 0, 2);
  return (
    (mark === 'MZ' || mark === 'ZM') && bytes.length >= 28 && bytes.subarray(2, 64).includes(0)
  );
}
