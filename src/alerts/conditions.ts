/** What is wrong now, from what the parts of the gateway say when they are asked. Pure. */
import { filesText, hasFewFiles } from '../base/disk-room.ts';
import type { DiskRoom } from '../base/disk-room.ts';
import type { LdapState } from '../directory/ldap/recipients.ts';
import type { Lock } from '../store/counter-store.ts';
import type { AlertKind, Condition } from './alert-book.ts';

export interface Present {
  readonly now: number;
  readonly destinations: readonly {
    readonly key: string;
    readonly domains: readonly string[];
    readonly downSince: number | undefined;
    readonly text: string;
    readonly waiting: number;
    /** What it does against our mail, in words. */
    readonly hindrances: readonly { readonly since: number; readonly text: string }[];
  }[];
  readonly waiting: number;
  /** Destinations some of whose messages cannot be found any more. */
  readonly damaged: readonly { readonly dest: string; readonly since: number }[];
  /** Why some of what the store has cannot be read. */
  readonly unread: string | undefined;
  /** The message that has waited longest for its destination. */
  readonly oldest: { readonly queuedAt: number; readonly dest: string } | undefined;
  /** The message that has waited longest for a person; unknown before somebody has looked. */
  readonly oldestHeld: { readonly at: number; readonly count: number } | 'unknown' | undefined;
  /** Where the mail lies; undefined when nobody can tell. */
  readonly disk: DiskRoom | undefined;
  /** Below this nothing more is stored. */
  readonly minFreeBytes: number;
  /** The store is not opened before there is room; undefined when it is open. */
  readonly waitsForRoom?: { readonly room: DiskRoom; readonly bytes: number } | undefined;
  readonly scanners: readonly {
    readonly name: string;
    readonly up: boolean;
    readonly text: string;
    readonly signatures?: { readonly age: string; readonly text: string } | undefined;
  }[];
  readonly ldap: readonly LdapState[];
  /** Addresses of ours on block lists. */
  readonly listings: readonly {
    readonly address: string;
    readonly list: string;
    readonly since: number;
    readonly text: string;
  }[];
  /** Accounts that the gateway itself has locked. */
  readonly lockedAccounts: readonly { readonly account: string; readonly lock: Lock }[];
  /** SPF records that customers send by and that are not to be had. */
  readonly lostRecords: readonly {
    readonly record: string;
    readonly domains: readonly string[];
    readonly since: number;
    readonly isKnown: boolean;
    readonly text: string;
  }[];
}

/** Of a gateway that has not begun. */
export const NOTHING_WRONG: Omit<Present, 'now'> = {
  ...{ destinations: [], waiting: 0, damaged: [], unread: undefined, oldest: undefined },
  ...{
    oldestHeld: undefined,
    disk: { freeBytes: Infinity, freeFiles: undefined },
    minFreeBytes: 0,
    scanners: [],
    ldap: [],
  },
  ...{ listings: [], lockedAccounts: [], lostRecords: [] },
};

export interface Thresholds {
  readonly queueAgeMs: number | null;
  readonly queueMessages: number | null;
  readonly heldAgeMs: number | null;
  readonly freeSpaceBytes: number | null;
}

/** A destination may serve thousands of domains. */
const NAMED_DOMAINS = 5;

export function conditionsOf(present: Present, thresholds: Thresholds): Condition[] {
  return [
    ...downDestinations(present),
    ...hinderingDestinations(present),
    ...queueConditions(present, thresholds),
    ...heldConditions(present, thresholds),
    ...diskConditions(present, thresholds),
    ...damageConditions(present),
    ...scannerConditions(present),
    ...oldSignatures(present),
    ...ldapConditions(present),
    ...listedAddresses(present),
    ...lockedAccounts(present),
    ...lostRecords(present),
  ];
}

/** Of these nobody can tell now whether anything is wrong: what was told of is not over for that. */
export function unknownKinds({ disk, oldestHeld }: Present): AlertKind[] {
  return [
    ...(disk === undefined ? (['disk_low'] as const) : []),
    ...(oldestHeld === 'unknown' ? (['held_old'] as const) : []),
  ];
}

function downDestinations({ destinations }: Present): Condition[] {
  return destinations.flatMap(({ key, domains, downSince, text, waiting }) => {
    if (downSince === undefined) return [];
    const what = `the server of ${namesOf(domains)} does not answer: ${text}; ${messages(waiting, 'waits', 'wait')} for it`;
    return [{ kind: 'destination_down', subject: key, since: downSince, text: what }];
  });
}

function hinderingDestinations({ destinations }: Present): Condition[] {
  return destinations.flatMap(({ key, domains, hindrances }) => {
    if (hindrances.length === 0) return [];
    const since = Math.min(...hindrances.map((one) => one.since));
    const text = `the server of ${namesOf(domains)} ${hindrances.map((one) => one.text).join('; ')}`;
    return [{ kind: 'destination_hinders', subject: key, since, text }];
  });
}

/** `1 message waits`, `3 messages wait` */
function messages(count: number, one: string, many: string): string {
  return count === 1 ? `1 message ${one}` : `${count} messages ${many}`;
}

function namesOf(domains: readonly string[]): string {
  const more = domains.length > NAMED_DOMAINS ? ` and ${domains.length - NAMED_DOMAINS} more` : '';
  return `${domains.slice(0, NAMED_DOMAINS).join(', ')}${more}`;
}

