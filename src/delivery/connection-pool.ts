/**
 * The connections to destinations: how many there may be, and which wait for the next message. A
 * permit stands for one connection of a destination; with it comes a kept connection when there is
 * one, the one used last, so that the others grow old and go. A kept connection that the peer closes
 * leaves at once. The pool opens nothing itself.
 */
import type { Clock } from '../base/clock.ts';
import { MovingDeadline } from '../base/moving-deadline.ts';
import type { Destination } from '../directory/domain.ts';
import type { SmtpClient } from '../smtp/client.ts';
import { Permits } from './permits.ts';
import type { Origin } from './rate-limits.ts';

/** Servers hang up on silent clients after minutes at the earliest; we leave first. */
const MAX_IDLE_MS = 30_000;
/** So that a destination that returns to its preferred host, or spreads load, gets its way. */
const MAX_TRANSACTIONS = 100;
/** Likewise where mail comes so seldom that the hundredth is hours away, and never late enough to idle. */
const MAX_AGE_MS = 60_000;
/** Postfix slows a client down after 10 errors and hangs up after 20. */
const MAX_REFUSALS = 8;
/** Who waits holds a message in memory or on disk: enough for all sessions of a node. */
const MAX_WAITERS = 5_000;
/** A destination that took no further connection may take one more after so long. */
const ONE_MORE_MS = 60_000;
/** Longer waits mean a destination that cannot keep up: the spool is the better place. */
const WAIT_MS = 30_000;

interface Kept {
  readonly client: SmtpClient;
  /** Domains of one server may ask for different ways to speak to it. */
  readonly way: Pick<Destination, 'tls' | 'login' | 'pool'>;
  readonly since: number;
}

/** Destinations that share a bound. */
interface Group {
  readonly permits: Permits;
  readonly sites: Set<Site>;
}

/** A bound that a destination shares with others. */
export interface SharedBound {
  readonly key: string;
  readonly maxConnections: number;
}

interface Site {
  readonly key: string;
  readonly permits: Permits;
  /** Oldest first. */
  readonly kept: Kept[];
  readonly expiry: MovingDeadline;
  /** The one it was in last. */
  group: Group | undefined;
  /** It took no further connection beside so many; by the monotonic clock. */
  crowd: { readonly open: number; readonly at: number } | undefined;
}

/** Connections of a destination: at work, kept for the next one, and those who wait for one. */
export interface ConnectionCount {
  readonly busy: number;
  readonly kept: number;
  readonly waiting: number;
}

export type Grant =
  | {
      readonly kind: 'granted';
      readonly kept: SmtpClient | undefined;
      /** To be given back with the permit. */
      readonly group: Group | undefined;
    }
  /** The line is full, or the wait took too long. */
  | { readonly kind: 'busy' };

const BUSY: Grant = { kind: 'busy' };

export class ConnectionPool {
  readonly #clock: Clock;
  readonly #bound: ((destination: Destination) => SharedBound | undefined) | undefined;
  readonly #sites = new Map<string, Site>();
  /** As many as the configuration names, and a few of those before a reload. */
  readonly #groups = new Map<string, Group>();
  #stopped = false;

  constructor(clock: Clock, bound?: (destination: Destination) => SharedBound | undefined) {
    this.#clock = clock;
    this.#bound = bound;
  }

