/**
 * Mail for several destinations after its first attempt: what is left of it is parted, so that each
 * destination has its own retries, its own pace and its own end. The first group keeps the message
 * and its content; every other one becomes a message of its own, committed before the recipients
 * leave the first. A crash between the two steps delivers twice rather than never. Without room for
 * the copies they stay together in their lane and are tried and parted again.
 */
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { wayKey } from '../directory/destination-key.ts';
import type { Destination } from '../directory/domain.ts';
import { formatAddress } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import { laneOf } from './route.ts';

export interface FanOutDeps {
  readonly store: Pick<SpoolStore, 'commit'>;
  readonly log: Log;
  /** The hosted domain, by its own name, that mail for `domain` goes to. */
  readonly hosted: (domain: string) => string | undefined;
  /** Of recipients of whom it was found out, by their address. */
  readonly lanes?: ReadonlyMap<SpooledRecipient['address'], string>;
  /** Of a lane of the spool. */
  readonly route: (lane: string) => Destination | undefined;
}

/** Content that is copied for one message, all copies together. */
const MAX_COPIED_BYTES = 64 * 1024 * 1024;
/** More recipients than a message can have: keeps the numbers of two attempts apart. */
const NUMBERS_PER_ATTEMPT = 100_000;

/**
 * The message with the recipients that stay in it, in the lane they belong to. `before` is the
 * message as it is stored, `left` what is left of it; both are due at `dueAt`.
 */
export async function partMessage(
  deps: FanOutDeps,
  before: SpoolEntry,
  left: SpoolEntry,
  content: Content,
  dueAt: number,
): Promise<SpoolEntry> {
  const [first, ...others] = groupsOf(deps, left);
  if (first === undefined) return left;
  let copiedBytes = 0;
  for (const [index, group] of others.entries()) {
    copiedBytes += content.sizeBytes;
    const part = partOf(before, left, group);
    const isDone = copiedBytes <= MAX_COPIED_BYTES && (await commit(deps, part, dueAt, content));
    if (isDone) continue;
    const rest = [first, ...others.slice(index)];
    return { ...left, dest: before.dest, recipients: rest.flatMap(({ recipients }) => recipients) };
  }
  return { ...left, dest: first.lane, recipients: first.recipients };
}

interface Group {
  readonly lane: string;
  readonly recipients: SpooledRecipient[];
}

/** By destination: what goes to the same servers stays together. */
function groupsOf({ hosted, route, lanes }: FanOutDeps, entry: SpoolEntry): Group[] {
  const groups = new Map<string, Group>();
  for (const recipient of entry.recipients) {
    const lane = lanes?.get(recipient.address) ?? laneOf(hosted, entry, recipient);
    const destination = route(lane);
    const key = destination === undefined ? lane : wayKey(destination);
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

/** False when there is no room for it. */
async function commit(
  { store, log }: FanOutDeps,
  part: SpoolEntry,
  dueAt: number,
  content: Content,
): Promise<boolean> {
  const sid = part.id.slice(0, part.id.indexOf('.'));
  try {
    await store.commit(part, dueAt, content);
  } catch (error) {
    if (!(error instanceof CodedError && error.code === 'STORE_FULL')) throw error;
    log.emit('store.full', { id: part.id, sid, err: errorText(error) });
    return false;
  }
  log.emit('msg.part', {
    id: part.id,
    sid,
    orig: part.id.replace(/-\d+$/, ''),
    dest: part.dest,
    to: part.recipients.map(({ address }) => formatAddress(address)),
  });
  return true;
}
