/**
 * The objects that the API sends and `--json` prints: one a line, each with `v` and `kind`. This is
 * a contract with scripts: members may be added, never renamed or given another meaning within one
 * `v`. Times are ISO 8601 in UTC with milliseconds, sizes bytes, durations seconds.
 */
import { hasFewFiles } from '../base/disk-room.ts';
import { domainQueueRow } from './domain-queue.ts';
import type { TraceEvent } from '../base/session-traces.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import { homeLane, redirectionOf } from '../mail/redirection.ts';
import { withoutSender } from '../mail/remote-lane.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import { isQuarantined } from '../mail/spool-entry.ts';
import type { TracePage } from '../records/trace-book.ts';
import type { Summary } from '../store/spool-store.ts';
import { declaredInMail, declaredInRcpt } from './declared.ts';
import type { PluginView } from './plugin-view.ts';
import type { Outage } from './outage.ts';
import type { ExaminationStepView } from './examination-view.ts';
import type {
  AlertView,
  DestinationDetail,
  DestinationView,
  DomainView,
  GatewayStatus,
  RecipientTrial,
  RecipientView,
} from './gateway-view.ts';

export type Row = Readonly<Record<string, unknown>>;

/** `quarantine` is told of a message that is asked for; listings of the queue leave it out. */
export type QueueState = 'active' | 'deferred' | 'hold' | 'damaged' | 'quarantine';

export function stateOf({ entry, active }: Summary): QueueState {
  if (entry.hold !== undefined) return isQuarantined(entry) ? 'quarantine' : 'hold';
  return active ? 'active' : 'deferred';
}

/** `outage` is that of its destination, if any: then mail waits for the destination, not its time. */
export function messageRow(summary: Summary, outage: Outage | undefined): Row {
  const { entry, dueAt } = summary;
  const { hold, client } = entry;
  const state = stateOf(summary);
  const waitsFor = state === 'deferred' ? outage : undefined;
  return {
    v: 1,
    kind: 'message',
    id: entry.id,
    state,
    direction: entry.direction,
    queued_at: iso(entry.queuedAt),
    next_at: iso(waitsFor === undefined ? dueAt : nextOf(waitsFor, dueAt)),
    reason: reasonOf(summary, outage),
    ...(waitsFor && {
      outage: { kind: waitsFor.kind, since: iso(waitsFor.since), text: waitsFor.text },
    }),
    expires_at: iso(entry.expiresAt),
    attempts: entry.attempts,
    size: entry.sizeBytes,
    from: pathText(entry.reversePath),
    parameters: declaredInMail(entry.parameters),
    rcpts: entry.recipients.map((recipient) => recipientOf(recipient, state)),
    dest: withoutSender(homeLane(entry.dest)),
    via: redirectionOf(entry.dest)?.place,
    account: entry.account,
    maybe_delivered: entry.maybeDelivered,
    sender_proven: entry.senderProven,
    client: { ip: client.address, helo: client.hello },
    ...(hold && {
      hold: {
        by: hold.by,
        at: iso(hold.at),
        why: hold.reason,
        text: hold.text,
        until: iso(hold.until),
        // Filters that have still to judge it.
        missing: hold.unjudged?.missing,
      },
    }),
  };
}

function nextOf({ kind, nextTryAt }: Outage, dueAt: number | undefined): number | undefined {
  switch (kind) {
    case 'held':
      return nextTryAt;
    case 'down':
      return nextTryAt ?? dueAt;
    case 'paused':
      return Math.max(nextTryAt ?? 0, dueAt ?? 0);
  }
}

/** Why mail that nobody holds is still here; `outage` as above. */
export function reasonOf(summary: Summary, outage: Outage | undefined): string | undefined {
  const isWaiting = outage !== undefined && stateOf(summary) === 'deferred';
  return isWaiting ? `destination ${outage.kind}: ${outage.text}` : lastAnswer(summary.entry);
}

function lastAnswer({ recipients }: SpoolEntry): string | undefined {
  return recipients.find(({ last }) => last !== undefined)?.last?.text;
}

/** A message of which nothing can be read but its id. */
export function damagedRow(id: string): Row {
  return { v: 1, kind: 'message', id, state: 'damaged', rcpts: [] };
}

/** Who has the message already is no longer in it: those who are left share its state. */
function recipientOf({ address, parameters, last }: SpooledRecipient, state: QueueState): Row {
  return {
    addr: formatAddress(address),
    parameters: declaredInRcpt(parameters),
    state,
    ...(last && {
      reason: last.text,
      code: last.code,
      enh: last.enhanced,
      host: last.host,
      last_at: iso(last.at),
    }),
  };
}