function queueConditions(
  { now, waiting, oldest }: Present,
  { queueAgeMs, queueMessages }: Thresholds,
): Condition[] {
  const found: Condition[] = [];
  if (queueAgeMs !== null && oldest !== undefined && now - oldest.queuedAt >= queueAgeMs) {
    const which = waiting === 1 ? 'a message' : `the oldest of ${waiting} messages`;
    const text = `${which} has waited for ${hours(now - oldest.queuedAt)}, for ${oldest.dest}`;
    found.push({ kind: 'queue_old', subject: '', since: oldest.queuedAt + queueAgeMs, text });
  }
  if (queueMessages !== null && waiting >= queueMessages) {
    const text = `${messages(waiting, 'waits', 'wait')} in the queue`;
    found.push({ kind: 'queue_long', subject: '', since: now, text });
  }
  return found;
}

function heldConditions({ now, oldestHeld }: Present, { heldAgeMs }: Thresholds): Condition[] {
  if (heldAgeMs === null || oldestHeld === undefined || oldestHeld === 'unknown') return [];
  const { at, count } = oldestHeld;
  if (now - at < heldAgeMs) return [];
  const held = messages(count, 'is held', 'are held');
  const text = `${held} for a person to decide, the first for ${hours(now - at)}: sluice queue list --state hold`;
  return [{ kind: 'held_old', subject: '', since: at + heldAgeMs, text }];
}

/** Told at the latest when mail is put off for it, however low the alert itself is set. */
function diskConditions(
  { now, disk, minFreeBytes, waitsForRoom }: Present,
  { freeSpaceBytes }: Thresholds,
): Condition[] {
  if (freeSpaceBytes === null) return [];
  if (waitsForRoom !== undefined) {
    const { room, bytes } = waitsForRoom;
    const text = `${roomLeft(room)}: the gateway takes and delivers nothing until there is room for its start (${Math.ceil(bytes / MIB)} MiB), and then goes on by itself`;
    return [{ kind: 'disk_low', subject: '', since: now, text }];
  }
  if (disk === undefined) return [];
  const { freeBytes } = disk;
  const lacksFiles = hasFewFiles(disk);
  if (!lacksFiles && freeBytes >= Math.max(freeSpaceBytes, minFreeBytes)) return [];
  const left = roomLeft(disk);
  const isFull = lacksFiles || freeBytes < minFreeBytes;
  const text = isFull ? `${left}: mail that would have to wait is put off (452)` : left;
  return [{ kind: 'disk_low', subject: '', since: now, text }];
}

/** `12 MiB are free where the mail is stored` */
export function roomLeft(disk: DiskRoom): string {
  return hasFewFiles(disk)
    ? `there is ${filesText(disk)} only where the mail is stored`
    : `${Math.floor(disk.freeBytes / MIB)} MiB are free where the mail is stored`;
}

function damageConditions({ now, damaged, unread }: Present): Condition[] {
  const queues = damaged.map<Condition>(({ dest, since }) => {
    const text = `a part of the queue of ${dest} cannot be read: some of its mail waits until the gateway has been stopped and "sluice store repair" was run; all other mail goes on`;
    return { kind: 'store_damaged', subject: dest, since, text };
  });
  if (unread === undefined) return queues;
  const text = `some of what is stored cannot be read (${unread}): what needs it is put off, and of age and locks alerts know what was read before; look at the disk, stop the gateway and run "sluice store check"`;
  return [{ kind: 'store_damaged', subject: '', since: now, text }, ...queues];
}

function scannerConditions({ now, scanners }: Present): Condition[] {
  return scanners
    .filter(({ up }) => !up)
    .map(({ name, text }) => ({
      kind: 'scanner_down',
      subject: name,
      since: now,
      text: `${name} does not answer: ${text}`,
    }));
}

function oldSignatures({ now, scanners }: Present): Condition[] {
  return scanners.flatMap(({ name, signatures }) => {
    if (signatures?.age !== 'old') return [];
    const text = `${name} finds no new viruses, its signatures are old: ${signatures.text}`;
    return [{ kind: 'signatures_old', subject: name, since: now, text }];
  });
}

function ldapConditions({ ldap }: Present): Condition[] {
  return ldap.flatMap(({ key, domains, down }) => {
    if (down === undefined) return [];
    const text = `the directory of ${namesOf(domains)} does not say who is there: ${down.text}; recipients who are not remembered are put off`;
    return [{ kind: 'ldap_down', subject: key, since: down.since, text }];
  });
}

function listedAddresses({ listings }: Present): Condition[] {
  return [...Map.groupBy(listings, ({ address }) => address)].map(([address, all]) => {
    const since = Math.min(...all.map((one) => one.since));
    const where = all.map(({ list, text }) => `${list} (${text})`).join(', ');
    const text = `receivers may refuse mail from ${address}: it is on the block list ${where}`;
    return { kind: 'address_listed', subject: address, since, text };
  });
}

function lockedAccounts({ lockedAccounts: all }: Present): Condition[] {
  return all.map(({ account, lock: { at, until, text: why } }) => {
    const end = until === undefined ? 'somebody unlocks it' : new Date(until).toISOString();
    const text = `nobody can send as ${account} until ${end}: ${why ?? 'locked'}; sluice account unlock`;
    return { kind: 'account_locked', subject: account, since: at, text };
  });
}

function lostRecords({ now, lostRecords: all }: Present): Condition[] {
  return all.map(({ record, domains, since, isKnown, text: why }) => {
    const whose = `the SPF record ${record}, by which ${namesOf(domains)} may send,`;
    const text = isKnown
      ? `${whose} has not been found for ${hours(now - since)} (${why}): servers that it names by now are strangers, and those of before may be others' today`
      : `${whose} was never found (${why}): mail through the servers that it names is put off`;
    return { kind: 'networks_lost', subject: record, since, text };
  });
}

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

/** `3 h 12 min` */
function hours(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
