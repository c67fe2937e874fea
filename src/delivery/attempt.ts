/**
 * One attempt at a spooled message: asks where each recipient goes today, hands the message over,
 * writes the ledger lines and tells the store what it came to. Never rejects but for a store that
 * fails, which is the scheduler's business.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { jitter } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Destination } from '../directory/domain.ts';
import { formatAddress } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { Lease, SpoolStore } from '../store/spool-store.ts';
import type { Courier, DeliveryReport } from './courier.ts';
import { nextDelayMs } from './retry.ts';
import type { Settlement, Tried } from './settlement.ts';
import { held, recipientsToTry, settle } from './settlement.ts';

export interface AttemptDeps {
  readonly store: Pick<SpoolStore, 'readContent' | 'complete' | 'reschedule'>;
  readonly courier: Pick<Courier, 'deliver'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly route: (domain: string) => Destination | undefined;
  readonly policy: () => {
    readonly retryMs: readonly number[];
    readonly finalReplyTimeoutMs: number;
  };
}

/** Content up to here is read whole before the attempt: one write, and damage is seen in time. */
const READ_WHOLE_BYTES = 256 * 1024;
const RETRY_SPREAD = 0.05;

/** What it says about the destination, for the pace of a drain. */
export type AttemptResult = 'delivered' | 'put-off' | 'other';

export async function attempt(
  deps: AttemptDeps,
  lease: Lease,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const { clock, store } = deps;
  const { entry } = lease;
  const tried: Tried[] = [];
  let host: string | undefined;
  const groups = groupByDestination(entry, deps.route);
  if (groups === undefined) {
    const text = 'the domain is not served here any more';
    const hold = { by: 'gateway', at: clock.now(), reason: 'undeliverable', text } as const;
    await conclude(deps, lease, held(entry, hold));
    return 'other';
  }
  const content = await spooledContent(store, entry);
  if (content === undefined) {
    const text = 'its stored content is damaged';
    const hold = { by: 'gateway', at: clock.now(), reason: 'undeliverable', text } as const;
    await conclude(deps, lease, held(entry, hold));
    return 'other';
  }
  for (const { destination, recipients } of groups) {
    const { reversePath, parameters } = entry;
    const report = await deps.courier.deliver(
      {
        id: entry.id,
        destination,
        envelope: { reversePath, parameters, recipients },
        content,
        finalReplyTimeoutMs: deps.policy().finalReplyTimeoutMs,
      },
      signal,
    );
    host = report.host ?? host;
    recipients.forEach((recipient, index) => {
      const outcome = report.outcomes[index] ?? { kind: 'deferred', text: 'no outcome' };
      tried.push({ recipient, outcome });
      logOutcome(deps, entry, recipient, outcome, report);
    });
  }
  await conclude(deps, lease, settle(entry, tried, clock.now(), host));
  if (tried.some(({ outcome }) => outcome.kind === 'deferred')) return 'put-off';
  return tried.some(({ outcome }) => outcome.kind === 'delivered') ? 'delivered' : 'other';
}

interface Group {
  readonly destination: Destination;
  readonly recipients: readonly SpooledRecipient[];
}

/** Undefined when a recipient has no destination any more. */
function groupByDestination(entry: SpoolEntry, route: AttemptDeps['route']): Group[] | undefined {
  const groups = new Map<string, { destination: Destination; recipients: SpooledRecipient[] }>();
  for (const recipient of recipientsToTry(entry)) {
    const destination = route(recipient.address.domain) ?? route(entry.dest);
    if (destination === undefined) return undefined;
    const group = groups.get(destination.key);
    if (group === undefined) groups.set(destination.key, { destination, recipients: [recipient] });
    else group.recipients.push(recipient);
  }
  return [...groups.values()];
}

/** Undefined when it is damaged. Damage in larger content breaks the attempt off, each time. */
async function spooledContent(
  store: Pick<SpoolStore, 'readContent'>,
  { id, sizeBytes }: SpoolEntry,
): Promise<Content | undefined> {
  const read = () => store.readContent(id);
  if (sizeBytes > READ_WHOLE_BYTES) return { sizeBytes, read };
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of read()) chunks.push(chunk);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_DAMAGED') return undefined;
    throw error;
  }
  return { sizeBytes, chunks, read };
}

/** Tells the store, then the log: a line in the ledger must not be ahead of the truth. */
async function conclude(deps: AttemptDeps, lease: Lease, settlement: Settlement): Promise<void> {
  const { store, log, clock, policy } = deps;
  const { id, token, entry } = lease;
  const base = { id, sid: id.slice(0, id.indexOf('.')) };
  switch (settlement.kind) {
    case 'done': {
      const [stillOurs] = await store.complete([{ id, token }]);
      const delay = (clock.now() - entry.queuedAt) / 1000;
      if (stillOurs === true) {
        log.emit('msg.done', { ...base, res: 'delivered', delay, tries: entry.attempts + 1 });
      }
      return;
    }
    case 'retry': {
      const delay = nextDelayMs(settlement.entry.attempts, policy().retryMs, jitter(RETRY_SPREAD));
      // Not beyond its lifetime, so that the last attempt and the end of it are one.
      const dueAt = Math.max(clock.now() + 1000, Math.min(clock.now() + delay, entry.expiresAt));
      await store.reschedule([{ held: { id, token }, entry: settlement.entry, dueAt }]);
      return;
    }
    case 'hold': {
      const step = { held: { id, token }, entry: settlement.entry, dueAt: clock.now() };
      const [stillOurs] = await store.reschedule([step]);
      if (stillOurs === true) logHold(log, settlement.entry, clock.now());
      return;
    }
  }
}

/** Each recipient that waits for a person from now on. */
export function logHold(log: Log, entry: SpoolEntry, now: number): void {
  const { id, hold, dest } = entry;
  if (hold === undefined) return;
  const age = Math.round((now - entry.queuedAt) / 1000);
  const evt = hold.reason === 'expired' ? 'rcpt.expire' : 'rcpt.hold';
  for (const { address, last } of entry.recipients) {
    const to = formatAddress(address);
    const text = last?.text ?? hold.text;
    log.emit(evt, { id, sid: id.slice(0, id.indexOf('.')), to, dest, why: hold.reason, text, age });
  }
}

function logOutcome(
  { log, clock }: AttemptDeps,
  entry: SpoolEntry,
  { address }: SpooledRecipient,
  outcome: Outcome,
  report: DeliveryReport,
): void {
  const { id } = entry;
  const base = {
    id,
    sid: id.slice(0, id.indexOf('.')),
    to: formatAddress(address),
    dest: entry.dest,
    rhost: report.host,
    rip: report.address,
    tls: report.tls,
    try: entry.attempts + 1,
  };
  const delay = (clock.now() - entry.queuedAt) / 1000;
  switch (outcome.kind) {
    case 'delivered': {
      const { code, enhanced } = outcome.reply;
      log.emit('rcpt.sent', {
        ...base,
        code,
        enh: enhanced,
        text: replyText(outcome.reply),
        delay,
      });
      return;
    }
    case 'deferred':
      log.emit('rcpt.defer', { ...base, why: 'dest_down', text: outcome.text, delay });
      return;
    case 'failed': {
      const { code, enhanced } = outcome.reply;
      const text = replyText(outcome.reply);
      log.emit('rcpt.fail', {
        ...base,
        why: 'destination',
        code,
        enh: enhanced,
        text,
        dsn: 'none',
      });
      return;
    }
  }
}
