/**
 * Where mail goes: the lanes of the spool and the destinations behind them. Mail for a hosted
 * domain lies in the lane of that name, or of one server of a split domain; mail of a customer for
 * everybody else in a lane `mx:` of its own per sender and domain, which leads to the smarthost if
 * there is one, else to the domain's MX hosts; his mail for several destinations in a lane `mx:*`
 * until the first attempt has parted it; mail that an operator has given to another host in a lane
 * `to:` of that host. Looked up at each attempt, so a change of the configuration counts for mail
 * that waits.
 */
import type { Destination, Directory } from '../directory/domain.ts';
import { partedDestination } from '../directory/destination.ts';
import { asciiDomain } from '../directory/domain-name.ts';
import { transportPolicy } from './transport-policy.ts';
import type { Address } from '../mail/address.ts';
import type { Redirection } from '../mail/redirection.ts';
import { homeLane, redirectionKey, redirectionOf } from '../mail/redirection.ts';
import { isRemote, laneOfSender, placeOf, senderOf, withoutSender } from '../mail/remote-lane.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { SpoolEntry, SpooledRecipient } from '../mail/spool-entry.ts';

const SEVERAL = '*';
/** Connections at a time to one server that nobody configured. */
const REMOTE_CONNECTIONS = 20;

/** `sender` is the hosted domain whose mail it is, by its own name; undefined for our own. */
export function remoteLane(domain: string, sender?: string): string {
  return laneOfSender(asciiDomain(domain), sender);
}

/** The lane of mail for several destinations. */
export function fanOutLane(sender?: string): string {
  return laneOfSender(SEVERAL, sender);
}

/** The one lane that leads to all of these. */
export function laneTo(
  hosted: (domain: string) => string | undefined,
  recipients: readonly Address[],
  sender: string,
): string {
  const lanes = new Set(
    recipients.map(({ domain }) => hosted(domain) ?? remoteLane(domain, sender)),
  );
  const [only] = lanes;
  return only === undefined || lanes.size > 1 ? fanOutLane(sender) : only;
}

export function isFanOut(lane: string): boolean {
  return isRemote(lane) && placeOf(lane) === SEVERAL;
}

/** As people know it. */
export function laneName(lane: string): string {
  const home = domainOfLane(homeLane(lane));
  return isRemote(home) ? placeOf(home) : home;
}

/** Undefined when the lane leads nowhere any more. */
export function destinationOf(directory: Directory, lane: string): Destination | undefined {
  const other = redirectionOf(lane);
  if (other !== undefined) return otherHost(other);
  if (!isRemote(lane)) return directory.find(lane)?.destination;
  const key = withoutSender(lane);
  if (isFanOut(lane)) return partedDestination(key);
  const domain = placeOf(lane);
  const hosted = directory.find(domain)?.destination;
  if (hosted !== undefined) return hosted;
  const { smarthost } = directory;
  const hop = smarthost ?? destination(key, domain);
  const demanded = directory.remoteTls(domain);
  if (demanded === undefined) return hop;
  const facts = { hop: smarthost === undefined ? 'mx' : 'smarthost', tls: hop.tls } as const;
  return { ...hop, tls: transportPolicy({ ...facts, demanded }) };
}

/**
 * The lane that a recipient of a message belongs to; `hosted` is the hosted domain's own name. A
 * message in the lane of a hosted domain stays there, or its mail would leave by MX when the domain
 * is no longer served.
 */
export function laneOf(
  hosted: (domain: string) => string | undefined,
  { dest }: Pick<SpoolEntry, 'dest'>,
  { address }: Pick<SpooledRecipient, 'address'>,
): string {
  if (!isRemote(dest)) return dest;
  return hosted(address.domain) ?? remoteLane(address.domain, senderOf(dest));
}

function otherHost(redirection: Redirection): Destination {
  const { host, port } = redirection;
  const hosts = [{ host, port, priority: 0 }];
  return { ...destination(redirectionKey(redirection), undefined), hosts };
}

function destination(key: string, mx: string | undefined): Destination {
  const maxConnections = REMOTE_CONNECTIONS;
  return { key, hosts: [], ...(mx !== undefined && { mx }), tls: 'opportunistic', maxConnections };
}
