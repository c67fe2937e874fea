/**
 * What can be said against a client and a sender, as facts; what they weigh is for the rules. All
 * questions to the DNS are asked side by side. One without an answer finds nothing.
 */
import { isIP } from 'node:net';
import type { Dns, MailView, PluginHost } from 'sluice-mx/plugin';
import type { RuleFinding } from '../shared/by-actions.ts';
import { dnsName } from '../shared/dns-name.ts';
import { canonical, isPublic, plainAddress } from '../shared/public-address.ts';

export type Rule =
  | 'no_ptr'
  | 'ptr_mismatch'
  | 'helo_literal'
  | 'helo_own'
  | 'helo_hosted'
  | 'helo_not_fqdn'
  | 'helo_unknown'
  | 'sender_unknown'
  | 'null_mx'
  | 'sender_hosted';

export interface Finding extends RuleFinding<Rule> {
  /** A proof of the sender takes it back. */
  readonly unlessProven?: true;
}

/** Who controls an address may give it any number of names. */
const MAX_NAMES = 5;

export async function findings(
  view: MailView,
  { dns, hostname }: Pick<PluginHost, 'dns' | 'hostname'>,
): Promise<readonly Finding[]> {
  const found = await Promise.all([
    ofAddress(dns, plainAddress(view.session.remote.address)),
    ofHello(view, dns, hostname),
    ofSender(view, dns),
  ]);
  return found.flat();
}

async function ofAddress(dns: Dns, address: string): Promise<Finding[]> {
  // Within somebody's own network nobody owes the DNS anything.
  if (!isPublic(address)) return [];
  const names = await dns.ptr(address);
  if (names.kind === 'unsure') return [];
  const reason = { reason: 'rdns', detail: '7.25' } as const;
  if (names.kind !== 'found') {
    return [{ rule: 'no_ptr', ...reason, text: `Your address ${address} has no name in the DNS` }];
  }
  const wanted = canonical(address);
  const asked = names.records.slice(0, MAX_NAMES);
  const answers = await Promise.all(
    asked.map((name) => (isIP(address) === 6 ? dns.aaaa(name) : dns.a(name))),
  );
  const isConfirmed = answers.some(
    (answer) => answer.kind === 'found' && answer.records.some((one) => canonical(one) === wanted),
  );
  if (isConfirmed || answers.some(({ kind }) => kind === 'unsure')) return [];
  const text = `The name of your address ${address} does not lead back to it`;
  return [{ rule: 'ptr_mismatch', ...reason, text }];
}

async function ofHello(view: MailView, dns: Dns, hostname: string): Promise<Finding[]> {
  const said = view.session.hello?.name ?? '';
  const reason = { reason: 'helo', detail: '7.1' } as const;
  const literal = /^\[(?:IPv6:)?([^\]]*)\]$/i.exec(said)?.[1];
  if (literal !== undefined) {
    const isOwn = canonical(literal) === canonical(plainAddress(view.session.remote.address));
    const text = 'The address in your HELO is not yours';
    return isOwn ? [] : [{ rule: 'helo_literal', ...reason, text }];
  }
  const name = dnsName(said);
  if (name === undefined) {
    return [{ rule: 'helo_not_fqdn', ...reason, text: 'The name in your HELO is no full name' }];
  }
  if (name === hostname.toLowerCase()) {
    return [{ rule: 'helo_own', ...reason, text: 'The name in your HELO is ours' }];
  }
  const hosted: Finding = {
    ...{ rule: 'helo_hosted', ...reason, unlessProven: true },
    text: `You say that you are ${name}, which is served here`,
  };
  if (view.isHosted(name)) return [hosted];
  const isThere = await resolves(dns, name);
  const text = `The DNS does not know ${name} of your HELO`;
  return isThere === false ? [{ rule: 'helo_unknown', ...reason, text }] : [];
}

async function ofSender(view: MailView, dns: Dns): Promise<Finding[]> {
  const { reversePath } = view.envelope;
  const domain = dnsName(reversePath?.domain ?? '');
  if (reversePath === null || domain === undefined) return [];
  if (view.isHosted(domain)) {
    const text = `Mail from ${domain}, which is served here, has to prove where it comes from`;
    return [{ rule: 'sender_hosted', reason: 'forged', detail: '7.1', text, unlessProven: true }];
  }
  const mx = await dns.mx(domain);
  if (mx.kind === 'found' && mx.records.every(({ exchange }) => exchange === '')) {
    const text = `The sender's domain ${domain} takes no mail`;
    return [{ rule: 'null_mx', reason: 'dns', detail: '7.27', text }]; // RFC 7505 4.2
  }
  if (mx.kind === 'found' || mx.kind === 'unsure') return [];
  if (mx.kind !== 'no-domain' && (await hasAddress(dns, domain)) !== false) return [];
  const lack = mx.kind === 'no-domain' ? 'does not exist' : 'has neither MX nor address';
  const text = `The sender's domain ${domain} ${lack} in the DNS`;
  return [{ rule: 'sender_unknown', reason: 'dns', detail: '1.8', text }];
}

/** Undefined: nobody knows. */
async function resolves(dns: Dns, name: string): Promise<boolean | undefined> {
  const [address, mx] = await Promise.all([hasAddress(dns, name), dns.mx(name)]);
  if (address === true || mx.kind === 'found') return true;
  return mx.kind === 'unsure' ? undefined : address;
}

async function hasAddress(dns: Dns, name: string): Promise<boolean | undefined> {
  const answers = await Promise.all([dns.a(name), dns.aaaa(name)]);
  if (answers.some(({ kind }) => kind === 'found')) return true;
  return answers.some(({ kind }) => kind === 'unsure') ? undefined : false;
}
