/**
 * Character references of HTML (13.2.5.72 and following): numbers, and the names that links and the
 * text in them are written with. Others stay as they are; none of them can be part of a host name.
 */
const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', Tab: '\t', NewLine: '\n' },
  ...{ colon: ':', sol: '/', bsol: '\\', period: '.', num: '#', quest: '?', equals: '=' },
  ...{ commat: '@', percnt: '%', lowbar: '_', semi: ';', comma: ',', excl: '!', plus: '+' },
  ...{ lpar: '(', rpar: ')', lsqb: '[', lbrack: '[', rsqb: ']', rbrack: ']', ast: '*' },
  ...{ hyphen: '\u2010', dash: '\u2010', shy: '\u00ad', zwj: '\u200d', zwnj: '\u200c' },
  ...{ ZeroWidthSpace: '\u200b', NoBreak: '\u2060', ensp: '\u2002', emsp: '\u2003' },
  ...{ auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', szlig: 'ß' },
};

const REFERENCE = /&(?:#x([0-9a-f]{1,8})|#(\d{1,8})|([a-z]{2,14}));?/gi;

export function withoutEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(REFERENCE, (all: string, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(NAMED, name) ? (NAMED[name] ?? all) : all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : '';
  });
}