  /** A permit, to be given back by `release`. */
  async acquire(
    destination: Destination,
    signal?: AbortSignal,
    origin: Origin = 'session',
  ): Promise<Grant> {
    if (this.#stopped) return BUSY;
    const site = this.#site(destination);
    const taken = site.permits.take(signal, origin);
    if (!(typeof taken === 'boolean' ? taken : await taken)) return BUSY;
    const bound = this.#bound?.(destination);
    const group = bound && this.#group(bound);
    if (group !== undefined && !(await group.permits.take(signal, origin))) {
      site.permits.give();
      this.#forgetIfEmpty(site);
      return BUSY;
    }
    site.group = group;
    group?.sites.add(site);
    const at = site.kept.findLastIndex(({ way }) => isSameWay(way, destination));
    const [kept] = at < 0 ? [] : site.kept.splice(at, 1);
    if (kept !== undefined) {
      kept.client.whenLost(undefined);
      return { kind: 'granted', kept: kept.client, group };
    }
    // A new one must not be one too many beside those that are kept for others.
    const most = this.#most(site, destination);
    const spare = site.permits.taken + site.kept.length > most && site.kept.shift();
    if (spare) await spare.client.quit();
    if (group !== undefined && bound !== undefined) await makeRoom(group, bound.maxConnections);
    return { kind: 'granted', kept: undefined, group };
  }

  /** Gives a permit back, with the connection when it is of further use; else when that has ended. */
  release(
    destination: Destination,
    client: SmtpClient | undefined,
    group: Group | undefined,
  ): void {
    const site = this.#sites.get(destination.key);
    if (site === undefined) throw new Error(`no permit of ${destination.key} is out`);
    const give = () => {
      site.permits.give();
      this.#forgetIfEmpty(site);
      group?.permits.give();
    };
    if (client === undefined || this.#keep(site, client, destination)) give();
    else void client.quit().then(give);
  }

  /** Keeps a connection that was made without a permit, if there is room for it. */
  adopt(destination: Destination, client: SmtpClient): void {
    const site = this.#site(destination);
    const hasRoom = site.permits.taken + site.kept.length < this.#most(site, destination);
    if (!hasRoom || !this.#keep(site, client, destination)) void client.quit();
    this.#forgetIfEmpty(site);
  }

  /** The destination takes no further connection now: who wants one waits for one of those it has. */
  crowded(destination: Destination, open: number): void {
    const site = this.#sites.get(destination.key);
    if (site === undefined) return;
    site.crowd = { open, at: this.#clock.mono() };
    site.permits.resize(this.#most(site, destination));
  }

  view(key: string): ConnectionCount {
    const site = this.#sites.get(key);
    if (site === undefined) return { busy: 0, kept: 0, waiting: 0 };
    const { permits, kept } = site;
    return { busy: permits.taken, kept: kept.length, waiting: permits.waiting };
  }

  /** Says goodbye on all kept connections and sends away who waits. Permits may still come back. */
  stop(): void {
    this.#stopped = true;
    for (const { permits } of this.#groups.values()) permits.stop();
    for (const site of this.#sites.values()) {
      site.permits.stop();
      for (const { client } of site.kept.splice(0)) void client.quit();
      this.#forgetIfEmpty(site);
    }
  }

  #group({ key, maxConnections }: SharedBound): Group {
    const known = this.#groups.get(key);
    if (known !== undefined) {
      known.permits.resize(maxConnections);
      return known;
    }
    const limits = { permits: maxConnections, waiters: MAX_WAITERS, waitMs: WAIT_MS };
    const group: Group = { permits: new Permits(this.#clock, limits), sites: new Set() };
    this.#groups.set(key, group);
    return group;
  }

  #site(destination: Destination): Site {
    const known = this.#sites.get(destination.key);
    if (known !== undefined) {
      known.permits.resize(this.#most(known, destination));
      return known;
    }
    const permits = new Permits(this.#clock, {
      permits: destination.maxConnections,
      waiters: MAX_WAITERS,
      waitMs: WAIT_MS,
    });
    const kept: Kept[] = [];
    const expiry = new MovingDeadline(this.#clock, () => this.#expire(site));
    const site: Site = {
      key: destination.key,
      permits,
      kept,
      expiry,
      group: undefined,
      crowd: undefined,
    };
    this.#sites.set(destination.key, site);
    return site;
  }

  /** Connections that it may have now. */
  #most({ crowd }: Site, { maxConnections }: Destination): number {
    if (crowd === undefined) return maxConnections;
    const more = Math.floor((this.#clock.mono() - crowd.at) / ONE_MORE_MS);
    return Math.min(crowd.open + more, maxConnections);
  }

  /** Whether it is of further use. */
  #keep(site: Site, client: SmtpClient, way: Kept['way']): boolean {
    const now = this.#clock.mono();
    const worn =
      client.transactions >= MAX_TRANSACTIONS ||
      client.refusals >= MAX_REFUSALS ||
      now - client.openedAt >= MAX_AGE_MS;
    if (worn || this.#stopped || client.lost !== undefined) return false;
    const kept = { client, way, since: now };
    client.whenLost(() => {
      const at = site.kept.indexOf(kept);
      if (at >= 0) site.kept.splice(at, 1);
      this.#forgetIfEmpty(site);
    });
    if (site.kept.push(kept) === 1) site.expiry.set(MAX_IDLE_MS);
    return true;
  }

  #expire(site: Site): void {
    const now = this.#clock.mono();
    for (let oldest = site.kept[0]; oldest !== undefined; oldest = site.kept[0]) {
      const left = oldest.since + MAX_IDLE_MS - now;
      if (left > 0) {
        site.expiry.set(left);
        return;
      }
      site.kept.shift();
      void oldest.client.quit();
    }
    this.#forgetIfEmpty(site);
  }

  #forgetIfEmpty(site: Site): void {
    if (!site.permits.isIdle || site.kept.length > 0) return;
    site.expiry.stop();
    site.permits.stop();
    this.#sites.delete(site.key);
    site.group?.sites.delete(site);
  }
}

/** Connections that are kept for later count too: the ones kept longest go for one that is needed. */
async function makeRoom({ permits, sites }: Group, maxConnections: number): Promise<void> {
  const kept = [...sites].flatMap((site) => site.kept.map((one) => ({ site, one })));
  const tooMany = permits.taken + kept.length - maxConnections;
  kept.sort((a, b) => a.one.since - b.one.since);
  const left = kept.slice(0, Math.max(0, tooMany)).map(({ site, one }) => {
    site.kept.splice(site.kept.indexOf(one), 1);
    return one.client.quit();
  });
  await Promise.all(left);
}

/** Who has logged in stays so: such a connection is for nobody else. */
function isSameWay(a: Kept['way'], b: Kept['way']): boolean {
  return a.tls === b.tls && a.login === b.login && a.pool === b.pool;
}
