/**
 * The keys that sign a customer's mail: those in the folder under the names of the domain, in the order
 * in which they are wanted. A file that is no safe key is an error; a selector without a key is a warning,
 * for its mail goes out all the same.
 */
import type { DomainFile } from '../config/domain-file.ts';
import type { Problem } from '../config/problem.ts';
import { fileProblem } from '../config/problem.ts';
import type { Config } from '../config/config.ts';
import type { KeyFolder, KeysReading, NamedKey } from '../dkim/key-folder.ts';
import { readKey } from '../dkim/key-folder.ts';
import type { KeysOfDomain, SigningKeys } from '../dkim/signer.ts';
import { NO_KEYS } from '../dkim/signer.ts';
import { asciiDomain } from './domain-name.ts';

export interface SigningReading {
  readonly signing: SigningKeys;
  readonly problems: readonly Problem[];
}

export async function readSigning(
  { settings, problemAt }: DomainFile,
  folder: KeyFolder | undefined,
): Promise<SigningReading> {
  if (folder === undefined) return { signing: NO_KEYS, problems: [] };
  const name = asciiDomain(settings.domain);
  const { selectors, headers } = settings.dkim;
  const accounts = settings.outgoing?.accounts ?? [];
  const ofAccounts = accounts.flatMap(({ dkim_selector: selector }) => selector ?? []);
  const own = await folder.read(name);
  const problems = problemsOf(own);
  const domains: KeysOfDomain[] = [];
  const build = (domain: string, all: readonly NamedKey[]) =>
    domains.push({ domain, all, usual: usualKeys(all, selectors, ofAccounts), ofAccounts });
  build(name, own.keys);
  for (const alias of settings.aliases.map(asciiDomain)) {
    const other = await folder.read(alias);
    problems.push(...problemsOf(other));
    // One key may serve all names of a customer; each has a record of its own.
    const isOwn = (selector: string) => other.keys.some((key) => key.selector === selector);
    build(alias, [...other.keys, ...own.keys.filter(({ selector }) => !isOwn(selector))]);
  }
  const isThere = (selector: string) => own.keys.some((key) => key.selector === selector);
  const lacking = (selector: string) =>
    `there is no key ${selector}; make one: sluice dkim keygen ${name} --selector ${selector}`;
  for (const [i, selector] of (selectors ?? []).entries()) {
    if (isThere(selector)) continue;
    problems.push(problemAt(['dkim', 'selectors', i], lacking(selector), 'warning'));
  }
  for (const [i, { dkim_selector: selector }] of accounts.entries()) {
    if (selector === undefined || isThere(selector)) continue;
    const path = ['outgoing', 'accounts', i, 'dkim_selector'];
    problems.push(problemAt(path, lacking(selector), 'warning'));
  }
  return { signing: { domains, headers }, problems };
}

/** Of the gateway's own name. */
export async function readOwnSigning(
  hostname: string | undefined,
  folder: KeyFolder | undefined,
): Promise<SigningReading> {
  if (hostname === undefined || folder === undefined) return { signing: NO_KEYS, problems: [] };
  const reading = await folder.read(hostname);
  const { keys } = reading;
  const signing = {
    domains: [{ domain: hostname, all: keys, usual: keys, ofAccounts: [] }],
    headers: [],
  };
  return { signing, problems: problemsOf(reading) };
}

/** Of `arc_seal`. */
export async function readSealing(seal: Config['arcSeal']): Promise<SigningReading> {
  if (seal === undefined) return { signing: NO_KEYS, problems: [] };
  const { domain, selector, keyFile: file, problemAt } = seal;
  const found = await readKey(file);
  if (typeof found === 'string') {
    return { signing: NO_KEYS, problems: [problemAt(['key'], `${file} ${found}`)] };
  }
  if (found.key.algorithm !== 'rsa-sha256') {
    // dkimpy and Mail::DKIM do not verify it, and a seal that is not understood is a broken one.
    const text = 'is an Ed25519 key, which many verifiers of ARC do not know: use an RSA key';
    return { signing: NO_KEYS, problems: [problemAt(['key'], text)] };
  }
  const all = [{ selector, file, ...found }];
  const domains = [{ domain: asciiDomain(domain), all, usual: all, ofAccounts: [] }];
  return { signing: { domains, headers: [] }, problems: [] };
}

function problemsOf({ faults }: KeysReading): Problem[] {
  return faults.map(({ file, text }) => fileProblem(file, text));
}

/** A key that is an account's own signs for the others only where there is none else. */
function usualKeys(
  all: readonly NamedKey[],
  selectors: readonly string[] | undefined,
  ofAccounts: readonly string[],
): readonly NamedKey[] {
  if (selectors !== undefined) {
    return selectors.flatMap((selector) => all.filter((key) => key.selector === selector));
  }
  const free = all.filter(({ selector }) => !ofAccounts.includes(selector));
  return free.length > 0 ? free : all;
}
