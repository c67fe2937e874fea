/**
 * One attempt at a spooled message: asks where each recipient goes today, hands the message over,
 * tells the store what it came to and writes the ledger lines. Never rejects but for a store that
 * fails, which is the scheduler's business; the message then stays as it was.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { jitter } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { Places } from '../base/places.ts';
import type { Destination } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { Outcome } from '../mail/outcome.ts';
import { isRedirected } from '../mail/redirection.ts';
import { isRemote } from '../mail/remote-lane.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { Lease, SpoolStore } from '../store/spool-store.ts';
import { logAttempt, logDone, logExpired, logHold } from './attempt-log.ts';
import type { Courier, DeliveryReport } from './courier.ts';
import { tellOfDelay } from './delays.ts';
import type { HealthBook } from './destination-health.ts';
import { markedIfDoubted } from './doubt.ts';
import { partMessage, storeParted } from './fan-out.ts';
import type { Tenure } from './lease-keeper.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Reports } from './reports.ts';
import { fateOf, handedTo } from './reports.ts';
import { nextDelayMs, nextDueAt } from './retry.ts';
import type { Group, PlacingDeps } from './placing.ts';
import type { Happening } from './happening.ts';
import { happeningsOf } from './happening.ts';
import { lookElsewhere, placeRecipients } from './placing.ts';
import type { Settlement, Tried } from './settlement.ts';
import { isFanOut } from './route.ts';
import { held, isRefused, settle } from './settlement.ts';

export interface AttemptDeps extends PlacingDeps {
  readonly store: Pick<SpoolStore, 'readContent' | 'complete' | 'reschedule'>;
  readonly courier: Pick<Courier, 'deliver'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly health?: Pick<HealthBook, 'isDown'>;
  /** Without it there is no bound to the rate of messages. */
  readonly rates?: Pick<RateLimits, 'take'>;
  readonly policy: (dest: string) => {
    readonly retryMs: readonly number[];
    readonly delayWarningMs: number | null;
  };
  /** Without it nobody is told and everything undeliverable is held. */
  readonly reports?: Reports;
  /** Hears what became of each recipient. */
  readonly learn?: (dest: string, address: Address, outcome: Outcome) => void;
  readonly happened?: (one: Happening) => void;
  /** A factor near 1 for the next wait; a seam for tests. */
  readonly spread?: () => number;
}

/** Content up to here is read whole before the attempt: one write, and damage is seen in time. */
const READ_WHOLE_BYTES = 256 * 1024;
const RETRY_SPREAD = 0.05;
/**
 * RFC 5321 4.5.3.2.6. Nobody waits here, and what is given up too soon is delivered once more at each
 * attempt, to a destination that only takes its time.
 */
const FINAL_REPLY_MS = 10 * 60_000;
/** Destinations of one message that are served side by side. */
const GROUPS_AT_ONCE = 5;

/**
 * What it says about the destination, for the pace. `untried`: it says nothing about anything, and
 * the message is as it was.
 */
export type AttemptResult = 'delivered' | 'put-off' | 'other' | 'untried';

type Answer = Tried & {
  readonly report: DeliveryReport;
  /** Where the recipient belongs. */
  readonly lane: string;
  /** What its server said, where that is not the end of it. */
  readonly heard?: { readonly lane: string; readonly outcome: Outcome };
};

export async function attempt(
  deps: AttemptDeps,
  lease: Lease,
  tenure: Tenure,
): Promise<AttemptResult> {
  const { entry } = lease;
  const placing = await placeRecipients(entry, deps);
  if (placing === undefined) return hold(deps, lease, 'the domain is not served here any more');
  const content = await spooledContent(deps.store, entry);
  if (content === 'damaged') return holdDamaged(deps, lease);
  const places = new Places(GROUPS_AT_ONCE);
  const delivered = placing.groups.map((group) =>
    places.run(() => deliver(deps, entry, group, content, tenure)),
  );
  const others = placing.others.map((other) => ({ ...other, report: NOT_TRIED }));
  const answers = [...(await Promise.all(delivered)).flat(), ...others];
  // Cut short by us, before anything could be known: the attempt does not count.
  if (tenure.signal.aborted && answers.every(isUndone)) return 'untried';
  // Nobody was given the whole of it, and no later attempt can do better.
  if (content.isDamaged() && answers.every(isUndone)) return holdDamaged(deps, lease);
  await conclude(deps, lease, answers, content);
  // Of several destinations none speaks for the lane.
  const isMixed = isParted(deps, entry);
  if (!isMixed && answers.some(({ outcome }) => outcome.kind === 'deferred')) return 'put-off';
  return answers.some(({ outcome }) => outcome.kind === 'delivered') ? 'delivered' : 'other';
}

