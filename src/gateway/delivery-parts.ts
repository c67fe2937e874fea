/**
 * The delivery side put together: courier, destination health, scheduler, and the recipient memory
 * whose clock stands still while a destination is down. A change of health is told to all of them.
 */
import type { Clock } from '../base/clock.ts';
import { secondsSince } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Ids } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { BackOff } from '../delivery/back-off.ts';
import type { Courier } from '../delivery/courier.ts';
import { createCourier } from '../delivery/courier.ts';
import type { HealthChange } from '../delivery/destination-health.ts';
import { HealthBook } from '../delivery/destination-health.ts';
import { DestinationHolds } from '../delivery/destination-holds.ts';
import { HealthNotes } from '../delivery/health-notes.ts';
import type { Happening } from '../delivery/happening.ts';
import { Hindrances } from '../delivery/hindrances.ts';
import type { RateLimits } from '../delivery/rate-limits.ts';
import type { FindExchangers } from '../delivery/remote-hosts.ts';
import type { Reports } from '../delivery/reports.ts';
import { createReports } from '../delivery/reports.ts';
import { destinationOf } from '../delivery/route.ts';
import { Scheduler } from '../delivery/scheduler.ts';
import { LdapRecipients } from '../directory/ldap/recipients.ts';
import type { Destination, Directory } from '../directory/domain.ts';
import { probeMsOf } from '../directory/queue-policy.ts';
import type { RecordWatch } from '../dkim/record-watch.ts';
import type { OwnListings } from '../dns/own-listings.ts';
import type { FilterResolver, Resolver } from '../dns/resolver.ts';
import type { SystemResolverOptions } from '../dns/system-resolver.ts';
import { homeLane, isRedirected } from '../mail/redirection.ts';
import { isRemote } from '../mail/remote-lane.ts';
import { domainOfLane, isOneOfSplit } from '../mail/split-lane.ts';
import { OutageClock } from '../pipeline/outage-clock.ts';
import { DestinationHabits } from '../pipeline/destination-habits.ts';
import { RecipientLessons } from '../pipeline/recipient-lessons.ts';
import { RecipientMemory } from '../pipeline/recipient-memory.ts';
import { RecipientVerifier } from '../pipeline/recipients.ts';
import type { LevelStore } from '../store/leveldb/store.ts';
import { buildRemote } from './remote-parts.ts';

export interface DeliveryOptions {
  readonly store: LevelStore;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
  /** Both as in force now. */
  readonly config: () => Config;
  readonly directory: () => Directory;
  readonly onStoreFailure: () => void;
  /** Hears of each question for the DNS. */
  readonly onAnswer: SystemResolverOptions['onAnswer'];
  /** A destination that was down answers again, or a hold is over. */
  readonly onBack: () => void;
  readonly happened: (one: Happening) => void;
  readonly remote?: RemoteServers | undefined;
}

/** Where the mail servers of others are found; a seam for tests. */
export interface RemoteServers {
  readonly port: number;
}

export interface DeliveryParts {
  readonly memory: RecipientMemory;
  readonly ldap: LdapRecipients;
  readonly verifier: RecipientVerifier;
  readonly habits: DestinationHabits;
  readonly lessons: RecipientLessons;
  readonly health: HealthBook;
  readonly hindrances: Hindrances;
  readonly courier: Courier;
  readonly reports: Reports;
  readonly scheduler: Scheduler;
  readonly rates: RateLimits;
  readonly happened: (one: Happening) => void;
  /** Who takes mail for a domain that is not hosted here. */
  readonly exchangers: FindExchangers;
  readonly backOff: BackOff;
  readonly resolver: Resolver;
  /** For what is looked up from time to time and must be new. */
  readonly uncached: FilterResolver;
  /** Of the keys that sign. */
  readonly records: RecordWatch;
  /** Our addresses on block lists. */
  readonly listings: OwnListings;
  /** Signatures of the gateway's own mail. */
  readonly signOwn: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly holds: DestinationHolds;
  /** Nothing can be handed over now: the destination is down, or an operator holds the lane. */
  readonly isClosed: (lane: string, destination: Destination) => boolean;
  /** Another configuration than that of `before` is in force. */
  rerouted(before: Directory): void;
  /** Reads what is remembered of destinations; before the scheduler starts. */
  remember(): Promise<void>;
}

