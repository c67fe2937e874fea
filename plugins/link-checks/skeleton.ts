/**
 * What a name looks like: letters that look alike are one letter (Unicode TS 39 4), and marks on letters
 * are left out. Known are the letters of Cyrillic, Greek, Armenian and Latin that may stand in a domain
 * name and that a reader takes for one of ours.
 */
const ALIKE: Readonly<Record<string, string>> = {
  ...{ a: 'аαɑ', b: 'ьвβƅɓ', c: 'сςϲƈ', d: 'ԁɗđ', e: 'еєεҽɛ', f: 'ғƒ', g: 'ɡɠց', h: 'һнհɦħ' },
  ...{ i: 'іιıɨɩ', j: 'ј', k: 'кκƙ', l: 'ӏłɫƚ', m: 'м', n: 'пηոɳŋ', o: 'оοσօøө', p: 'рρƥ' },
  ...{ q: 'ԛզʠ', r: 'гɾɼ', s: 'ѕʂ', t: 'тτţŧƭ', u: 'υսʋц', v: 'ѵνʌ', w: 'ԝшωա', x: 'хχҳ' },
  ...{ y: 'уүγʏƴ', z: 'ᴢƶʐ' },
};
const LOOKS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ALIKE).flatMap(([ours, others]) => others.split('').map((other) => [other, ours])),
);

/** Figures and pairs of letters that look like letters, in names that are long enough to tell. */
const FOLDS: readonly (readonly [RegExp, string])[] = [
  [/[1i]/g, 'l'],
  [/0/g, 'o'],
  [/rn/g, 'm'],
  [/vv/g, 'w'],
];
const MIN_FOLDED = 5;

/** One label, in Unicode and lower case. */
export function skeleton(label: string): string {
  const plain = label.normalize('NFKD').replace(/\p{M}+/gu, '');
  const looks = plain.replace(/[^\0-\x7f]/g, (letter) => LOOKS[letter] ?? letter);
  if (looks.length < MIN_FOLDED) return looks;
  return FOLDS.reduce((text, [what, letter]) => text.replace(what, letter), looks);
}