/** As after an attempt that failed for reasons of ours. */
export async function postpone(deps: AttemptDeps, lease: Lease): Promise<AttemptResult> {
  const { id, token, entry } = lease;
  const now = deps.clock.now();
  if (now >= entry.expiresAt) return hold(deps, lease, 'the gateway trips over it, see the log');
  const next = { ...entry, attempts: entry.attempts + 1 };
  const step = { held: { id, token }, entry: next, dueAt: dueAfter(deps, next, now) };
  await deps.store.reschedule([step]);
  return 'other';
}

interface SpooledContent extends Content {
  /** Damage was found while it was read. */
  isDamaged(): boolean;
}

/** Damage in larger content is found while it is sent, and breaks the attempt off before its end. */
async function spooledContent(
  store: Pick<SpoolStore, 'readContent'>,
  { id, sizeBytes }: SpoolEntry,
): Promise<SpooledContent | 'damaged'> {
  let damaged = false;
  const isDamaged = () => damaged;
  async function* read(): AsyncIterable<Uint8Array> {
    try {
      yield* store.readContent(id);
    } catch (error) {
      damaged ||= isDamage(error);
      throw error;
    }
  }
  if (sizeBytes > READ_WHOLE_BYTES) return { sizeBytes, read, isDamaged };
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of store.readContent(id)) chunks.push(chunk);
  } catch (error) {
    if (isDamage(error)) return 'damaged';
    throw error;
  }
  return { sizeBytes, chunks, read, isDamaged };
}

function isDamage(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'STORE_DAMAGED';
}

async function deliver(
  deps: AttemptDeps,
  entry: SpoolEntry,
  { lane, destination, recipients }: Group,
  content: Content,
  { signal, mayFinish }: Tenure,
): Promise<Answer[]> {
  const { id, reversePath, parameters } = entry;
  const envelope = { reversePath, parameters, recipients };
  const marked = markedIfDoubted(entry, content);
  const job = {
    ...{ id, destination, envelope, content: marked },
    ...{ finalReplyTimeoutMs: FINAL_REPLY_MS, mayFinish },
    // The other recipients wait meanwhile; in a lane of its own it has all the time it wants.
    origin: isFanOut(entry.dest) ? ('session' as const) : ('queue' as const),
    client: entry.client,
    mailClass: entry.mailClass,
  };
  const report = mustWait(deps, entry, destination)
    ? NOT_TRIED
    : await deps.courier.deliver(job, signal);
  return recipients.map((recipient, index) => {
    const outcome = report.outcomes[index] ?? WAITS;
    const elsewhere = lookElsewhere(lane, outcome);
    const heard = { lane, outcome };
    const { host } = report;
    return {
      recipient,
      report,
      host,
      ...(elsewhere === undefined ? heard : { ...elsewhere, heard }),
    };
  });
}

/** Its recipients may go to several destinations. */
function isParted({ route }: AttemptDeps, { dest }: SpoolEntry): boolean {
  return route(dest)?.isParted === true;
}

/** In a lane of its own nobody comes this far while the destination is down or has had its share. */
function mustWait(deps: AttemptDeps, entry: SpoolEntry, to: Destination): boolean {
  const { health, rates } = deps;
  if (!isParted(deps, entry)) return false;
  return health?.isDown(to.key) === true || (rates?.take(to, 'queue') ?? 0) > 0;
}

const WAITS: Outcome = { kind: 'deferred', text: 'the destination cannot be had now' };
const NOT_TRIED: DeliveryReport = {
  outcomes: [],
  tls: '-',
  takesDsn: true,
  connectMs: 0,
  transferMs: 0,
};

function isUndone(answer: Answer): boolean {
  return answer.outcome.kind === 'deferred' && !isDoubt(answer);
}

