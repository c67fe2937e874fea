/**
 * The end of an attempt: what its answers mean for the message, for those who hear of it and for the
 * ledger. Reports to the sender come into the spool in the same step that lets their recipients go,
 * so that whenever the process dies he is told once: not never, and not again by the next attempt.
 * Without room for them everything that they would speak of is held.
 */
import type { Clock } from '../base/clock.ts';
import { jitter } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { Outcome } from '../mail/outcome.ts';
import { isRedirected } from '../mail/redirection.ts';
import { isRemote } from '../mail/remote-lane.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { Held, Lease, SpoolStore } from '../store/spool-store.ts';
import { logAttempt, logDone, logExpired, logHold } from './attempt-log.ts';
import type { DeliveryReport } from './courier.ts';
import type { DelayDeps } from './delays.ts';
import { delayOf, logDelay } from './delays.ts';
import { partMessage, storeParted } from './fan-out.ts';
import type { Happening } from './happening.ts';
import { happeningsOf } from './happening.ts';
import { orWithout } from './no-room.ts';
import type { PlacingDeps } from './placing.ts';
import type { DrawnReports, OwnReport } from './reports.ts';
import { fateOf, handedTo } from './reports.ts';
import { nextDelayMs, nextDueAt } from './retry.ts';
import type { Settlement, Tried } from './settlement.ts';
import { held, isRefused, settle } from './settlement.ts';

export interface ConclusionDeps
  extends DelayDeps, Pick<PlacingDeps, 'hosted' | 'isHeld' | 'route'> {
  readonly store: Pick<SpoolStore, 'complete' | 'reschedule'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: (dest: string) => {
    readonly retryMs: readonly number[];
    readonly delayWarningMs: number | null;
  };
  /** Hears what became of each recipient. */
  readonly learn?: (dest: string, address: Address, outcome: Outcome) => void;
  readonly happened?: (one: Happening) => void;
  /** A factor near 1 for the next wait; a seam for tests. */
  readonly spread?: () => number;
}

export type Answer = Tried & {
  readonly report: DeliveryReport;
  /** Where the recipient belongs. */
  readonly lane: string;
  /** What its server said, where that is not the end of it. */
  readonly heard?: { readonly lane: string; readonly outcome: Outcome };
};

type Next = Settlement['next'];

interface Ending {
  readonly deps: ConclusionDeps;
  readonly lease: Lease;
  readonly answers: readonly Answer[];
  readonly content: Content;
  readonly dueAt: number;
}

/** What becomes of a message, with the reports that go with it. */
interface Drawn {
  readonly settlement: Settlement;
  readonly reports: readonly OwnReport[];
}

const RETRY_SPREAD = 0.05;

export async function conclude(
  deps: ConclusionDeps,
  lease: Lease,
  answers: readonly Answer[],
  content: Content,
): Promise<void> {
  const { clock, log } = deps;
  const { entry } = lease;
  const now = clock.now();
  const { settlement, reports } = await drawUp(deps.reports, entry, answers, now);
  const { gone, reported } = settlement;
  // Settling writes recipients anew; their addresses are the same objects all along.
  const told = new Set(reported.map(({ address }) => address));
  const isReported = ({ address }: SpooledRecipient) => told.has(address);
  const dueAt =
    settlement.next.kind === 'retry' ? dueAfter(deps, settlement.next.entry, now) : undefined;
  // What the destination said is so, whatever the store does with it next.
  for (const answer of answers) {
    const { lane, outcome } = answer.heard ?? answer;
    // What another host says is no word of the destination.
    if (!isRedirected(lane)) deps.learn?.(lane, answer.recipient.address, outcome);
  }
  logAttempt(log, { entry, tried: answers, now, nextDueAt: dueAt, isReported });
  for (const one of happeningsOf(entry, answers)) deps.happened?.(one);
  const late = gone.filter((recipient) => !isRefused(recipient));
  logExpired(log, entry, late, isReported, now);
  const ending = { deps, lease, answers, content, dueAt: dueAt ?? now };
  if (reports.length === 0) return end(ending, settlement.next, []);
  const { reports: _, ...silent } = deps;
  await orWithout(
    log,
    entry.id,
    () => end(ending, settlement.next, reports),
    async () => {
      const { settlement: unheard } = await drawUp(undefined, entry, answers, now);
      await end({ ...ending, deps: silent }, unheard.next, []);
    },
  );
}