export function statusRow(
  status: GatewayStatus,
  queue: {
    queued: number;
    held: number;
    bytes: number;
    quarantined: number;
    oldestAt: number | undefined;
    damaged: readonly string[];
  },
  destinations: readonly DestinationView[],
  now: number,
): Row {
  const { config, rates, startedAt } = status;
  const { freeBytes, freeFiles, minBytes } = status.disk;
  const isDiskLow = Number(freeBytes) < minBytes || hasFewFiles({ freeFiles });
  const isDiskSilent = freeBytes === undefined;
  return {
    v: 1,
    kind: 'status',
    version: status.version,
    hostname: status.hostname,
    pid: status.pid,
    state: status.state,
    ready: status.state === 'ready' && !isDiskLow && !isDiskSilent,
    started_at: iso(startedAt),
    uptime: seconds(now - startedAt),
    engine: status.engine,
    disk: {
      ...{ free: freeBytes, min: minBytes, files: freeFiles },
      ...{ low: isDiskLow, silent: isDiskSilent },
    },
    ...(status.unread !== undefined && { store_damaged: status.unread }),
    listeners: status.listeners,
    rates: { in: round(rates.in), out: round(rates.out) },
    queue: {
      messages: queue.queued + queue.held,
      deferred: queue.queued,
      hold: queue.held,
      quarantine: queue.quarantined,
      bytes: queue.bytes,
      ...(queue.oldestAt !== undefined && { oldest: seconds(now - queue.oldestAt) }),
      ...(queue.damaged.length > 0 && { damaged: queue.damaged }),
    },
    scanners: status.scanners,
    unsigned: status.unsigned,
    lost: status.lost,
    ldap: status.ldap.map(({ name, domains, down }) => ({
      name,
      domains,
      up: down === undefined,
      ...(down && { since: iso(down.since), text: down.text }),
    })),
    destinations: {
      all: destinations.length,
      down: destinations
        .filter(({ state }) => state === 'down')
        .map(({ name, domains, since, lastText, waiting }) => {
          return { name, domains, since: iso(since), last: lastText, waiting };
        }),
      hindering: destinations
        .map(({ name, habits }) => ({ name, habits: habits.map(({ habit }) => habit) }))
        .filter(({ habits }) => habits.length > 0),
    },
    config: {
      file: config.file,
      loaded_at: iso(config.loadedAt),
      stale: config.stale,
      needs_restart: config.needsRestart,
    },
  };
}

export function pluginRow(plugin: PluginView): Row {
  const { onError, timeoutMs, maxConcurrent, ...rest } = plugin;
  const limits = { timeout: seconds(timeoutMs), max_concurrent: maxConcurrent };
  return { v: 1, kind: 'plugin', ...rest, on_error: onError, ...limits };
}

export function domainRow(domain: DomainView): Row {
  return { v: 1, kind: 'domain', ...domain, queue: domainQueueRow(domain.queue) };
}

export function destinationRow(destination: DestinationView): Row {
  const { lastText, lastAt, since, nextProbeAt, holds, habits, ...rest } = destination;
  return {
    v: 1,
    kind: 'destination',
    ...rest,
    since: iso(since),
    last: lastText,
    last_at: iso(lastAt),
    holds: holds.map(({ at, until, ...hold }) => ({ at: iso(at), until: iso(until), ...hold })),
    habits: habits.map(({ since: from, lastAt: seenAt, ...seen }) => ({
      ...seen,
      since: iso(from),
      last_at: iso(seenAt),
    })),
    next_probe_at: iso(nextProbeAt),
  };
}

export function destinationDetailRow(detail: DestinationDetail): Row {
  const { history, answers, goodAt, waitingBy, ...view } = detail;
  return {
    ...destinationRow(view),
    good_at: iso(goodAt),
    waiting_by: waitingBy,
    history: history.map(({ at, ...rest }) => ({ at: iso(at), ...rest })),
    answers: answers.map(({ at, ...rest }) => ({ at: iso(at), ...rest })),
  };
}

export function examinationRow(
  {
    domain,
    dest,
    servers,
  }: { readonly domain: string; readonly dest: string; readonly servers: number },
  step: ExaminationStepView,
  now: number,
): Row {
  if (step.kind === 'doing') return { v: 1, kind: 'check-progress', domain, text: step.text };
  const { samplesMs, ...row } = step.row;
  const samples = samplesMs && { samples: samplesMs };
  return { v: 1, kind: 'check', domain, dest, servers, ...row, ...samples, ts: iso(now) };
}

export function alertRow({ kind, since, raisedAt, ...alert }: AlertView): Row {
  return {
    v: 1,
    kind: 'alert',
    alert: kind,
    ...alert,
    since: iso(since),
    raised_at: iso(raisedAt),
  };
}

export function queueHealthRow(
  { queued, held }: { queued: number; held: number },
  oldestAt: number | undefined,
  now: number,
): Row {
  const oldest = oldestAt === undefined ? 0 : seconds(now - oldestAt);
  return { v: 1, kind: 'queue-health', messages: queued, hold: held, oldest };
}

export function recipientRow(recipient: RecipientView): Row {
  const { at, askedAt, ageMs, leftMs, ...rest } = recipient;
  return {
    v: 1,
    kind: 'recipient',
    ...rest,
    at: iso(at),
    ...(askedAt !== undefined && { asked_at: iso(askedAt) }),
    age: seconds(ageMs),
    ...(leftMs !== undefined && { left: seconds(leftMs) }),
  };
}

export function trialRow(address: string, trial: RecipientTrial): Row {
  return { v: 1, kind: 'recipient-test', address, ...trial };
}

/** One page; its last row says where the next one begins, if there is one. */
export function tracePage({ rows, cursor }: TracePage): Row[] {
  const found = rows.map(({ at, remoteId, ...row }) => ({
    v: 1,
    kind: 'trace',
    time: iso(at),
    ...row,
    ...(remoteId !== undefined && { remote_id: remoteId }),
  }));
  return cursor === undefined ? found : [...found, { v: 1, kind: 'cursor', cursor }];
}

/** The same members in the same order as a line of the log. */
export function eventRow({ at, level, evt, fields }: TraceEvent): Row {
  const { ip, ...rest } = fields;
  return {
    v: 1,
    kind: 'event',
    level,
    time: iso(at),
    evt,
    ...(ip !== undefined && { ip }),
    ...rest,
  };
}

export function iso(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms) / 1000);
}

function round(rate: number): number {
  return Math.round(rate * 100) / 100;
}