function isDoubt({ outcome }: Answer): boolean {
  return outcome.kind === 'deferred' && outcome.maybeDelivered === true;
}

function holdDamaged(deps: AttemptDeps, lease: Lease): Promise<AttemptResult> {
  return hold(deps, lease, 'its stored content is damaged', 'damaged');
}

async function hold(
  deps: AttemptDeps,
  lease: Lease,
  text: string,
  why: 'undeliverable' | 'damaged' = 'undeliverable',
): Promise<AttemptResult> {
  const { clock } = deps;
  const reason = { by: 'gateway', at: clock.now(), reason: why, text } as const;
  await record(deps, lease, held(lease.entry, reason), undefined);
  return 'other';
}

async function conclude(
  deps: AttemptDeps,
  lease: Lease,
  answers: readonly Answer[],
  content: Content,
): Promise<void> {
  const { clock, log, hosted, isHeld, route } = deps;
  const { entry } = lease;
  const now = clock.now();
  const settlement = await settleAndReport(deps, entry, answers, now);
  const handed = answers.flatMap(({ recipient, outcome, report }) =>
    handedTo(report, recipient, outcome),
  );
  await deps.reports?.relayed(entry, handed);
  let { next } = settlement;
  const dueAt = next.kind === 'retry' ? dueAfter(deps, next.entry, now) : undefined;
  const { gone, reported } = settlement;
  // Settling writes recipients anew; their addresses are the same objects all along.
  const told = new Set(reported.map(({ address }) => address));
  const isReported = ({ address }: SpooledRecipient) => told.has(address);
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
  if (next.kind === 'retry') next = { kind: 'retry', entry: await tellOfDelay(deps, next.entry) };
  const lanes = new Map(answers.map(({ recipient, lane }) => [recipient.address, lane]));
  const isSpread = isRemote(entry.dest) || answers.some(({ lane }) => lane !== entry.dest);
  if (next.kind === 'retry' && isSpread && hosted !== undefined) {
    const doubted = new Set(answers.filter(isDoubt).map(({ recipient }) => recipient.address));
    const fanOut = { hosted, route, lanes, doubted, ...(isHeld && { isHeld }) };
    const parting = partMessage(fanOut, entry, next.entry);
    const { id, token } = lease;
    const step = { held: { id, token }, entry: next.entry, dueAt: dueAt ?? now };
    return storeParted(deps, step, parting, content);
  }
  await record(deps, lease, next, dueAt);
}

function dueAfter({ policy, spread }: AttemptDeps, entry: SpoolEntry, now: number): number {
  const factor = spread?.() ?? jitter(RETRY_SPREAD);
  const delayMs = nextDelayMs(entry.attempts, policy(entry.dest).retryMs, factor);
  return nextDueAt(now, delayMs, entry.expiresAt);
}

/** The report goes first: a crash between the two steps tells a sender twice rather than never. */
async function settleAndReport(
  { reports }: AttemptDeps,
  entry: SpoolEntry,
  answers: readonly Answer[],
  now: number,
): Promise<Settlement> {
  if (reports !== undefined) {
    const fate = (recipient: SpooledRecipient) => fateOf(entry, recipient);
    const settlement = settle(entry, answers, now, fate);
    if (settlement.reported.length === 0) return settlement;
    if (await reports.failed(entry, settlement.reported)) return settlement;
  }
  return settle(entry, answers, now, () => 'hold');
}

/** Tells the store, then the ledger; a message that is not ours any more is somebody else's line. */
async function record(
  { store, log, clock }: AttemptDeps,
  { id, token, entry }: Lease,
  next: Settlement['next'],
  dueAt: number | undefined,
): Promise<void> {
  const held = { id, token };
  const now = clock.now();
  switch (next.kind) {
    case 'done': {
      const [stillOurs] = await store.complete([held]);
      if (stillOurs === true) logDone(log, entry, next.result, entry.attempts + 1, now);
      return;
    }
    case 'retry':
      await store.reschedule([{ held, entry: next.entry, dueAt: dueAt ?? now }]);
      return;
    case 'hold': {
      const [stillOurs] = await store.reschedule([{ held, entry: next.entry, dueAt: now }]);
      if (stillOurs === true) logHold(log, next.entry, now);
      return;
    }
  }
}