/** A message that goes no further, for reasons of ours. */
export async function hold(
  deps: ConclusionDeps,
  lease: Lease,
  text: string,
  why: 'undeliverable' | 'damaged' = 'undeliverable',
): Promise<'other'> {
  const { clock } = deps;
  const reason = { by: 'gateway', at: clock.now(), reason: why, text } as const;
  await record(deps, lease, held(lease.entry, reason), []);
  return 'other';
}

export function isDoubt({ outcome }: Answer): boolean {
  return outcome.kind === 'deferred' && outcome.maybeDelivered === true;
}

export function dueAfter(
  { policy, spread }: Pick<ConclusionDeps, 'policy' | 'spread'>,
  entry: SpoolEntry,
  now: number,
): number {
  const factor = spread?.() ?? jitter(RETRY_SPREAD);
  const delayMs = nextDelayMs(entry.attempts, policy(entry.dest).retryMs, factor);
  return nextDueAt(now, delayMs, entry.expiresAt);
}

async function drawUp(
  reports: DrawnReports | undefined,
  entry: SpoolEntry,
  answers: readonly Answer[],
  now: number,
): Promise<Drawn> {
  const unheard = { settlement: settle(entry, answers, now, () => 'hold'), reports: [] };
  if (reports === undefined) return unheard;
  const settlement = settle(entry, answers, now, (recipient) => fateOf(entry, recipient));
  const { reported } = settlement;
  const handed = answers.flatMap(({ recipient, outcome, report }) =>
    handedTo(report, recipient, outcome),
  );
  const success = await reports.handed(entry, handed);
  const told = success === undefined ? [] : [success];
  if (reported.length === 0) return { settlement, reports: told };
  const failure = await reports.failed(entry, reported);
  return failure === undefined ? unheard : { settlement, reports: [failure, ...told] };
}

/** One step of the store, and the lines about it; a message that is not ours any more is somebody else's line. */
async function end(ending: Ending, next: Next, reports: readonly OwnReport[]): Promise<void> {
  if (next.kind !== 'retry') return record(ending.deps, ending.lease, next, reports);
  const { deps } = ending;
  const delay = await delayOf(deps, next.entry);
  if (delay === undefined) return postponed(ending, next.entry, reports);
  const { entry, report } = delay;
  const told = report === undefined ? [] : [report];
  let isTold = report !== undefined;
  const together = () => postponed(ending, entry, [...reports, ...told]);
  // With other reports nothing of it may be left out here: they decide what becomes of the message.
  if (told.length === 0 || reports.length > 0) await together();
  else
    await orWithout(deps.log, entry.id, together, () => {
      isTold = false;
      return postponed(ending, entry, []);
    });
  logDelay(deps, entry, isTold);
}

async function postponed(
  { deps, lease, answers, content, dueAt }: Ending,
  entry: SpoolEntry,
  reports: readonly OwnReport[],
): Promise<void> {
  const { hosted, isHeld, route } = deps;
  const before = lease.entry;
  const step = { held: heldOf(lease), entry, dueAt, mail: reports.map(({ mail }) => mail) };
  const isSpread = isRemote(before.dest) || answers.some(({ lane }) => lane !== before.dest);
  let isStored: boolean | undefined;
  if (isSpread && hosted !== undefined) {
    const lanes = new Map(answers.map(({ recipient, lane }) => [recipient.address, lane]));
    const doubted = new Set(answers.filter(isDoubt).map(({ recipient }) => recipient.address));
    const fanOut = { hosted, route, lanes, doubted, ...(isHeld && { isHeld }) };
    const parting = partMessage(fanOut, before, entry);
    isStored = await storeParted(deps, step, parting, content);
  } else [isStored] = await deps.store.reschedule([step]);
  if (isStored === true) for (const { stored } of reports) stored();
}

/** A message that is tried no more: done, or held. */
async function record(
  { store, log, clock }: ConclusionDeps,
  lease: Lease,
  next: Exclude<Next, { kind: 'retry' }>,
  reports: readonly OwnReport[],
): Promise<void> {
  const { entry } = lease;
  const mail = reports.map((report) => report.mail);
  const now = clock.now();
  const held = heldOf(lease);
  const [stillOurs] =
    next.kind === 'done'
      ? await store.complete([{ ...held, mail }])
      : await store.reschedule([{ held, entry: next.entry, dueAt: now, mail }]);
  if (stillOurs !== true) return;
  for (const { stored } of reports) stored();
  if (next.kind === 'done') logDone(log, entry, next.result, entry.attempts + 1, now);
  else logHold(log, next.entry, now);
}

function heldOf({ id, token }: Lease): Held {
  return { id, token };
}
