/**
 * The hosts of a destination at the moment of an attempt: those of its configuration, or for a
 * domain that is not ours those the DNS names. That nobody takes its mail is decided here, once,
 * where the fact is known; that nobody could be asked is temporary.
 */
import type { Destination, DestinationHost } from '../directory/domain.ts';
import type { Exchangers } from '../dns/mail-exchangers.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';

const SMTP_PORT = 25;

export type FindExchangers = (domain: string) => Promise<Exchangers>;

export type FoundHosts =
  | { readonly kind: 'hosts'; readonly hosts: readonly DestinationHost[] }
  /** For good: the reply says why. */
  | { readonly kind: 'nobody'; readonly reply: Reply }
  | { readonly kind: 'unsure'; readonly text: string };

export async function hostsOf(
  { hosts, mx }: Destination,
  find: FindExchangers | undefined,
  port = SMTP_PORT,
): Promise<FoundHosts> {
  if (mx === undefined) return { kind: 'hosts', hosts };
  if (find === undefined) return { kind: 'unsure', text: 'nobody to ask for MX hosts' };
  const found = await find(mx);
  if (found.kind === 'unsure') return { kind: 'unsure', text: `DNS, MX of ${mx}: ${found.text}` };
  if (found.kind !== 'found') return { kind: 'nobody', reply: nobodyReply(found.kind) };
  return {
    kind: 'hosts',
    hosts: found.hosts.map(({ host, address, preference }) => ({
      host,
      address,
      port,
      priority: preference,
    })),
  };
}

/** What it means that nobody takes mail for a domain. */
export function nobodyReply(why: Exclude<Exchangers['kind'], 'found' | 'unsure'>): Reply {
  switch (why) {
    case 'no-domain':
      return replies.noSuchDomain();
    case 'null-mx':
      return replies.nullMx();
    case 'no-host':
      return replies.noMailHost();
    case 'private':
      return replies.privateMailHost();
    case 'loop':
      return replies.routeLoop();
    default:
      return why satisfies never;
  }
}
