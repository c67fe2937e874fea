/**
 * The way along the hosts of a destination: lower priority numbers first, equal ones in random
 * order by their weights, each at most once per attempt. A host that could not be reached goes to the
 * end of the order for a minute, so that one that swallows packets does not cost every message its
 * deadline; it is still tried when all others fail.
 */
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { CodedError, ErrorCode } from '../base/errors.ts';
import { jitter } from '../base/ids.ts';
import type { Destination, DestinationHost } from '../directory/domain.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import type { SmtpClient } from '../smtp/client.ts';
import { CLIENT_DEADLINES, PATIENT_DEADLINES } from '../smtp/client-deadlines.ts';
import { openClient } from '../smtp/client-opening.ts';
import type { KnownOffers } from './known-offers.ts';
import type { Origin } from './rate-limits.ts';
import type { FindExchangers, FoundHosts } from './remote-hosts.ts';
import { hostsOf } from './remote-hosts.ts';
import type { SourceAddresses } from './source-addresses.ts';
import { givesRequireTls } from './require-tls.ts';

/** How long a host that could not be reached comes last. */
const AVOID_MS = 60_000;
/**
 * A host beside which there are others has less time to take the connection; so has one that is
 * probed, for TCP asks a silent one again after 1, 2, 4 and 8 seconds, and a new connection at once.
 */
const CONNECT_MS_IN_HURRY = 5_000;
/** More hosts than this are not remembered as unreachable, which costs only time. */
const MAX_AVOIDED = 1_000;

const HURRY = { connectMs: CONNECT_MS_IN_HURRY };

/** Why no host took the connection. */
export interface NoHost {
  readonly text: string;
  /** No host answered with anything at all. */
  readonly unreachable: boolean;
  /** The last refusal in place of a greeting or EHLO. */
  readonly reply?: Reply;
  /** Nobody takes its mail, and that is final. */
  readonly isFinal?: boolean;
}

/** There was none, or none that was not tried before. */
export const NO_HOST_LEFT: NoHost = { text: 'no host to try', unreachable: true };

export type Dialed =
  { readonly client: SmtpClient } | { readonly client: undefined; readonly why: NoHost };

export interface HostWalkOptions {
  readonly hostname: () => string;
  readonly clock: Clock;
  readonly localAddress?: string | undefined;
  /** Who takes mail for a domain whose hosts nobody configured. */
  readonly exchangers?: FindExchangers | undefined;
  /** The port of such hosts: 25, but for tests. */
  readonly remotePort?: number | undefined;
  readonly offers: Pick<KnownOffers, 'observe'>;
  /** Our addresses, for hosts that nobody configured. */
  readonly sources?: Pick<SourceAddresses, 'choose'> | undefined;
}

export interface HostWalk {
  /** Opens a connection to the next host that takes one. */
  next(signal?: AbortSignal): Promise<Dialed>;
}

