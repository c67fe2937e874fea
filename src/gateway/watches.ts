/**
 * What the gateway looks after by itself beside the mail that comes and goes: directories of
 * recipients, holds of operators that end, held mail that may go when its destination is back or is
 * told of to its customer, what filters keep, and alerts.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Alerts } from '../alerts/alerts.ts';
import type { Present } from '../alerts/conditions.ts';
import { SendingNotices } from '../alerts/sending-notices.ts';
import { ArchiveFiles } from '../archive/archive-files.ts';
import { Archive } from '../archive/archive.ts';
import { Resend } from '../archive/resend.ts';
import type { CaughtMailOptions } from '../alerts/caught-mail.ts';
import { CaughtMail } from '../alerts/caught-mail.ts';
import { HeldMail } from '../alerts/held-mail.ts';
import type { Target } from '../alerts/targets.ts';
import { command, mail, webhook } from '../alerts/targets.ts';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Ids } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { ScannerView } from '../control/gateway-view.ts';
import { hindranceAdvice } from '../delivery/hindrance-words.ts';
import { OwnMail } from '../delivery/own-mail.ts';
import { destinationOf, laneName, laneTo } from '../delivery/route.ts';
import { TimedHolds } from '../delivery/timed-holds.ts';
import { parseAddress } from '../mail/address.ts';
import { homeLane } from '../mail/redirection.ts';
import type { SharedNetworks } from '../outbound/shared-networks.ts';
import type { Generation } from '../pipeline/generation.ts';
import { OutageHolds } from '../pipeline/outage-holds.ts';
import type { ReleaseRequest } from '../pipeline/release-requests.ts';
import { UnjudgedWatch } from '../pipeline/unjudged-watch.ts';
import { Quarantine } from '../quarantine/quarantine.ts';
import { openLevelRecords } from '../store/leveldb/record-store.ts';
import type { LevelStore } from '../store/leveldb/store.ts';
import type { Trace } from '../records/trace-book.ts';
import { AlertReads } from './alert-reads.ts';
import { busiestOf } from './busiest.ts';
import type { DeliveryParts } from './delivery-parts.ts';
import { customerOf, Lessons } from './lessons.ts';
import type { OutgoingParts } from './outgoing-parts.ts';
import { markedMessage, releaseMark } from './release-mark.ts';

export interface WatchedParts {
  readonly store: LevelStore;
  /** The data folder. */
  readonly folder: string;
  readonly ids: Ids;
  readonly version: string;
  /** See `login-secret.ts`. */
  readonly saltSecret: string;
  readonly delivery: DeliveryParts;
  readonly scanners: () => readonly ScannerView[];
  readonly outgoing: Pick<OutgoingParts, 'locks' | 'sharedNetworks'>;
  readonly trace: Pick<Trace, 'search'>;
  readonly config: () => Config;
  readonly generation: () => Generation;
  readonly clock: Clock;
  readonly log: Log;
}

export class Watches {
  readonly #parts: WatchedParts;
  readonly #reads: AlertReads;
  readonly #outageHolds: OutageHolds;
  readonly #unjudged: UnjudgedWatch;
  readonly #own: OwnMail;
  readonly #heldMail: HeldMail;
  /** Mail of customers that filters keep back. */
  readonly caught: CaughtMail;
  readonly sending: SendingNotices;
  /** What people look at. */
  readonly views: {
    readonly alerts: Alerts;
    readonly quarantine: Quarantine;
    readonly lessons: Lessons;
    readonly archive: Archive;
    readonly resend: Resend;
    readonly sharedNetworks: Pick<SharedNetworks, 'lost'>;
    readonly timedHolds: TimedHolds;
    readonly reads: Pick<AlertReads, 'unread'>;
  };

