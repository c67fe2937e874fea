/**
 * The delivery side put together: courier, destination health, scheduler, and the recipient memory
 * whose clock stands still while a destination is down. A change of health is told to all of them.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Ids } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { Courier } from '../delivery/courier.ts';
import { createCourier } from '../delivery/courier.ts';
import type { HealthChange } from '../delivery/destination-health.ts';
import { HealthBook } from '../delivery/destination-health.ts';
import { HealthNotes } from '../delivery/health-notes.ts';
import { RateLimits } from '../delivery/rate-limits.ts';
import type { Reports } from '../delivery/reports.ts';
import { createReports } from '../delivery/reports.ts';
import { Scheduler } from '../delivery/scheduler.ts';
import type { Directory } from '../directory/domain.ts';
import { probeMsOf } from '../directory/queue-policy.ts';
import { OutageClock } from '../pipeline/outage-clock.ts';
import { RecipientLessons } from '../pipeline/recipient-lessons.ts';
import { RecipientMemory } from '../pipeline/recipient-memory.ts';
import type { LevelStore } from '../store/leveldb/store.ts';

export interface DeliveryOptions {
  readonly store: LevelStore;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
  /** Both as in force now. */
  readonly config: () => Config;
  readonly directory: () => Directory;
  readonly onStoreFailure: () => void;
}

export interface DeliveryParts {
  readonly memory: RecipientMemory;
  readonly lessons: RecipientLessons;
  readonly health: HealthBook;
  readonly courier: Courier;
  readonly reports: Reports;
  readonly scheduler: Scheduler;
  readonly rates: RateLimits;
  /** Reads what is remembered of destinations; before the scheduler starts. */
  remember(): Promise<void>;
}

/** Of a destination that serves many; `sluice destination list` has them all. */
const NAMED_DOMAINS = 20;

export function buildDelivery(options: DeliveryOptions): DeliveryParts {
  const { store, ids, clock, log, config, directory } = options;
  const hostname = () => config().hostname;
  const queueOf = (dest: string) => ({ ...config().queue, ...directory().find(dest)?.queue });
  const rates = new RateLimits(clock);
  const outages = new OutageClock(store.ttl, clock);
  const memory = new RecipientMemory({
    map: store.ttl,
    outages,
    clock,
    onFull: (dest) => log.emit('rcpt.full', { dest, domains: domainsOf(directory(), dest) }),
  });
  const lessons = new RecipientLessons(memory, log);
  const notes = new HealthNotes(store.ttl);
  const health: HealthBook = new HealthBook(clock, (change) => {
    logHealth(log, clock, change, domainsOf(directory(), change.key));
    const { key, before, now } = change;
    const note = health.note(key);
    Promise.all([
      now.state === 'down' ? outages.down(key) : outages.up(key),
      note && notes.keep(note),
    ]).catch((error: unknown) => log.emit('store.error', { dest: key, err: errorText(error) }));
    if (before?.state === 'down') scheduler.recovered(key);
    // Its probes begin now, not when somebody happens to look.
    if (now.state === 'down') scheduler.wake();
  });
  const courier = createCourier({ hostname, clock, log, health });
  const reports = createReports({
    store: store.spool,
    ids,
    clock,
    log,
    hostname,
    lifetimeMs: (dest) => queueOf(dest).lifetimeMs,
    hosted: (domain) => directory().find(domain)?.name,
    wake: (dest) => scheduler.wake(dest),
  });
  const scheduler: Scheduler = new Scheduler({
    store: store.spool,
    courier,
    health,
    clock,
    log,
    reports,
    route: (domain) => directory().find(domain)?.destination,
    destinations: () => directory().domains.map((domain) => domain.destination),
    policy: (dest) => ({
      ...queueOf(dest),
      finalReplyTimeoutMs: config().delivery.finalReplyTimeoutMs,
    }),
    probeMs: (key) =>
      probeMsOf(
        config().queue,
        directory().domains.filter(({ destination }) => destination.key === key),
      ),
    rates,
    onStoreFailure: options.onStoreFailure,
    learn: (dest, address, outcome) => {
      const domain = directory().find(address.domain) ?? directory().find(dest);
      if (domain !== undefined) lessons.outcome(domain, address, outcome);
    },
  });
  const remember = async () => {
    await outages.start();
    health.restore(await notes.load());
  };
  return { memory, lessons, health, courier, reports, scheduler, rates, remember };
}

/** A destination that goes down or comes back: the alert of the operators. */
function logHealth(
  log: Log,
  clock: Clock,
  { key, before, now }: HealthChange,
  domains: readonly string[],
): void {
  const whose = { dest: key, domains: domains.slice(0, NAMED_DOMAINS) };
  if (now.state === 'down') {
    log.emit('dest.down', { ...whose, fails: now.fails, text: now.lastText });
  } else if (before?.state === 'down') {
    const downSeconds = Math.round((clock.now() - before.since) / 1000);
    log.emit('dest.up', { ...whose, down: downSeconds });
  }
}

function domainsOf({ domains }: Directory, key: string): string[] {
  return domains.filter(({ destination }) => destination.key === key).map(({ name }) => name);
}
