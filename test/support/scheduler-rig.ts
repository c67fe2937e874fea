/**
 * The scheduler with everything around it made up: a clock that stands still, the spool in memory,
 * and destinations that answer what the test says.
 */
import { HealthBook } from '../../src/delivery/destination-health.ts';
import type { SchedulerOptions, SchedulerPolicy } from '../../src/delivery/scheduler.ts';
import { isFanOut } from '../../src/delivery/route.ts';
import { Scheduler } from '../../src/delivery/scheduler.ts';
import { partedDestination } from '../../src/directory/destination.ts';
import type { Destination } from '../../src/directory/domain.ts';
import { memoryContent } from '../../src/mail/content.ts';
import type { Recipient } from '../../src/mail/envelope.ts';
import type { SpooledRecipient, SpoolEntry } from '../../src/mail/spool-entry.ts';
import type { SpoolStore } from '../../src/store/spool-store.ts';
import type { MemorySpoolOptions } from '../../src/store/memory/spool.ts';
import { MemoryDisk, MemorySpool } from '../../src/store/memory/spool.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCourier } from './fake-courier.ts';
import { RecordedLog } from './recorded-log.ts';

export const MINUTE = 60_000;

export interface RigOptions {
  /** Domain to destination key; domains not named are not served. */
  readonly domains?: Readonly<Record<string, string>>;
  readonly maxConnections?: number;
  readonly policy?: Partial<SchedulerPolicy>;
  readonly disk?: MemoryDisk;
  /** In place of the spool in memory. */
  readonly spool?: SpoolStore;
  readonly clock?: FakeClock;
  readonly log?: RecordedLog;
  readonly fault?: NonNullable<MemorySpoolOptions['fault']>;
  readonly scheduler?: Partial<SchedulerOptions>;
}

export class SchedulerRig {
  readonly clock: FakeClock;
  readonly log: RecordedLog;
  readonly disk: MemoryDisk;
  readonly spool: SpoolStore;
  readonly health: HealthBook;
  readonly courier: FakeCourier;
  readonly scheduler: Scheduler;
  storeFailures = 0;
  probeMs = 30_000;
  /** Of domains that have their own. */
  lifetimes: Readonly<Record<string, number>> = {};
  domains: Readonly<Record<string, string>>;
  policy: SchedulerPolicy;
  #mails = 0;

  constructor(options: RigOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.log = options.log ?? new RecordedLog();
    this.disk = options.disk ?? new MemoryDisk();
    this.domains = options.domains ?? { 'a.test': 'A' };
    this.policy = {
      retryMs: [MINUTE, 5 * MINUTE, 10 * MINUTE],
      lifetimeMs: 5 * 24 * 60 * MINUTE,
      delayWarningMs: null,
      ...options.policy,
    };
    const { clock, disk } = this;
    this.spool =
      options.spool ??
      new MemorySpool({
        clock,
        disk,
        ...(options.fault !== undefined && { fault: options.fault }),
      });
    this.health = new HealthBook(
      clock,
      ({ key, before, now }) => {
        if (before?.state === 'down' && now.state !== 'down') this.scheduler.recovered(key);
      },
      (key) => this.scheduler.doubted(key),
    );
    this.courier = new FakeCourier(clock, this.health);
    const maxConnections = options.maxConnections ?? 20;
    this.scheduler = new Scheduler({
      store: this.spool,
      courier: this.courier,
      health: this.health,
      clock,
      log: this.log,
      route: (domain) =>
        isFanOut(domain)
          ? partedDestination(domain)
          : destination(this.domains[domain], maxConnections),
      hosted: (domain) => (domain in this.domains ? domain : undefined),
      policy: (dest) => {
        const lifetimeMs = this.lifetimes[dest] ?? this.policy.lifetimeMs;
        return { ...this.policy, lifetimeMs };
      },
      probeMs: () => this.probeMs,
      onStoreFailure: () => {
        this.storeFailures += 1;
      },
      spread: () => 1,
      ...options.scheduler,
    });
  }

  /** Commits one message and tells the scheduler of it; answers its id. */
  async mail(to: readonly string[], changes: Partial<SpoolEntry> = {}): Promise<string> {
    const { entry, bytes } = this.entry(to, changes);
    await this.spool.commit(entry, this.clock.now(), memoryContent([bytes]));
    this.scheduler.wake(entry.dest);
    return entry.id;
  }

  /** Commits one message without a word to anybody. */
  async mailDueIn(to: readonly string[], ms: number) {
    const made = this.entry(to);
    await this.spool.commit(made.entry, this.clock.now() + ms, memoryContent([made.bytes]));
    return made;
  }

  entry(to: readonly string[], changes: Partial<SpoolEntry> = {}) {
    this.#mails += 1;
    const now = this.clock.now();
    const bytes = Buffer.from(`Subject: mail ${this.#mails}\r\n\r\nbody\r\n`);
    const entry: SpoolEntry = {
      v: 1,
      id: `${String(this.#mails).padStart(10, '0')}.1`,
      dest: to[0]?.split('@')[1] ?? '',
      direction: 'in',
      reversePath: { local: 'sender', domain: 'far.test' },
      parameters: {},
      recipients: to.map(recipient),
      sizeBytes: bytes.length,
      queuedAt: now,
      expiresAt: now + this.policy.lifetimeMs,
      attempts: 0,
      senderProven: false,
      maybeDelivered: false,
      client: { address: '192.0.2.1', hello: 'far.test' },
      ...changes,
    };
    return { entry, bytes };
  }

  /** Minutes since `from` at which deliveries began. */
  minutesOf(id: string, from: number): number[] {
    return this.courier.begun
      .filter((delivery) => delivery.id === id)
      .map(({ at }) => (at - from) / MINUTE);
  }

  async entries(): Promise<SpoolEntry[]> {
    return (await this.spool.scan({ limit: 100_000 })).map(({ entry }) => entry);
  }
}

export function recipient(address: string): SpooledRecipient & Recipient {
  const [local = '', domain = ''] = address.split('@');
  return { address: { local, domain }, parameters: {} };
}

export function destination(
  key: string | undefined,
  maxConnections: number,
): Destination | undefined {
  if (key === undefined) return undefined;
  const hosts = [{ host: key.toLowerCase(), port: 25, priority: 0 }];
  return { key, hosts, tls: 'off', maxConnections };
}
