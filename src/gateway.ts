/**
 * The composition root: builds every part of the gateway from its configuration and owns its life:
 * start, reload, drain and stop. Reads top to bottom as the order of things: store before scanners
 * before listeners, and the other way round at the end. Nothing else in the program knows all parts.
 */
import { join } from 'node:path';
import type { Clock } from './base/clock.ts';
import { isOutOfRoom } from './base/disk-room.ts';
import { CodedError } from './base/errors.ts';
import { openIdMark } from './base/id-mark.ts';
import { DurableIds } from './base/ids.ts';
import type { Config } from './config/config.ts';
import type { GatewayState, ListenerView, ReloadResult } from './control/gateway-view.ts';
import { ControlServer } from './control/server.ts';
import { announce } from './gateway/announcement.ts';
import { controlView } from './gateway/control-view.ts';
import { dataFolder } from './gateway/data-folder.ts';
import type { RemoteServers } from './gateway/delivery-parts.ts';
import { buildDelivery } from './gateway/delivery-parts.ts';
import { endParts } from './gateway/ending.ts';
import { tellFilters } from './gateway/happenings.ts';
import { Housekeeping } from './gateway/housekeeping.ts';
import { Listeners } from './gateway/listeners.ts';
import { loginSecret } from './gateway/login-secret.ts';
import { buildOutgoingParts } from './gateway/outgoing-parts.ts';
import { outgoingView } from './gateway/outgoing-view.ts';
import { metricSources } from './gateway/metric-sources.ts';
import type { Recorder } from './gateway/recorder.ts';
import type { Foundation, Parts } from './gateway/parts.ts';
import type { InForce, ReloadWish } from './gateway/reloads.ts';
import { Reloads } from './gateway/reloads.ts';
import { ScannerWatch } from './gateway/scanner-watch.ts';
import { Watches } from './gateway/watches.ts';
import type { ArchivingDeps } from './pipeline/archiving.ts';
import { Accept } from './pipeline/accept.ts';
import type { Generation } from './pipeline/generation.ts';
import { HarvestGuard } from './pipeline/harvest-guard.ts';
import type { ReleaseRequest } from './pipeline/release-requests.ts';
import { Stages } from './pipeline/stages.ts';
import { StagingArea } from './pipeline/staging.ts';
import { PluginBooks } from './plugin-host/plugin-books.ts';
import { openLevelStore } from './store/leveldb/store.ts';

