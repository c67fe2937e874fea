/**
 * Recipients that stand in an LDAP directory, from what the domain's file says: the servers, how one
 * proves to them who one is, and the question. Password and certificates are read here, so that a
 * reload takes new ones. Nothing is asked.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { errorText } from '../../base/errors.ts';
import type { DomainFile } from '../../config/domain-file.ts';
import type { LdapSettings, LdapUrl } from '../../config/ldap-schema.ts';
import type { Path, Problem } from '../../config/problem.ts';
import { readTextFile } from '../../config/text-file.ts';
import { readPassword } from '../password-file.ts';
import { filterProblem } from './filter.ts';

export interface LdapSource {
  readonly kind: 'ldap';
  /** Names it in the books and to people, without secrets: equal keys, equal answers. */
  readonly key: string;
  /** Equal keys may share a connection. */
  readonly connectionKey: string;
  /** In the order in which they are asked. */
  readonly servers: readonly LdapUrl[];
  readonly tls: 'starttls' | 'off';
  /** Certificates in PEM that are trusted in place of the system's. */
  readonly ca: string | undefined;
  readonly bind: { readonly dn: string; readonly password: string } | undefined;
  readonly base: string;
  readonly filter: string;
  /** For a connection to be made, and for an answer. */
  readonly timeoutMs: number;
}

export interface LdapReading {
  readonly source: LdapSource;
  readonly problems: readonly Problem[];
}

const MAX_FILE_BYTES = 1024 * 1024;

export async function readLdapSource(
  settings: LdapSettings,
  domainFile: DomainFile,
): Promise<LdapReading> {
  const problems: Problem[] = [];
  const problem = (key: keyof LdapSettings, text: string, severity?: Problem['severity']) =>
    problems.push(domainFile.problemAt(pathTo(key), text, severity));
  const passwordFrom = async (name: string) => {
    // A bind without a password is anonymous, and taken (RFC 4513 5.1.2): an empty file is a fault.
    const found = await readPassword(name, domainFile.file);
    if (!found.ok) problem('password_file', found.problem);
    return found.ok ? found.value : undefined;
  };
  const caFrom = async (name: string) => {
    const text = await readTextFile(resolve(dirname(domainFile.file), name), MAX_FILE_BYTES);
    if (!text.ok) problem('ca', `${name} ${text.problem}`);
    return text.ok ? text.value : undefined;
  };
  const { password_file: file, ca: caFile } = settings;
  const password = settings.password ?? (file && (await passwordFrom(file)));
  const ca = caFile && (await caFrom(caFile));
  const unfit = ca === undefined ? undefined : certificateProblem(ca);
  if (unfit !== undefined) problem('ca', unfit);
  const wrong = filterProblem(settings.filter);
  if (wrong !== undefined) problem('filter', wrong);
  const source = buildSource(settings, password, ca);
  if (source.tls === 'off' && source.bind !== undefined && source.servers.some(isInTheOpen)) {
    problem('tls', 'the password goes over the network where everybody can read it', 'warning');
  }
  return { source, problems };
}

function buildSource(
  settings: LdapSettings,
  password: string | undefined,
  ca: string | undefined,
): LdapSource {
  const { url, base, filter, bind_dn: dn, tls, timeout: timeoutMs } = settings;
  const servers = Array.isArray(url) ? url : [url];
  const bind = dn === undefined || password === undefined ? undefined : { dn, password };
  const names = servers.map((server) => server.url).join(',');
  const connection = JSON.stringify([names, tls, ca, bind, timeoutMs]);
  return {
    kind: 'ldap',
    key: `${names} ${base} ${filter}`,
    connectionKey: createHash('sha256').update(connection).digest('base64'),
    ...{ servers, tls, ca, bind, base, filter, timeoutMs },
  };
}

function pathTo(key: keyof LdapSettings): Path {
  return ['recipients', 'ldap', key];
}

function certificateProblem(pem: string): string | undefined {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return 'holds no certificate in PEM form';
  // The system's reading of certificates tells of faults by throwing.
  try {
    createSecureContext({ ca: pem });
    return undefined;
  } catch (error) {
    return `holds a certificate that cannot be read: ${errorText(error)}`;
  }
}

/** Beyond this machine, without TLS. */
function isInTheOpen({ host, secure }: LdapUrl): boolean {
  if (secure || host === 'localhost') return false;
  return isIP(host) === 0 || !/^(127\.|::1$)/.test(host);
}
