/**
 * Mail whose author a reader may see although DMARC could not be asked about him: several of them, one
 * beside an address that is none, one in a form without an address, one in encoded words, one that is cut
 * short or mended by characters that are not shown or by comments, or one in letters that have a plainer
 * form, such as wide ones (RFC 9989 11.5).
 */
import type { AuthenticateResult } from 'mailauth';
import { decodeWords } from '../shared/parameters.ts';

/** Where a reader that knows texts by their end stops. Folds and tabs are blanks. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
/** Not shown, and left out of names by many; the two joiners have their place in some scripts. */
const INVISIBLE = /[\p{Cf}--[\u200c\u200d]]|[\x21-\x7e][\u200c\u200d]/v;
// An escaped quote or bracket goes with its backslash, and a quote without an end to the end of the
// field: looked at anew from each of them, a long field would take minutes.
const QUOTED = /"(?:[^"\\]|\\.?)*("?)/gs;
const COMMENT = /\\.|\((?:[^()\\]|\\.)*\)/gs;
/** As deep as people nest comments, and deeper. */
const MAX_NESTED = 5;

export function mayHideAuthor({ dkim, dmarc, dmarcSkipReason }: AuthenticateResult): boolean {
  const fields = (dkim.headers?.parsed ?? []).filter(({ key }) => key === 'from');
  const text = fields.map(({ line }) => String(line)).join('');
  const domains = dkim.headerFrom.map((address) => address.slice(address.lastIndexOf('@') + 1));
  if (CONTROL.test(text) || domains.some(isShownOtherwise)) return true;
  if (dmarc === false) return dmarcSkipReason !== 'no-author-domain' || showsAddress(text);
  return fields.some(({ line }) => isReadOtherwise(String(line), domains));
}

/** As another domain: no letter of a sound one has a plainer form (RFC 5891 4.2.3, RFC 5892 2.2). */
function isShownOtherwise(domain: string): boolean {
  return INVISIBLE.test(domain) || domain.normalize('NFKC') !== domain.normalize('NFC');
}

/** In words of any kind. */
function showsAddress(text: string): boolean {
  const words = decodeWords(Buffer.from(text).toString('latin1'));
  return `${text}${words}`.normalize('NFKC').includes('@');
}

/** Whether a reader of RFC 5322 sees a domain that was not asked about, or no one domain. */
function isReadOtherwise(line: string, asked: readonly string[]): boolean {
  const known = asked.map((domain) => plain(domain));
  let text = line
    .slice(line.indexOf(':') + 1)
    .replace(QUOTED, (quoted, end) => (end === '' ? quoted : 'x'));
  for (let depth = 0; depth < MAX_NESTED; depth++) {
    text = text.replace(COMMENT, (found) => (found.startsWith('(') ? '' : found));
  }
  return text.split(',').some((one) => {
    const [angled, second] = one.match(/<[^<>]*>?/g) ?? [];
    if (second !== undefined) return true;
    const address = angled ?? one;
    const at = address.lastIndexOf('@');
    const domain = plain(address.slice(at + 1));
    return at >= 0 && (domain.includes('=?') || !known.includes(domain));
  });
}

function plain(domain: string): string {
  return domain.replace(/[\s<>;]+/g, '').toLowerCase();
}
