/**
 * Whom a client belongs to: the sender's domain (or, without a sender, the name in HELO) when its SPF
 * record lets the client send (RFC 7208 2.4), else the network that the client is in. A DNS that does
 * not answer proves nothing.
 */
import { isIPv4 } from 'node:net';
import type { DNSResolver } from 'mailauth';
import type { PluginHost } from 'sluice-mx/plugin';
import { questions } from '../shared/mailauth-questions.ts';
import { plainAddress, reversed } from '../shared/public-address.ts';

export interface Caller {
  readonly address: string;
  /** In HELO or EHLO. */
  readonly hello: string;
  readonly sender: { readonly local: string; readonly domain: string } | null;
}

export interface Organisation {
  /** With the sender's domain. */
  readonly name: string;
  /** The DNS says that it sends for that domain. */
  readonly isProven: boolean;
}

/** A client waits for it at RCPT. */
const QUESTION_MS = 10_000;

export async function organisations(
  host: Pick<PluginHost, 'dns' | 'hostname'>,
): Promise<(caller: Caller, signal: AbortSignal) => Promise<Organisation>> {
  // Loaded when it is used: it takes a while.
  const { spf } = await import('mailauth');
  return async ({ address, hello, sender }, signal) => {
    const { ask } = questions(host.dns, Date.now() + QUESTION_MS, signal);
    const { status } = await spf({
      ...{ ip: plainAddress(address), helo: hello, mta: host.hostname, strict: true },
      ...{ sender: sender === null ? '' : `${sender.local}@${sender.domain}` },
      maxElapsedTime: QUESTION_MS,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its type forgets MX, whose records are objects as in node:dns
      resolver: ask as DNSResolver,
    });
    const domain = (sender?.domain ?? '').toLowerCase();
    if (status.result !== 'pass') {
      return { name: `${networkOf(address)} ${domain}`, isProven: false };
    }
    return { name: `spf ${domain === '' ? hello.toLowerCase() : domain}`, isProven: true };
  };
}

/** The /24 of an IPv4 address, the /64 of an IPv6 one, as the DNS writes them. */
function networkOf(address: string): string {
  const labels = reversed(address).split('.');
  return labels.slice(isIPv4(plainAddress(address)) ? -3 : -16).join('.');
}
