/**
 * Where each recipient of a spooled message goes today: to the destination of its lane, or, where a
 * lane leads to several, to that of its own domain or of the server that knows it. Asked anew at each
 * attempt, for the configuration and the people may have moved.
 */
import { wayKey } from '../directory/destination-key.ts';
import type { Destination } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import { isRedirected } from '../mail/redirection.ts';
import { isRemote } from '../mail/remote-lane.ts';
import { domainOfLane, isOneOfSplit } from '../mail/split-lane.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import { saysUnknown } from './callout.ts';
import { laneOf } from './route.ts';
import { recipientsToTry } from './settlement.ts';

/** Which server of a split domain knows a recipient. */
export type Location =
  | { readonly kind: 'at'; readonly lane: string }
  /** None of them. */
  | { readonly kind: 'nowhere'; readonly reply: Reply }
  | { readonly kind: 'unsure'; readonly text: string };

export interface PlacingDeps {
  /** Of a lane of the spool; undefined when it leads nowhere any more. */
  readonly route: (lane: string) => Destination | undefined;
  /** The hosted domain, by its own name, that mail for `domain` goes to. */
  readonly hosted?: (domain: string) => string | undefined;
  /** An operator holds the mail of this lane, or its destination is left alone for a while. */
  readonly isHeld?: (lane: string) => boolean;
  /** Asks the servers of a split domain. */
  readonly locate?: (domain: string, address: Address, of: string) => Promise<Location>;
}

export interface Group {
  readonly lane: string;
  readonly destination: Destination;
  readonly recipients: readonly SpooledRecipient[];
}

export interface Placing {
  readonly groups: readonly Group[];
  /** Those with whom nothing can be done now, in the lane where they belong. */
  readonly others: readonly {
    readonly recipient: SpooledRecipient;
    readonly lane: string;
    readonly outcome: Outcome;
  }[];
}

export async function placeRecipients(entry: SpoolEntry, deps: PlacingDeps): Promise<Placing> {
  const recipients = recipientsToTry(entry);
  const places = await Promise.all(recipients.map((one) => placeOf(entry, one, deps)));
  const groups = new Map<string, Group & { recipients: SpooledRecipient[] }>();
  const others: Placing['others'][number][] = [];
  for (const { recipient, lane, destination, outcome } of places) {
    if (outcome !== undefined || destination === undefined) {
      others.push({ recipient, lane, outcome: outcome ?? NOT_SERVED });
      continue;
    }
    const key = wayKey(destination);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { lane, destination, recipients: [recipient] });
    } else group.recipients.push(recipient);
  }
  return { groups: [...groups.values()], others };
}

/** It may be served again any moment: a file that was moved, or is being written. */
const NOT_SERVED: Outcome = { kind: 'deferred', text: 'the domain is not served here any more' };
const HELD: Outcome = { kind: 'deferred', text: 'nothing is tried there now' };

interface Place {
  readonly recipient: SpooledRecipient;
  readonly lane: string;
  readonly destination?: Destination | undefined;
  readonly outcome?: Outcome;
}

async function placeOf(
  entry: SpoolEntry,
  recipient: SpooledRecipient,
  { route, hosted = () => undefined, isHeld, locate }: PlacingDeps,
): Promise<Place> {
  const { address } = recipient;
  const lane = laneOf(hosted, entry, recipient);
  const isFixed = isRemote(lane) || isRedirected(lane) || isOneOfSplit(lane);
  // Mail for several domains may lie in a lane that nobody holds: what is held gets a lane of its own.
  const home = isFixed ? lane : (hosted(address.domain) ?? lane);
  if (home !== entry.dest && isHeld?.(home) === true)
    return { recipient, lane: home, outcome: HELD };
  const destination = (isFixed ? undefined : route(address.domain)) ?? route(lane);
  if (destination?.isParted !== true) return { recipient, lane, destination };
  // The server of its lane may not be configured any more.
  const domain = domainOfLane(lane);
  const found = (await locate?.(domain, address, entry.id)) ?? {
    kind: 'unsure',
    text: 'nobody to ask',
  };
  switch (found.kind) {
    case 'at':
      return { recipient, lane: found.lane, destination: route(found.lane) };
    case 'nowhere':
      return { recipient, lane: domain, outcome: { kind: 'failed', reply: found.reply } };
    case 'unsure':
      return { recipient, lane: domain, outcome: { kind: 'deferred', text: found.text } };
  }
}

/**
 * One server of a split domain does not know a recipient any more: he may have moved to another, so
 * that is no end of it. What the server said, in the words of somebody who must be looked for.
 */
export function lookElsewhere(
  lane: string,
  outcome: Outcome,
): { readonly lane: string; readonly outcome: Outcome } | undefined {
  if (!isOneOfSplit(lane) || outcome.kind !== 'failed') return undefined;
  if (outcome.afterContent !== undefined || !saysUnknown(outcome.reply)) return undefined;
  const text = `looked for elsewhere: ${replyText(outcome.reply)}`;
  return { lane: domainOfLane(lane), outcome: { kind: 'deferred', text } };
}
