/**
 * The accounts of all domain files, with the faults that only show when they are seen together: an
 * address belongs to one domain only, a login to one account, and nobody opens the gateway to whole
 * continents by a slip of the pen.
 */
import { basename } from 'node:path';
import { parsePasswordHash } from '../base/password-hash.ts';
import type { DomainFile } from '../config/domain-file.ts';
import type { Path, Problem } from '../config/problem.ts';
import { parseAddress } from '../mail/address.ts';
import type { Account, FilterPolicy, Outgoing } from './account.ts';
import { loginKey, sharedName } from './account.ts';
import { buildAccountOptions } from './account-options.ts';
import { accountFilters } from './account-filters.ts';
import { asciiDomain } from './domain-name.ts';
import type { Network } from './network.ts';
import { compareNetworks, isTooWide, isWithin, LEAST_BITS, parseNetwork } from './network.ts';

/** Recipients a day for each person who may use the gateway, and for the smallest customer. */
const PER_USER = 50;
const LEAST_RELAY = 1000;

export function buildOutgoing({ settings, pluginOptions }: DomainFile): Outgoing {
  const { outgoing } = settings;
  const domain = asciiDomain(settings.domain);
  const accounts = (outgoing?.accounts ?? []).flatMap((settings): Account[] => {
    const { ip, spf, user, password, dkim_selector: dkimSelector } = settings;
    const filterOptions = accountFilters(settings, pluginOptions);
    const common = {
      domain,
      ...(filterOptions !== undefined && { filterOptions }),
      ...buildAccountOptions(settings),
      ...(dkimSelector !== undefined && { dkimSelector }),
    };
    if (ip !== undefined) {
      const network = parseNetwork(ip);
      if (network === undefined) return [];
      return [{ ...common, name: ip, by: { kind: 'address', network } }];
    }
    if (spf !== undefined) {
      const record = spf.toLowerCase();
      return [{ ...common, name: sharedName(record, domain), by: { kind: 'spf', record } }];
    }
    const hash = password === undefined ? undefined : parsePasswordHash(password);
    return user === undefined
      ? [{ ...common, name: domain, by: { kind: 'domain', password: hash } }]
      : [{ ...common, name: loginKey(user), by: { kind: 'user', password: hash } }];
  });
  const { enabled = false, null_sender: nullSender = 'accept' } = outgoing ?? {};
  return {
    filters: filtersOf(settings),
    enabled,
    accounts,
    nullSender,
    hidesClients: outgoing?.hide_clients ?? false,
    bulk: outgoing?.bulk ?? 'accept',
    bulkPerDay: outgoing?.bulk_per_day ?? 0,
    bouncesPerDay: outgoing?.bounces_per_day ?? 0,
    repliesPerWeek: outgoing?.auto_replies_per_week ?? 0,
    relayPerDay: Math.max((settings.licensed_users ?? 0) * PER_USER, LEAST_RELAY),
    timeZone: settings.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

/**
 * What customers send is kept back rather than refused: the client may be a server whose people would
 * never hear of it, and who sent it is found out by looking at it. Nobody else learns a score from us.
 */
function filtersOf({ outgoing, spam }: DomainFile['settings']): FilterPolicy {
  const never = Number.POSITIVE_INFINITY;
  const { quarantine: own, reject } = outgoing?.spam ?? {};
  const inbound = spam.quarantine ?? spam.reject;
  return {
    services: new Set(outgoing?.services),
    spam: {
      tag: never,
      quarantine: (own === undefined ? inbound : own) ?? never,
      reject: reject ?? never,
    },
    virus: outgoing?.virus ?? 'reject',
  };
}

export function accountProblems(domainFiles: readonly DomainFile[]): Problem[] {
  return [...domainFiles.flatMap(ownProblems), ...networkProblems(domainFiles)];
}

/** What is wrong with the accounts of one file. */
function ownProblems({ settings, problemAt }: DomainFile): Problem[] {
  const names = [settings.domain, ...settings.aliases].map(asciiDomain);
  const seen = new Map<string, number>();
  return (settings.outgoing?.accounts ?? []).flatMap((account, index) => {
    const problems: Problem[] = [];
    const at = (key: string): Path => ['outgoing', 'accounts', index, key];
    const { ip, spf, user, password } = account;
    if (ip === undefined) {
      const key = spf !== undefined ? 'spf' : user !== undefined ? 'user' : 'domain';
      const login =
        user === undefined ? (spf?.toLowerCase() ?? asciiDomain(settings.domain)) : loginKey(user);
      const other = seen.get(`${key} ${login}`);
      if (other !== undefined) {
        const what = spf === undefined ? 'login' : 'SPF record';
        const text = `${login} is the ${what} of outgoing.accounts[${other}] already`;
        problems.push(problemAt(at(key), text));
      }
      seen.set(`${key} ${login}`, other ?? index);
    }
    if (user !== undefined && !isOf(user, names)) {
      problems.push(problemAt(at('user'), 'is not of this domain or one of its aliases'));
    }
    if (password !== undefined && parsePasswordHash(password) === undefined) {
      const text = 'cannot be checked, so nobody can log in: make one with "sluice account hash"';
      problems.push(problemAt(at('password'), text, 'warning'));
    }
    return problems;
  });
}

function isOf(user: string, names: readonly string[]): boolean {
  const parsed = parseAddress(user);
  return parsed.ok && names.includes(asciiDomain(parsed.value.domain));
}

interface Claim {
  readonly network: Network;
  readonly text: string;
  readonly file: DomainFile;
  readonly path: Path;
}

function networkProblems(domainFiles: readonly DomainFile[]): Problem[] {
  const problems: Problem[] = [];
  const claims: Claim[] = [];
  for (const file of domainFiles) {
    file.settings.outgoing?.accounts.forEach(({ ip }, index) => {
      if (ip === undefined) return;
      const path = ['outgoing', 'accounts', index, 'ip'];
      const network = parseNetwork(ip);
      if (network === undefined) {
        const text = `${ip} is an address within a network: set the bits behind the prefix to 0`;
        problems.push(file.problemAt(path, text));
      } else if (isTooWide(network)) {
        const text = `${ip} is wider than an account may be (/${LEAST_BITS[network.family]})`;
        problems.push(file.problemAt(path, text));
      } else claims.push({ network, text: ip, file, path });
    });
  }
  return [...problems, ...clashes(claims)];
}

/** Networks are within each other or apart, so those that are open form a stack. */
function clashes(claims: readonly Claim[]): Problem[] {
  const problems: Problem[] = [];
  const open: Claim[] = [];
  for (const claim of claims.toSorted((a, b) => compareNetworks(a.network, b.network))) {
    let outer = open.at(-1);
    while (outer !== undefined && !isWithin(claim.network, outer.network)) {
      open.pop();
      outer = open.at(-1);
    }
    open.push(claim);
    if (outer === undefined) continue;
    const isSame = outer.network.bits === claim.network.bits;
    // A part of a network of one's own may be an account of its own.
    if (outer.file === claim.file && !isSame) continue;
    const { file, line, col, path } = outer.file.problemAt(outer.path, '');
    const place = `${basename(file)}:${line}:${col} (${path})`;
    const text = isSame ? 'belongs to another account' : `lies within ${outer.text}`;
    problems.push(claim.file.problemAt(claim.path, `${claim.text} ${text}, see ${place}`));
  }
  return problems;
}
