/** The schema of `recipients.ldap` in a domain file: which servers are asked, and how. */
import * as z from 'zod';
import { isHost } from './endpoint.ts';
import { duration, path, text } from './values.ts';

export interface LdapUrl {
  /** In canonical form, for people. */
  readonly url: string;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `ldaps`: TLS from the first byte. */
  readonly secure: boolean;
}

const PORTS: Readonly<Record<string, number>> = { 'ldap:': 389, 'ldaps:': 636 };
const MAX_URLS = 5;
const MAX_TEXT = 4096;
/** What Active Directory and most others have; the second is where Exchange keeps all addresses. */
const DEFAULT_FILTER = '(|(mail=%s)(proxyAddresses=smtp:%s))';

const URL_FORM =
  'expected an address such as ldap://dc1.example.org or ldaps://dc1.example.org:636';

const ldapUrl = () =>
  text(URL_FORM, (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const port = url && PORTS[url.protocol];
    const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
    if (url === undefined || port === undefined || !isHost(host)) {
      return { ok: false, problem: URL_FORM };
    }
    // The base has a key of its own, and a login in an address is read by everybody.
    if (url.pathname.length > 1 || url.search !== '' || url.username !== '' || url.hash !== '') {
      return { ok: false, problem: 'expected no more than the host and its port' };
    }
    const secure = url.protocol === 'ldaps:';
    const found = { host, port: url.port === '' ? port : Number(url.port), secure };
    return { ok: true, value: { url: `${url.protocol}//${url.host}`, ...found } };
  });

const oneLine = (expected: string) => {
  const error = `expected ${expected}`;
  return z
    .string({ error })
    .refine((value) => value !== '' && value.length <= MAX_TEXT && !/[\0\r\n]/.test(value), {
      error,
    });
};

export const ldapSource = z
  .strictObject({
    url: z.union(
      [
        ldapUrl(),
        z
          .array(ldapUrl(), { error: 'expected a list of addresses' })
          .min(1, { error: 'expected at least one address' })
          .max(MAX_URLS, { error: `expected at most ${MAX_URLS} addresses` }),
      ],
      { error: URL_FORM },
    ),
    base: oneLine('a name such as dc=example,dc=org'),
    filter: oneLine('a filter such as (mail=%s)').prefault(DEFAULT_FILTER),
    bind_dn: oneLine('a name such as cn=sluice,dc=example,dc=org').optional(),
    password: oneLine('a password on one line').optional(),
    password_file: path().optional(),
    tls: z.enum(['starttls', 'off']).prefault('starttls'),
    ca: path().optional(),
    timeout: duration('1s', '15s').prefault('5s'),
  })
  .refine(({ password, password_file: file }) => password === undefined || file === undefined, {
    error: 'expected one of password and password_file',
  })
  .refine(
    ({ bind_dn: name, password, password_file: file }) =>
      (name === undefined) === (password === undefined && file === undefined),
    { error: 'bind_dn and a password (password or password_file) belong together' },
  );

export type LdapSettings = z.output<typeof ldapSource>;
