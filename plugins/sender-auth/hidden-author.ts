/**
 * Mail whose author a reader may see although DMARC could not be asked about him: several of them, one
 * beside an address that is none, one in a form without an address, or one that is cut short or mended
 * by characters that are not shown (RFC 9989 11.5).
 */
import type { AuthenticateResult } from 'mailauth';

/** Where a reader that knows texts by their end stops. Folds and tabs are blanks. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
/** Not shown, and left out of names by many; the two joiners have their place in some scripts. */
const INVISIBLE = /[\p{Cf}--[\u200c\u200d]]|[\x21-\x7e][\u200c\u200d]/v;

export function mayHideAuthor({ dkim, dmarc, dmarcSkipReason }: AuthenticateResult): boolean {
  const fields = (dkim.headers?.parsed ?? []).filter(({ key }) => key === 'from');
  const text = fields.map(({ line }) => String(line)).join('');
  const domains = dkim.headerFrom.map((address) => address.slice(address.lastIndexOf('@') + 1));
  if (CONTROL.test(text) || domains.some((domain) => INVISIBLE.test(domain))) return true;
  if (dmarc !== false) return false;
  return dmarcSkipReason !== 'no-author-domain' || text.includes('@');
}