/** Servers that nobody configured are asked after so many first waits whether they are back. */
const REMOTE_WAITS = 5;
/** Of a destination that serves many; `sluice destination list` has them all. */
const NAMED_DOMAINS = 20;

export function buildDelivery(options: DeliveryOptions): DeliveryParts {
  const { store, ids, clock, log, config, directory, onBack } = options;
  const hostname = () => config().hostname;
  const queueOf = (lane: string) => {
    return { ...config().queue, ...directory().find(homeLane(lane))?.queue };
  };
  const hosted = (domain: string) => directory().find(domain)?.name;
  const remote = buildRemote(options);
  const { resolver, exchangers, sources, providers, backOff, rates, records, signOwn, listings } =
    remote;
  const outages = new OutageClock(store.ttl, clock);
  const onStoreFault = (error: unknown) => {
    log.emit('store.error', { err: errorText(error) });
  };
  const memory = new RecipientMemory({
    map: store.ttl,
    outages,
    clock,
    onFull: (dest) => log.emit('rcpt.full', { dest, domains: domainsOf(directory(), dest) }),
  });
  const ldap = new LdapRecipients({
    clock,
    log,
    directory,
    onChange: (key, isDown) => {
      const noted = isDown ? outages.down(key) : outages.up(key);
      noted.catch(onStoreFault);
      if (!isDown) onBack();
    },
  });
  const notes = new HealthNotes(store.ttl);
  const remembered = async ({ key, now }: HealthChange) => {
    // Nothing is remembered of servers that nobody configured: there is no end of them.
    if (isRemote(key) || isRedirected(key)) return;
    const outage = now.state === 'down' ? outages.down(key) : outages.up(key);
    const note = health.note(key);
    const held = domainsOf(directory(), key).map((domain) => stopForHold(domain));
    await Promise.all([outage, note === undefined ? undefined : notes.keep(note), ...held]);
  };
  /** While a domain's mail is held its destination is not asked, as in an outage. */
  const stopForHold = async (name: string) => {
    const domain = directory().find(name);
    const isAsked = domain?.recipients.kind === 'callout' && !health.isDown(domain.destination.key);
    await outages.holds(name, isAsked && holds.of(name) !== undefined);
  };
  const health: HealthBook = new HealthBook(
    clock,
    (change) => {
      logHealth(log, clock, change, namedDomainsOf(directory(), change.key));
      const { key, before } = change;
      remembered(change).catch((error: unknown) =>
        log.emit('store.error', { dest: key, err: errorText(error) }),
      );
      if (before?.state === 'down') {
        scheduler.recovered(key);
        onBack();
      }
    },
    (key) => scheduler.doubted(key),
  );
  const hindrances = new Hindrances({
    map: store.ttl,
    clock,
    log,
    domains: (key) => namedDomainsOf(directory(), key),
  });
  const courier = createCourier({
    hostname,
    clock,
    log,
    health,
    hindrances,
    exchangers,
    ...{ sources, providers, backOff },
    remotePort: options.remote?.port,
  });
  const habits = new DestinationHabits({ map: store.ttl, courier, clock, log });
  const lessons = new RecipientLessons({ memory, habits, log });
  const reports = createReports({
    store: store.spool,
    sign: signOwn,
    ids,
    clock,
    log,
    hostname,
    lifetimeMs: (dest) => queueOf(dest).lifetimeMs,
    hosted,
    language: (dest) => directory().find(dest)?.reportLanguage ?? 'auto',
    texts: () => config().reports,
    wake: (dest) => scheduler.wake(dest),
  });
  const isPaused = (lane: string) => {
    const destination = backOff.isOn ? destinationOf(directory(), lane) : undefined;
    return destination !== undefined && backOff.waitMs(destination) > 0;
  };
  const scheduler: Scheduler = new Scheduler({
    store: store.spool,
    courier,
    health,
    clock,
    log,
    reports,
    happened: options.happened,
    route: (lane) => destinationOf(directory(), lane),
    hosted,
    locate: async (name, address, of) => {
      const domain = directory().find(name);
      if (domain === undefined) return { kind: 'unsure', text: 'not served here' };
      return verifier.locate(domain, address, of);
    },
    destinations: () => directory().routes.map((domain) => domain.destination),
    policy: queueOf,
    probeMs: (key) => {
      const { queue } = config();
      if (isRemote(key)) return (queue.retryMs[0] ?? 0) * REMOTE_WAITS;
      return probeMsOf(queue, directory().servedBy(key));
    },
    rates,
    isHeld: (lane) => holds.of(domainOfLane(lane)) !== undefined || isPaused(lane),
    onStoreFailure: options.onStoreFailure,
    learn: (dest, address, outcome) => {
      const named = isOneOfSplit(dest) ? undefined : directory().find(address.domain);
      const domain = named ?? directory().find(dest);
      if (domain !== undefined) lessons.outcome(domain, address, outcome);
    },
  });
  const holds: DestinationHolds = new DestinationHolds({
    store: store.spool,
    clock,
    log,
    onChange: (domain) => {
      stopForHold(domain).catch(onStoreFault);
    },
    onEnd: (domain) => {
      scheduler.resumed(domain);
      for (const { lane } of directory().find(domain)?.split ?? []) scheduler.resumed(lane);
      onBack();
    },
    onFault: onStoreFault,
  });
  const remember = async () => {
    holds.start();
    await outages.start();
    await habits.start();
    await hindrances.start();
    await records.start();
    await sources.start();
    health.restore(await notes.load());
    // A hold may have ended, or begun, right before the restart.
    for (const { name } of directory().domains) await stopForHold(name);
  };
  const isClosed = (lane: string, { key }: Destination) =>
    holds.of(domainOfLane(lane)) !== undefined || health.isDown(key);
  const verifier = new RecipientVerifier({ memory, ldap, habits, courier, isClosed, clock, log });
  return {
    memory,
    ldap,
    habits,
    lessons,
    health,
    hindrances,
    courier,
    reports,
    scheduler,
    rates,
    happened: options.happened,
    holds,
    isClosed,
    verifier,
    exchangers,
    backOff,
    resolver,
    ...{ records, listings, uncached: remote.uncached },
    signOwn,
    rerouted: (before) => {
      records.look();
      scheduler.rerouted((lane) => destinationOf(before, lane));
      onBack();
    },
    remember,
  };
}

/** A destination that goes down or comes back: the alert of the operators. */
function logHealth(
  log: Log,
  clock: Clock,
  { key, before, now }: HealthChange,
  domains: readonly string[],
): void {
  // Servers of others that are gone are the business of others.
  const level = isRemote(key) ? 'debug' : undefined;
  const whose = { dest: key, domains };
  if (now.state === 'down') {
    log.emit('dest.down', { ...whose, fails: now.fails, text: now.lastText }, level);
  } else if (before?.state === 'down') {
    const downSeconds = Math.round(secondsSince(before.since, clock.now()));
    log.emit('dest.up', { ...whose, down: downSeconds }, level);
  }
}

/** What an event names of the domains that a destination serves. */
function namedDomainsOf(directory: Directory, key: string): string[] {
  return directory
    .servedBy(key)
    .slice(0, NAMED_DOMAINS)
    .map(({ name }) => name);
}

function domainsOf(directory: Directory, key: string): string[] {
  return directory.servedBy(key).map(({ name }) => name);
}
