/**
 * One attempt at a spooled message: asks where each recipient goes today and hands the message over;
 * then, when the destination has nothing more to do with it, tells the store what it came to and
 * writes the ledger lines. Never rejects but for a store that fails, which is the scheduler's
 * business; the message then stays as it was.
 */
import { CodedError } from '../base/errors.ts';
import { Places } from '../base/places.ts';
import type { Destination } from '../directory/domain.ts';
import type { Content } from '../mail/content.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { Lease, SpoolStore } from '../store/spool-store.ts';
import type { Answer, ConclusionDeps } from './conclusion.ts';
import { conclude, dueAfter, hold, isDoubt } from './conclusion.ts';
import type { Courier, DeliveryReport } from './courier.ts';
import type { HealthBook } from './destination-health.ts';
import { markedIfDoubted } from './doubt.ts';
import type { Tenure } from './lease-keeper.ts';
import type { Group, PlacingDeps } from './placing.ts';
import { lookElsewhere, placeRecipients } from './placing.ts';
import type { RateLimits } from './rate-limits.ts';
import { isFanOut } from './route.ts';

export interface AttemptDeps extends PlacingDeps, ConclusionDeps {
  readonly store: Pick<SpoolStore, 'readContent' | 'complete' | 'reschedule'>;
  readonly courier: Pick<Courier, 'deliver'>;
  readonly health?: Pick<HealthBook, 'isDown'>;
  /** Without it there is no bound to the rate of messages. */
  readonly rates?: Pick<RateLimits, 'take'>;
}

/** Content up to here is read whole before the attempt: one write, and damage is seen in time. */
const READ_WHOLE_BYTES = 256 * 1024;
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

/** An attempt whose part with the destination is over: the place it had there is the next one's. */
export interface Attempted {
  readonly result: AttemptResult;
  /** What is left to do, once: reports, the step of the store, the ledger. */
  readonly conclude: () => Promise<AttemptResult>;
}

export const UNTRIED: Attempted = {
  result: 'untried',
  conclude: () => Promise.resolve('untried'),
};

export async function attempt(deps: AttemptDeps, lease: Lease, tenure: Tenure): Promise<Attempted> {
  const { entry } = lease;
  const placing = await placeRecipients(entry, deps);
  const content = await spooledContent(deps.store, entry);
  if (content === 'damaged') return heldAsDamaged(deps, lease);
  const places = new Places(GROUPS_AT_ONCE);
  const delivered = placing.groups.map((group) =>
    places.run(() => deliver(deps, entry, group, content, tenure)),
  );
  const others = placing.others.map((other) => ({ ...other, report: NOT_TRIED }));
  const answers = [...(await Promise.all(delivered)).flat(), ...others];
  // Cut short by us, before anything could be known: the attempt does not count.
  if (tenure.signal.aborted && answers.every(isUndone)) return UNTRIED;
  // Nobody was given the whole of it, and no later attempt can do better.
  if (content.isDamaged() && answers.every(isUndone)) return heldAsDamaged(deps, lease);
  const result = resultOf(answers, isParted(deps, entry));
  return {
    result,
    async conclude() {
      await conclude(deps, lease, answers, content);
      return result;
    },
  };
}

/** Of several destinations none speaks for the lane. */
function resultOf(answers: readonly Answer[], isMixed: boolean): AttemptResult {
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
    id,
    destination,
    envelope,
    content: marked,
    finalReplyTimeoutMs: FINAL_REPLY_MS,
    mayFinish,
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
    const { host } = report;
    return elsewhere === undefined
      ? { recipient, report, host, lane, outcome }
      : { recipient, report, host, ...elsewhere, heard: { lane, outcome } };
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

function heldAsDamaged(deps: AttemptDeps, lease: Lease): Attempted {
  const text = 'its stored content is damaged';
  return { result: 'other', conclude: () => hold(deps, lease, text, 'damaged') };
}
