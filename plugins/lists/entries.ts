/**
 * Entries of a block or allow list, held against one recipient of one mail. An entry names an
 * address, a domain with its subdomains, or a network of clients; it ends with its last day (UTC).
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { asciiAddress } from '../shared/ascii-address.ts';

export interface Entry {
  readonly who: string;
  /** Recipients it is for; absent: all. */
  readonly only_for: readonly string[] | undefined;
  /** Its last day, such as 2027-01-31. */
  readonly until: string | undefined;
  readonly note: string | undefined;
  readonly unproven?: boolean;
}

export interface Asked {
  /** The address of the client. */
  readonly client: string;
  /** It and the recipient as `asciiAddress` writes them. */
  readonly sender: { readonly local: string; readonly domain: string } | null;
  readonly recipient: { readonly local: string; readonly domain: string };
  /** The recipient's hosted domain, by its own name. */
  readonly domain: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Known {
  readonly entry: Entry;
  /** Meant for single mailboxes. */
  readonly isPersonal: boolean;
  /** Stands for the client itself, which cannot be forged, not for what it says. */
  readonly isNetwork: boolean;
  readonly matches: (asked: Asked) => boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Behind the last day (UTC), in milliseconds since 1970. */
export function endOf(until: string | undefined): number {
  return until === undefined ? Infinity : Date.parse(until) + DAY_MS;
}

export function known(entry: Entry): Known {
  const who = asciiAddress(entry.who);
  const endsAt = endOf(entry.until);
  const recipients = entry.only_for?.map(asciiAddress);
  const isNetwork = isIP(who.split('/')[0] ?? '') > 0;
  const isOf = isNetwork ? byNetwork(who) : bySender(who);
  return {
    entry,
    isNetwork,
    isPersonal: recipients !== undefined,
    matches: (asked) =>
      asked.now < endsAt &&
      (recipients === undefined || recipients.includes(text(asked.recipient))) &&
      isOf(asked),
  };
}

function byNetwork(who: string): Known['matches'] {
  const [network = '', bits] = who.split('/');
  const [family, width] = isIPv4(network) ? (['ipv4', 32] as const) : (['ipv6', 128] as const);
  const list = new BlockList();
  list.addSubnet(network, bits === undefined ? width : Number(bits), family);
  return ({ client }) => list.check(client, isIPv4(client) ? 'ipv4' : 'ipv6');
}

function bySender(who: string): Known['matches'] {
  if (who.includes('@')) return ({ sender }) => sender !== null && text(sender) === who;
  return ({ sender }) => {
    const domain = sender?.domain.toLowerCase();
    return domain === who || domain?.endsWith(`.${who}`) === true;
  };
}

function text({ local, domain }: { readonly local: string; readonly domain: string }): string {
  return `${local}@${domain}`.toLowerCase();
}
