/** Which files are looked into, documents and archives, told by how they begin and, where that says nothing, by name. */
import { isBareBiff } from './biff.ts';
import { isLzmaAlone } from './lzma-alone.ts';
import { isTar } from './tar.ts';
import { TNEF_MAGIC } from './tnef.ts';

export type DocumentKind =
  | 'ole'
  | 'zip'
  | 'rtf'
  | 'slk'
  | 'biff'
  | 'active-mime'
  | 'markup'
  | 'table'
  | 'tar'
  | 'gz'
  | 'bz2'
  | 'xz'
  | 'lzma'
  | 'rar'
  | '7z'
  | 'tnef'
  | 'onenote';

/** How much of a file is enough to tell. */
export const PROBE_BYTES = 4096;

const MAGIC: readonly (readonly [kind: DocumentKind, magic: string])[] = [
  ['ole', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['zip', 'PK\x03\x04'],
  ['zip', 'PK\x05\x06'],
  ['zip', 'PK\x07\x08'],
  // Writers of split archives put a mark before the first member.
  ['zip', 'PK00PK\x03\x04'],
  ['active-mime', 'ActiveMime'],
  ['gz', '\x1f\x8b\x08'],
  ['xz', '\xfd7zXZ\0'],
  ['rar', 'Rar!\x1a\x07'],
  ['7z', '7z\xbc\xaf\x27\x1c'],
  ['tnef', TNEF_MAGIC],
  ['onenote', '\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d'],
];
/** Of a block, and of the end where there is none. */
const BZIP2_MARKS: readonly string[] = ['1AY&SY', '\x17rE8P\x90'];
/** Word, Excel and OpenDocument as one XML file, web pages and web archives that Office saves. */
const OFFICE_MARKUP =
  /mso-application|<(?:[\w-]{1,40}:)?(?:worddocument|document-content)\b|<office:document\b|xmlpackage|urn:schemas-microsoft-com:office|^mime-version:|^content-type:\s*multipart\/related/m;
/** Opened by its end, whatever it begins with. */
const ZIP_NAME =
  /\.(?:zipx?|(?:do[ct]|xl[st]|p[op]t|pps|sld|vs[dst])[xm]|xlsb|xlam|ppam|thmx|o[dt][tspg])$/m;
/** Nothing marks its beginning. */
const LZMA_NAME = /\.(?:lzma|tlz)$/m;
/** Excel opens text under its own names too. */
const TABLE_NAME = /\.(?:csv|tsv|iqy|xl[st])$/m;

/** `name`: lower case, where it is known; several are a line each. */
export function documentKind(head: Buffer, name: string): DocumentKind | undefined {
  const start = head.toString('latin1', 0, 16);
  for (const [kind, magic] of MAGIC) if (start.startsWith(magic)) return kind;
  // Its first letters alone begin words too.
  if (start.startsWith('BZh') && BZIP2_MARKS.includes(start.slice(4, 10))) return 'bz2';
  if (isLzmaAlone(head) || LZMA_NAME.test(name)) return 'lzma';
  if (isBareBiff(head)) return 'biff';
  if (isTar(head)) return 'tar';
  const text = head.toString('latin1', 0, PROBE_BYTES).replaceAll('\0', '').toLowerCase();
  const plain = text.replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s{0,200}/, '');
  if (plain.startsWith('{\\rt')) return 'rtf';
  if (/^id;\w/.test(plain)) return 'slk';
  if (OFFICE_MARKUP.test(plain)) return 'markup';
  if (ZIP_NAME.test(name)) return 'zip';
  return TABLE_NAME.test(name) ? 'table' : undefined;
}