export function createHosts(
  options: HostWalkOptions,
): (destination: Destination, purpose?: Origin | 'probe') => HostWalk {
  const { clock } = options;
  const avoided = new Map<string, number>();

  const isAvoided = (host: DestinationHost): boolean => {
    const until = avoided.get(placeOf(host));
    return until !== undefined && until > clock.mono();
  };

  const avoid = (host: DestinationHost): void => {
    const name = placeOf(host);
    avoided.delete(name);
    const oldest = avoided.size < MAX_AVOIDED ? undefined : avoided.keys().next().value;
    if (oldest !== undefined) avoided.delete(oldest);
    avoided.set(name, clock.mono() + AVOID_MS);
  };

  const inOrder = (hosts: readonly DestinationHost[]): readonly DestinationHost[] => {
    if (hosts.length < 2) return hosts;
    return hosts
      .map((host) => ({ host, last: Number(isAvoided(host)), lot: drawLot(host.weight ?? 1) }))
      .sort((a, b) => a.last - b.last || a.host.priority - b.host.priority || a.lot - b.lot)
      .map(({ host }) => host);
  };

  return (destination, purpose = 'session') => {
    // Who waits in a session waits for the hosts of others as well.
    const isPatient = destination.mx !== undefined && purpose !== 'session';
    const usual = isPatient ? PATIENT_DEADLINES : CLIENT_DEADLINES;
    let left: DestinationHost[] | undefined;
    let count = 0;
    let why = NO_HOST_LEFT;
    return {
      async next(signal) {
        if (left === undefined) {
          const found = await hostsOf(destination, options.exchangers, options.remotePort);
          if (found.kind !== 'hosts') return { client: undefined, why: noHostsOf(found) };
          left = [...inOrder(found.hosts)];
          count = left.length;
        }
        for (let host = left.shift(); host !== undefined; host = left.shift()) {
          const source =
            destination.mx === undefined
              ? undefined
              : options.sources?.choose(destination.mx, host.address ?? '', destination.pool);
          // A name may stand for several machines, each of which wants its time.
          const isHurried =
            left.length > 0 || (purpose === 'probe' && isIP(host.address ?? host.host) !== 0);
          const opening = await openClient(
            {
              host: host.host,
              address: host.address,
              port: host.port,
              hostname: source?.hostname ?? options.hostname(),
              tls: destination.tls,
              login: destination.login,
              clock,
              deadlines: isHurried ? { ...usual, ...HURRY } : usual,
              localAddress: source?.address ?? options.localAddress,
            },
            signal,
          );
          if (opening.kind === 'open') {
            avoided.delete(placeOf(host));
            const { client } = opening;
            client.source = source?.address;
            const { smtpUtf8 } = client.offers;
            const requireTls = givesRequireTls(client);
            const place = { name: placeOf(host), of: count };
            options.offers.observe(destination.key, place, { smtpUtf8, requireTls });
            return { client };
          }
          const stoppedByUs = opening.kind === 'failed' && opening.error.code === 'STOPPING';
          if (!stoppedByUs) avoid(host);
          if (signal?.aborted === true) left.length = 0;
          why = combine(why, reasonOf(host, opening));
        }
        return { client: undefined, why };
      },
    };
  };
}

/**
 * The host with the lowest lot is first; among hosts drawing lots each wins in proportion to its
 * weight, and so does the second behind it (weighted sampling after Efraimidis and Spirakis).
 */
function drawLot(weight: number): number {
  const uniform = jitter(1) / 2; // 0 to 1
  return -Math.log(1 - uniform) / weight;
}

function noHostsOf(found: Exclude<FoundHosts, { kind: 'hosts' }>): NoHost {
  if (found.kind === 'unsure') return { text: found.text, unreachable: true };
  return { text: replyText(found.reply), unreachable: false, reply: found.reply, isFinal: true };
}

/** One name may stand for several machines. */
function placeOf({ host, address, port }: DestinationHost): string {
  return nameOf({ host: address ?? host, port });
}

function reasonOf(
  host: DestinationHost,
  opening: { kind: 'refused'; reply: Reply } | { kind: 'failed'; error: CodedError },
): NoHost {
  if (opening.kind === 'refused') {
    const { reply } = opening;
    return { text: `${nameOf(host)}: ${replyText(reply)}`, unreachable: false, reply };
  }
  const { error } = opening;
  return { text: `${nameOf(host)}: ${error.message}`, unreachable: !ANSWERED.includes(error.code) };
}

/** The host was there, and spoke. */
const ANSWERED: readonly ErrorCode[] = ['TLS_FAILED', 'AUTH_FAILED'];

/** A host that said something counts more than one that did not. */
function combine(before: NoHost, now: NoHost): NoHost {
  return now.unreachable && !before.unreachable ? before : now;
}

/** `192.0.2.10:25`, which stands before whatever is said about a host. */
export function nameOf(host: { readonly host: string; readonly port: number }): string {
  return host.host.includes(':') ? `[${host.host}]:${host.port}` : `${host.host}:${host.port}`;
}
