/**
 * Whether the letters of a name are of one writing (Unicode TS 39 5.1, `highly restrictive`): one script,
 * or those that are written together in China, Japan and Korea. A script that nobody writes names in
 * (UAX 31, table 5 has those that are in use) is as good as a mixture.
 */
const SCRIPTS =
  'Latn Arab Armn Beng Bopo Cyrl Deva Ethi Geor Grek Gujr Guru Hang Hani Hebr Hira Kana Khmr Knda Laoo Mlym Mymr Orya Sinh Taml Telu Thaa Thai Tibt';

const WRITINGS: readonly RegExp[] = [
  ...SCRIPTS.split(' ').map((script) => [script]),
  ...[
    ['Latn', 'Hani', 'Hira', 'Kana'],
    ['Latn', 'Hani', 'Bopo'],
    ['Latn', 'Hani', 'Hang'],
  ],
].map((scripts) => {
  const letters = scripts.map((script) => `\\p{scx=${script}}`).join('');
  return new RegExp(`^[${letters}\\p{sc=Zyyy}\\p{sc=Zinh}]*$`, 'u');
});

/** One label, in Unicode. */
export function isOneWriting(label: string): boolean {
  return WRITINGS.some((writing) => writing.test(label));
}