  constructor(parts: WatchedParts) {
    const { store, ids, delivery, config, generation, clock, log } = parts;
    const directory = () => generation().directory;
    this.#parts = parts;
    this.#reads = new AlertReads({ ...parts, ...parts.outgoing, spool: store.spool, directory });
    const hostname = () => config().hostname;
    const lifetimeMs = (lane: string) =>
      ({ ...config().queue, ...directory().find(homeLane(lane))?.queue }).lifetimeMs;
    const wake = (lane: string) => delivery.scheduler.wake(lane);
    const onFault = (error: unknown) => log.emit('store.error', { err: errorText(error) });
    this.#outageHolds = new OutageHolds({
      store: store.spool,
      verifier: delivery.verifier,
      directory,
      isClosed: (lane) => {
        const destination = destinationOf(directory(), lane);
        return destination === undefined || delivery.isClosed(lane, destination);
      },
      lifetimeMs,
      wake,
      clock,
      log,
      onFault,
    });
    this.#unjudged = new UnjudgedWatch({
      ...{ store: store.spool, generation, lifetimeMs, wake, clock, log, onFault },
      isDown: (filter) => parts.scanners().some(({ name, up }) => name === filter && !up),
      onUnverified: () => this.#outageHolds.look(),
      records: delivery.records,
      caught: (entry, { account: name, identity }, domain, why) => {
        this.caught.caught(entry.id);
        const account = domain.outgoing.accounts.find((one) => one.name === name);
        if (account === undefined || (why !== 'spam' && why !== 'virus')) return;
        parts.outgoing.locks.strike(account, identity, why).catch(onFault);
      },
    });
    const keepMs = () => config().quarantine.keepMs;
    const kept = { store: store.spool, keepMs, lifetimeMs, wake, clock, log };
    const quarantine = new Quarantine(kept);
    this.#own = new OwnMail({
      sign: delivery.signOwn,
      ...{ store: store.spool, ids, clock, log, hostname, lifetimeMs, wake },
      hosted: (domain) => directory().find(domain)?.name,
    });
    this.#heldMail = new HeldMail({
      ...{ store: store.spool, map: store.ttl, own: this.#own, hostname, clock, log },
      domainOf: (entry) => customerOf(directory(), entry),
    });
    this.sending = new SendingNotices({
      ...{ map: store.ttl, own: this.#own, directory, hostname, clock, log },
      texts: () => config().notices,
      busiest: (domain) => busiestOf(parts.trace, clock, domain),
    });
    this.caught = new CaughtMail({
      requests: (id) => this.#requests(id),
      ...{ store: store.spool, kept: quarantine, own: this.#own, keepMs, clock, log },
      version: parts.version,
      domainOf: (entry) => customerOf(directory(), entry),
    });
    const alerts = new Alerts({
      map: store.ttl,
      present: () => this.#present(),
      settings: () => config().alerts,
      targets: () => this.#targets(),
      node: hostname,
      clock,
      log,
    });
    const lessons = new Lessons({ quarantine, generation, clock, log });
    const archive = openArchive(parts);
    const hosted = (domain: string) => directory().find(domain)?.name;
    const resend = new Resend({
      ...{ archive, store: store.spool, map: store.ttl, ids, lifetimeMs, wake, clock, log },
      laneTo: (recipients, sender) => laneTo(hosted, recipients, sender),
    });
    const { sharedNetworks } = parts.outgoing;
    const timedHolds = new TimedHolds({
      ...{ store: store.spool, lifetimeMs, wake, clock, log, onFault },
    });
    const reads = this.#reads;
    this.views = {
      alerts,
      quarantine,
      lessons,
      archive,
      resend,
      sharedNetworks,
      timedHolds,
      reads,
    };
  }

  async start(): Promise<void> {
    this.#parts.delivery.ldap.start();
    this.#parts.delivery.listings.start();
    this.#outageHolds.start();
    this.#unjudged.start();
    this.#heldMail.start();
    this.caught.start();
    this.views.timedHolds.start();
    this.views.archive.start();
    await this.#parts.outgoing.sharedNetworks.start();
    await this.views.alerts.start();
  }

  /** Mail of a destination that was down or held may go again. */
  back(): void {
    this.#outageHolds.look();
  }

  /** Mail has come that waits for filters. */
  unjudged(): void {
    this.#unjudged.note();
  }

  /** A customer may ask for mail in the quarantine. */
  async asked({ subject, ...request }: ReleaseRequest): Promise<void> {
    const id = markedMessage(this.#parts.saltSecret, subject);
    if (id !== undefined) await this.views.quarantine.ask(id, request);
  }

  /** Another configuration is in force. */
  reloaded(): void {
    this.filtersBack();
    this.#parts.outgoing.sharedNetworks.look();
  }

  /** Filters that were down answer again, or others are in force. */
  filtersBack(): void {
    this.#unjudged.look();
  }

  /** Before the deliveries stop, and the store closes. */
  async stop(): Promise<void> {
    const { holds, ldap, records, listings } = this.#parts.delivery;
    holds.stop();
    records.stop();
    listings.stop();
    await ldap.stop();
    await Promise.all([
      this.#outageHolds.stop(),
      this.#unjudged.stop(),
      this.#heldMail.stop(),
      this.views.timedHolds.stop(),
      this.caught.stop(),
      this.sending.stop(),
      this.#parts.outgoing.sharedNetworks.stop(),
      this.views.archive.stop(),
      this.views.alerts.stop(),
    ]);
  }

  #requests(id: string): ReturnType<CaughtMailOptions['requests']> {
    const { config, saltSecret } = this.#parts;
    const to = parseAddress(config().quarantine.requests ?? '');
    return to.ok ? { to: to.value, mark: releaseMark(saltSecret, id) } : undefined;
  }

  #targets(): readonly Target[] {
    const { config, clock } = this.#parts;
    const { alerts } = config();
    return [
      ...(alerts.webhook === undefined ? [] : [webhook(alerts.webhook, clock)]),
      ...(alerts.command === undefined ? [] : [command(alerts.command, clock)]),
      ...(alerts.mail === undefined ? [] : [mail(alerts.mail, this.#own)]),
    ];
  }

  async #present(): Promise<Present> {
    const { store, delivery, outgoing, scanners, generation, clock } = this.#parts;
    const waiting = new Map(store.spool.backlog().map(({ dest, messages }) => [dest, messages]));
    const byKey = Map.groupBy(generation().directory.routes, ({ destination }) => destination.key);
    return {
      ...(await this.#reads.look()),
      now: clock.now(),
      destinations: [...byKey].map(([key, domains]) => {
        const health = delivery.health.view(key);
        return {
          key,
          domains: domains.map(({ name }) => name),
          downSince: health?.state === 'down' ? health.since : undefined,
          text: health?.lastText ?? '',
          waiting: domains.reduce((sum, { lane }) => sum + (waiting.get(lane) ?? 0), 0),
          hindrances: delivery.hindrances.of(key).map(({ habit, since, evidence }) => {
            return { since, text: `${hindranceAdvice(habit)} (last: ${evidence})` };
          }),
        };
      }),
      waiting: store.spool.totals().queued,
      damaged: store.spool
        .damagedDests()
        .map(({ dest, since }) => ({ dest: laneName(dest), since })),
      oldestHeld: this.#heldMail.oldest(),
      disk: await store.room.look(),
      minFreeBytes: this.#parts.config().limits.minFreeSpaceBytes,
      scanners: scanners(),
      ldap: delivery.ldap.states(),
      listings: delivery.listings.listings,
      lostRecords: outgoing.sharedNetworks.lost(),
    };
  }
}

function openArchive({ store, folder, config, clock, log }: WatchedParts): Archive {
  const place = join(folder, 'archive');
  return new Archive({
    files: new ArchiveFiles(join(place, 'mail')),
    openIndex: async () => {
      const index = join(place, 'index');
      await mkdir(index, { recursive: true, mode: 0o700 });
      const onDamage = (day: string, text: string) => log.emit('archive.error', { day, err: text });
      return openLevelRecords({ folder: index, clock, onDamage });
    },
    keepMs: () => config().archive.keepMs,
    admit: store.admit,
    ...{ clock, log },
  });
}
