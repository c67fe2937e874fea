/** What a file is by its first bytes, whatever its name and declared type say. */
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
  ['vhdx', 0, 'vhdxfile'],
  ['tnef', 0, '\x78\x9f\x3e\x22'],
  ['onenote', 0, '\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d'],
  ['script', 0, '#!'],
  ['rtf', 0, '{\\rt'],
  ['pdf', 0, '%PDF-'],
];

/** The kinds there are, as the option `kinds` has them. */
export const FILE_KINDS = [...new Set(['exe', ...KINDS.map(([kind]) => kind), 'svg-script'])];

const PROBE_BYTES = 16 * 1024;

export function fileKind(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  if (isExecutable(bytes)) return 'exe';
  for (const [kind, offset, magic] of KINDS) {
    if (bytes.length < offset + magic.length) continue;
    if (bytes.toString('latin1', offset, offset + magic.length) === magic) return kind;
  }
  const text = bytes.toString('latin1', 0, PROBE_BYTES).replaceAll('\0', '').toLowerCase();
  const isSvg = text.includes('<svg') && !text.includes('<html');
  return isSvg && /<script|\son[a-z]{2,20}\s{0,9}=|javascript:/.test(text)
    ? 'svg-script'
    : undefined;
}

/** A program of DOS or Windows: "MZ" is a beginning of text too, so what follows must be binary. */
function isExecutable(bytes: Buffer): boolean {
  const mark = bytes.toString('latin1', 0, 2);
  return (
    (mark === 'MZ' || mark === 'ZM') && bytes.length >= 28 && bytes.subarray(2, 64).includes(0)
  );
}
