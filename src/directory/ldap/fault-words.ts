/**
 * What a directory's refusal means, in words: servers mostly send a number and nothing else (RFC 4511
 * 4.1.9), and whoever reads it has to know which line of the domain's file is meant.
 */
import { ResultCodeError } from 'ldapts';
import { errorText } from '../../base/errors.ts';

const WORDS: Readonly<Record<number, string>> = {
  1: 'the server has internal trouble',
  3: 'the server needs longer for it than it allows itself',
  8: 'the server demands a login, or TLS (bind_dn, tls)',
  10: 'the server refers to another one',
  13: 'the server demands TLS (tls: starttls, or ldaps://)',
  32: 'nothing is there under the base, or the login may not see it (base, bind_dn)',
  34: 'the server cannot read a name (base, bind_dn)',
  48: 'the server takes no such login (bind_dn)',
  49: 'the server refuses the login (bind_dn, password)',
  50: 'the login may not search there (bind_dn)',
  51: 'the server is busy',
  52: 'the server is not available',
  53: 'the server is unwilling',
};
/** The library puts the number behind the server's own words, which are often none. */
const CODE = /\s*Code: 0x[0-9a-f]+\s*$/i;

export function ldapFaultText(error: unknown): string {
  if (!(error instanceof ResultCodeError)) return errorText(error);
  const said = errorText(error).replace(CODE, '').trim();
  const words = WORDS[error.code] ?? 'the server gives no answer';
  return `${words}; LDAP result ${error.code}${said === '' ? '' : `: ${said}`}`;
}
