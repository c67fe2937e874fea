/**
 * Mail for several destinations after its first attempt: what is left of it is parted, so that each
 * destination has its own retries, its own pace and its own end. The first group keeps the message
 * and its content; every other one becomes a message of its own. All of that is one step of the
 * store: whenever the process dies, each recipient is in exactly one of them. Without room for the
 * copies they stay together in their lane and are tried and parted again.
 */
import type { Log } from '../base/log.ts';
import { sessionOf } from '../base/ids.ts';
import { wayKey } from '../directory/destination-key.ts';
import type { Destination } from '../directory/domain.ts';
import { formatAddress } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { SpoolStep, SpoolStore } from '../store/spool-store.ts';
import { orWithout } from './no-room.ts';
import { laneOf } from './route.ts';

export interface FanOutDeps {
  /** The hosted domain, by its own name, that mail for `domain` goes to. */
  readonly hosted: (domain: string) => string | undefined;
  /** Nothing is tried in this lane now: what belongs there waits apart from what may go. */
  readonly isHeld?: (lane: string) => boolean;
  /** Of recipients of whom it was found out, by their address. */
  readonly lanes?: ReadonlyMap<SpooledRecipient['address'], string>;
  /** Addresses of those who may have it since this attempt. */
  readonly doubted?: ReadonlySet<SpooledRecipient['address']>;
  /** Of a lane of the spool. */
  readonly route: (lane: string) => Destination | undefined;
}

export interface Parting {
  /** The message with the recipients that stay in it, in the lane they belong to. */
  readonly entry: SpoolEntry;
  readonly parts: readonly SpoolEntry[];
}

/** Content that is copied in one step, all copies together: it may lie in memory twice meanwhile. */
const MAX_COPIED_BYTES = 32 * 1024 * 1024;
/** More recipients than a message can have: keeps the numbers of two attempts apart. */
const NUMBERS_PER_ATTEMPT = 100_000;

/** `before` is the message as it is stored, `left` what is left of it. */
export function partMessage(deps: FanOutDeps, before: SpoolEntry, left: SpoolEntry): Parting {
  const { doubted } = deps;
  const [first, ...others] = groupsOf(deps, left);
  if (first === undefined) return { entry: left, parts: [] };
  const room = Math.floor(MAX_COPIED_BYTES / Math.max(before.sizeBytes, 1));
  const marked = ({ recipients }: Group): SpoolEntry => {
    const isDoubted = recipients.some(({ address }) => doubted?.has(address) === true);
    return { ...left, maybeDelivered: before.maybeDelivered || isDoubted };
  };
  const parts = others.slice(0, room).map((group) => partOf(before, marked(group), group));
  const rest = others.slice(room);
  if (rest.length === 0) {
    return { entry: { ...marked(first), dest: first.lane, recipients: first.recipients }, parts };
  }
  const recipients = [first, ...rest].flatMap((group) => group.recipients);
  return { entry: { ...left, dest: before.dest, recipients }, parts };
}

interface Group {
  readonly lane: string;
  readonly recipients: SpooledRecipient[];
}

/** By destination: what goes to the same servers stays together. */
function groupsOf({ hosted, isHeld, route, lanes }: FanOutDeps, entry: SpoolEntry): Group[] {
  const groups = new Map<string, Group>();
  for (const recipient of entry.recipients) {
    const lane = lanes?.get(recipient.address) ?? laneOf(hosted, entry, recipient);
    const destination = route(lane);
    const isApart = destination === undefined || isHeld?.(lane) === true;
    const key = isApart ? lane : wayKey(destination);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { lane, recipients: [recipient] });
    else group.recipients.push(recipient);
  }
  return [...groups.values()];
}

/**
 * Its id says which recipient of which attempt it begins with: the same step done again after a
 * crash finds it stored already, and no other step ever uses that id.
 */
function partOf(before: SpoolEntry, left: SpoolEntry, { lane, recipients }: Group): SpoolEntry {
  const [first] = recipients;
  const place = before.recipients.findIndex(({ address }) => address === first?.address);
  const number = before.attempts * NUMBERS_PER_ATTEMPT + place + 1;
  return { ...left, id: `${before.id}-${number}`, dest: lane, recipients };
}

/**
 * Stores a message and its parts in one step, and says whether it was ours to store; without room for
 * the parts it stays whole. When the step brings other mail, whoever brings it decides about that.
 */
export async function storeParted(
  { store, log }: { readonly store: Pick<SpoolStore, 'reschedule'>; readonly log: Log },
  step: SpoolStep,
  { entry, parts }: Parting,
  content: Content,
): Promise<boolean> {
  const sid = sessionOf(entry.id);
  const { dueAt, mail = [] } = step;
  const partly = parts.map((part) => ({ entry: part, dueAt, content }));
  const together = async () => {
    const [isStored] = await store.reschedule([{ ...step, entry, mail: [...mail, ...partly] }]);
    for (const part of isStored === true ? parts : []) {
      const to = part.recipients.map(({ address }) => formatAddress(address));
      log.emit('msg.part', { id: part.id, sid, orig: entry.id, dest: domainOfLane(part.dest), to });
    }
    return isStored === true;
  };
  if (mail.length > 0) return together();
  return orWithout(log, entry.id, together, async () => {
    const [isStored] = await store.reschedule([step]);
    return isStored === true;
  });
}
