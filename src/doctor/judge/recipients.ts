/** Whether it can be known who the customers' recipients are. */
import type { Finding } from '../finding.ts';
import { counted, fail, named, pass, skip, warn } from '../finding.ts';

export interface ListFacts {
  readonly domain: string;
  readonly addresses: number;
}

export function judgeLists(lists: readonly ListFacts[]): Finding {
  const check = 'lists';
  if (lists.length === 0) return skip(check, 'no domain has a list of recipients');
  const empty = lists.filter(({ addresses }) => addresses === 0).map(({ domain }) => domain);
  if (empty.length > 0) {
    const text = `without an address, so that all mail is refused: ${named(empty)}`;
    return warn(check, text, 'fill the list');
  }
  const sum = lists.reduce((all, { addresses }) => all + addresses, 0);
  return pass(check, `${sum} addresses of ${counted(lists.length, 'domain')}`);
}

/** `fault`: why the directory gave no clear answer. */
export function judgeLdap(
  servers: string,
  domains: readonly string[],
  fault: string | undefined,
): Finding {
  const check = `LDAP ${servers}`;
  if (fault === undefined) return pass(check, `answers, for ${named(domains)}`);
  const fix = 'see servers, bind_dn, base and filter of recipients.ldap';
  return fail(check, `${fault}; recipients of ${named(domains)} cannot be looked up`, fix);
}
