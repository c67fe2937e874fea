/**
 * A destination as a connection of our own meets it: each of its hosts asked for a greeting and EHLO
 * and, where that is wanted, TLS; then left. No recipient is asked, no mail is sent.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { errorText } from '../../base/errors.ts';
import type { Config } from '../../config/config.ts';
import { formatEndpoint } from '../../config/endpoint.ts';
import { ExaminedSession } from '../../delivery/examined-session.ts';
import { isOwn } from '../../directory/destination.ts';
import type { Destination, DestinationHost } from '../../directory/domain.ts';

export interface HostFacts {
  readonly name: string;
  /** The listener of this gateway that it leads to. */
  readonly ownListener: string | undefined;
  /** Why it is of no use now. */
  readonly fault: string | undefined;
  /** From the first packet to the answer to EHLO. */
  readonly ms: number;
  /** Why there is no TLS. */
  readonly tlsFault: string | undefined;
  /** Bytes of a message that it takes (RFC 1870); undefined when it does not say. */
  readonly sizeLimit: number | undefined;
}

export interface DestinationLook {
  readonly config: Pick<Config, 'hostname' | 'listeners'>;
  readonly clock: Clock;
  /** As a connection would find them. */
  readonly addressesOf: (host: string) => Promise<readonly string[]>;
}

export async function systemAddresses(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

/** Of each host: connection, greeting, EHLO, TLS. */
const HOST_MS = 12_000;

export async function lookAtDestination(
  destination: Destination,
  look: DestinationLook,
): Promise<HostFacts[]> {
  return Promise.all(destination.hosts.map((host) => lookAtHost(host, destination.tls, look)));
}

async function lookAtHost(
  host: DestinationHost,
  tls: Destination['tls'],
  { config, clock, addressesOf }: DestinationLook,
): Promise<HostFacts> {
  const name = formatEndpoint(host);
  const startedAt = clock.mono();
  const ownListener = await leadsToUs(host, config, addressesOf);
  const untried = { name, ownListener, tlsFault: undefined, sizeLimit: undefined };
  if (ownListener !== undefined) return { ...untried, fault: undefined, ms: 0 };
  const { hostname } = config;
  const samples = { banner: [], ehlo: [], mail: [], rcpt: [] };
  const opened = await withDeadline(clock, HOST_MS, name, (signal) =>
    ExaminedSession.open(host, { hostname, clock, tls, samples }, signal),
  ).catch((error: unknown) => ({ ok: false as const, text: errorText(error) }));
  const ms = Math.round(clock.mono() - startedAt);
  if (!opened.ok) return { ...untried, fault: opened.text, ms };
  const { session } = opened;
  const { tlsFault } = session;
  const size = session.offers.map((offer) => /^SIZE (\d{1,15})$/i.exec(offer)?.[1]);
  const told = Number(size.find((each) => each !== undefined) ?? 0);
  session.leave();
  // 0 means that there is no fixed limit (RFC 1870 section 4).
  return { name, ownListener, fault: undefined, ms, tlsFault, sizeLimit: told || undefined };
}

async function leadsToUs(
  { host, port }: DestinationHost,
  { hostname, listeners }: DestinationLook['config'],
  addressesOf: DestinationLook['addressesOf'],
): Promise<string | undefined> {
  const addresses = [host, ...(isIP(host) === 0 ? await addressesOf(host) : [])];
  return listeners.find((listener) =>
    addresses.some((address) => isOwn(address, port, listener, hostname)),
  )?.name;
}