export interface GatewayOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly version: string;
  /** A seam for crash tests. */
  readonly openStore?: typeof openLevelStore;
  /** A seam for tests whose mail servers all are on loopback. */
  readonly remote?: RemoteServers;
  /** Called once the store is open: no other gateway runs on this data folder. */
  readonly onStoreOpen?: () => void;
  /** Called once when the gateway cannot go on, or was asked to stop over the control socket. */
  readonly onEnd: (why: 'stop' | 'store-failed' | 'no-room') => void;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #startedAt: number;
  readonly #reloads: Reloads;
  #config: Config;
  #state: GatewayState = 'starting';
  #parts: Parts | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#startedAt = options.clock.now();
    this.#reloads = new Reloads({
      ...options,
      inForce: () => (this.#state === 'ready' ? this.#inForce() : undefined),
    });
  }

  /**
   * Returns what there is to say when it is ready. Rejects with a `CodedError` that says what to do;
   * then nothing is left running.
   */
  async start(): Promise<readonly string[]> {
    const { clock, recorder } = this.#options;
    const { log } = recorder;
    const config = this.#config;
    const folder = await dataFolder(config.data);
    const undo: (() => Promise<void>)[] = [];
    try {
      const openStore = this.#options.openStore ?? openLevelStore;
      const minFreeBytes = () => this.#config.limits.minFreeSpaceBytes;
      const store = await openStore({
        folder: join(folder, 'store'),
        clock,
        log,
        // Read at each use: a reload may change it.
        get minFreeBytes() {
          return minFreeBytes();
        },
        onFailure: (error) => this.#storeFailed(error),
        onWrite: recorder.metrics.took.storeWrite,
      });
      undo.push(() => store.close());
      this.#options.onStoreOpen?.();
      const ids = await DurableIds.open(clock, log, await openIdMark(join(folder, 'ids')));
      undo.push(() => ids.close());
      recorder.records.start(folder, () => this.#config);
      undo.push(() => recorder.records.stop());
      undo.push(async () => log.stop());

      const scanners = new ScannerWatch({
        ...{ config, folder, clock, log },
        onUp: () => this.#parts?.watches.filtersBack(),
      });
      undo.push(() => scanners.stop());
      await scanners.start();

      const books = new PluginBooks(store.ttl, clock);
      await books.added.open();
      const around = { scannerAddresses: scanners.addresses, books };
      const loaded = await this.#reloads.first(around);
      if (!loaded.ok) throw new CodedError('CONFIG_INVALID', loaded.problems[0]?.text ?? 'changed');
      const staging = await StagingArea.open(join(folder, 'staging'), store.admit, clock);
      const saltSecret = await loginSecret(folder);
      const base = { folder, store, ids, books, scanners, staging, saltSecret };
      const parts = this.#build(base, loaded.generation);
      this.#parts = parts;
      undo.push(() => parts.delivery.courier.stop());
      undo.push(() => parts.generation.filters.stop());

      await parts.delivery.remember();
      parts.housekeeping.start();
      undo.push(() => parts.housekeeping.stop());
      parts.controlAt = await parts.control.start();
      undo.push(() => parts.control.stop());
      await scanners.probe(parts.generation.filters);
      parts.delivery.scheduler.start();
      undo.push(() => parts.delivery.scheduler.stop());
      await parts.watches.start();
      undo.push(() => parts.watches.stop());
      await parts.listeners.start();
      scanners.watch(() => this.#current().filters);
      recorder.metrics.watch(
        metricSources({
          ...{ ...parts, ...store, ...recorder, clock },
          health: parts.delivery.health,
          directory: () => parts.generation.directory,
          isStoreUp: () => this.#state !== 'failed',
          records: () => recorder.records.counts(),
          loadedAt: () => this.#reloads.state.loadedAt,
        }),
      );
      this.#reloads.start();
      undo.push(async () => this.#reloads.stop());
      this.#state = 'ready';
      return announce(log, {
        version: this.#options.version,
        configFile: config.file,
        listeners: parts.listeners.views(),
        control: parts.controlAt,
        domains: loaded.generation.directory.domains.map((domain) => domain.name),
        scanners: scanners.views(),
      });
    } catch (error) {
      for (const step of undo.reverse()) await step().catch(() => undefined);
      throw error;
    }
  }

  #build(
    { folder, store, ids, books, scanners, staging, saltSecret }: Foundation,
    generation: Generation,
  ): Parts {
    const { clock, recorder, version } = this.#options;
    const { log } = recorder;
    const config = () => this.#config;
    const directory = () => this.#current().directory;
    const base = { store, clock, log, config, directory };
    const delivery = buildDelivery({
      ...{ ...base, ids },
      onStoreFailure: () => this.#storeFailed(),
      onAnswer: recorder.metrics.took.lookup,
      remote: this.#options.remote,
      onBack: () => this.#parts?.watches.back(),
      happened: tellFilters(() => this.#current().filters),
    });
    const { courier, scheduler, memory, verifier, exchangers, isClosed, uncached } = delivery;
    const wake = (dest: string) => scheduler.wake(dest);
    const onUnjudged = () => this.#parts?.watches.unjudged();
    const accept = new Accept({ ...delivery, store: store.spool, wake, onUnjudged, clock, log });
    const notices = () => this.#parts?.watches.sending;
    const trace = recorder.records.trace(recorder.traces);
    const outgoing = buildOutgoingParts({ ...base, uncached, saltSecret, notices, trace });
    const stages = {
      current: () => this.#current(),
      verifier,
      accept,
      store: store.spool,
      drain: (lane: string) => scheduler.drain(lane),
      ask: (lane: string) => scheduler.retryNow(lane),
      harvest: new HarvestGuard(clock),
      ...{ staging, isClosed, exchangers },
      archive: {
        keep: (...mail) => watches.views.archive.keep(...mail),
      } satisfies ArchivingDeps['archive'],
      ...outgoing,
      ...{ lessons: delivery.lessons, happened: delivery.happened, records: delivery.records },
      caught: (id: string) => watches.caught.caught(id),
      asked: (request: ReleaseRequest) => watches.asked(request),
      ...{ lacks: courier.lacks, clock, log },
    };
    const listeners = new Listeners({
      ...{ config, folder, clock, ids, log },
      onCommand: recorder.metrics.took.command,
      begin: (session, over) => new Stages(stages, session, over),
    });
    const shown = outgoingView({ ...store, ...outgoing, directory });
    const watches = new Watches({
      ...{ store, folder, ids, delivery, config, clock, log, version, saltSecret },
      generation: () => this.#current(),
      scanners: () => scanners.views(),
      outgoing,
      trace,
    });
    const view = controlView({
      ...{ version, room: store.room },
      pid: process.pid,
      startedAt: this.#startedAt,
      state: () => this.#state,
      config,
      configState: () => this.#reloads.state,
      generation: () => this.#current(),
      listeners: () => listeners.views(),
      scanners: () => scanners.views(),
      askScanners: () => scanners.look(),
      rates: () => recorder.rates.perSecond(),
      metrics: recorder.metrics,
      trace,
      feed: recorder.feed,
      levels: recorder.levels,
      destinations: { ...delivery, ...store, directory },
      ...watches.views,
      outgoing: shown,
      spool: store.spool,
      reports: delivery.reports,
      ...{ clock, log },
      memory,
      ...{ ldap: delivery.ldap, records: delivery.records },
      verifier,
      wake: (dest) => scheduler.retryNow(dest),
      reload: () => this.reload('command'),
      stop: () => this.#options.onEnd('stop'),
      added: books.added,
    });
    const control = new ControlServer({
      socket: join(folder, 'control.sock'),
      address: { host: this.#config.control.address, port: this.#config.control.port },
      ...{ gateway: view, clock, log },
    });
    return {
      ...{ store, ids, books, scanners, generation, delivery, watches, listeners, control },
      housekeeping: new Housekeeping({
        ...{ ...store, ...watches.views, ...outgoing, memory, clock, log },
      }),
      outgoing: shown,
      controlAt: undefined,
    };
  }

  /** All or nothing: with one error in the files, the configuration in force stays. */
  reload(by: ReloadWish): Promise<ReloadResult> {
    return this.#reloads.reload(by);
  }

  #inForce(): InForce | undefined {
    const parts = this.#parts;
    if (parts === undefined) return undefined;
    return {
      generation: parts.generation,
      scannerAddresses: parts.scanners.addresses,
      books: parts.books,
      prepare: (config) => parts.listeners.reload(config),
      replace: (config, generation) => {
        this.#config = config;
        const before = parts.generation.directory;
        parts.generation = generation;
        parts.delivery.rerouted(before);
        parts.watches.reloaded();
      },
    };
  }

  /** Lets sessions and deliveries finish within the drain time, then closes everything. */
  async stop(): Promise<void> {
    const { recorder } = this.#options;
    const { log } = recorder;
    const parts = this.#parts;
    if (parts === undefined || this.#state === 'draining') return;
    // The parts stay at hand: what is under way still asks where its mail goes.
    if (this.#state !== 'failed') this.#state = 'draining';
    log.emit('srv.drain');
    this.#reloads.stop();
    await endParts(parts, recorder);
    log.stop();
    log.emit('srv.stop');
  }

  listeners(): readonly ListenerView[] {
    return this.#parts?.listeners.views() ?? [];
  }

  #current(): Generation {
    const generation = this.#parts?.generation;
    if (generation === undefined) throw new CodedError('STOPPING', 'the gateway is going down');
    return generation;
  }

  #storeFailed(error?: CodedError): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#options.onEnd(isOutOfRoom(error?.cause) ? 'no-room' : 'store-failed');
  }
}
