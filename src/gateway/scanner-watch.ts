/**
 * The scanners behind the filters: starts private ones where the configuration says so, and asks all
 * of them now and then whether they are there and of which day their signatures are, for `sluice
 * status`, alerts and the log. What a scanner that
 * is down means for mail is decided by its plugin's `on_error`, not here.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { ScannerView } from '../control/gateway-view.ts';
import type { PluginHost } from '../plugin-host/run-hooks.ts';
import type { ManagedScanners } from '../scanners/managed.ts';
import { startManagedScanners } from '../scanners/managed.ts';

export interface ScannerWatchOptions {
  readonly config: Pick<Config, 'scanners' | 'plugins'>;
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** A scanner that was down answers again. */
  readonly onUp: () => void;
}

const PROBE_EVERY_MS = 15_000;
/** While one is down: mail may wait for it. */
const PROBE_DOWN_MS = 5000;
/** Who asks how it is waits so long for those that do not say at once. */
const MOMENT_MS = 1000;
/** clamd loads a full signature base in about half a minute on a slow disk. */
const READY_MS = 120_000;
/** Where the system's own daemons listen when the configuration names no address. */
const USUAL_ADDRESS: Readonly<Record<string, string>> = {
  clamav: '/run/clamav/clamd.ctl',
  spamassassin: '127.0.0.1:783',
};

export class ScannerWatch {
  readonly #options: ScannerWatchOptions;
  readonly #stopped = new AbortController();
  readonly #onUp: () => void;
  #managed: ManagedScanners | undefined;
  #views: readonly ScannerView[] = [];
  #timer: Timer | undefined;
  #probing: Promise<void> | undefined;
  #filters: (() => PluginHost) | undefined;

  constructor(options: ScannerWatchOptions) {
    this.#options = options;
    this.#onUp = options.onUp;
  }

  /** Starts private scanners, if any, and waits until they answer or it takes too long. */
  async start(): Promise<void> {
    const { config, folder, log, clock } = this.#options;
    if (!config.scanners.managed) return;
    const wanted = Object.fromEntries(
      config.plugins
        .filter(({ name }) => name in USUAL_ADDRESS)
        .map(({ name, options }) => {
          const address = options['address'] ?? USUAL_ADDRESS[name];
          return [name, { addresses: [address].flat().map(String) }];
        }),
    );
    this.#managed = await startManagedScanners({ dataDir: folder, wanted, log, clock });
    const tooLong = new AbortController();
    await Promise.race([
      this.#managed.ready,
      clock.sleep(READY_MS, tooLong.signal).catch(() => undefined),
    ]);
    tooLong.abort();
  }

  /** Of the scanners that we run ourselves, by plugin name. */
  get addresses(): Readonly<Record<string, string>> {
    return this.#managed?.addresses ?? {};
  }

  async probe(filters: Pick<PluginHost, 'probes'>): Promise<void> {
    const probes = await filters.probes(this.#stopped.signal);
    const before = new Map(this.#views.map((view) => [view.name, view]));
    this.#views = probes.map((probe) => {
      const { name, text } = probe;
      if (probe.state === 'ok') return { name, up: true, text, signatures: probe.signatures };
      // They get no younger while it is down.
      return { name, up: false, text, signatures: before.get(name)?.signatures };
    });
    for (const view of this.#views) this.#tellAge(view, before.get(view.name));
    if (this.#views.some(({ name, up }) => up && before.get(name)?.up === false)) this.#onUp();
  }

  #tellAge({ name: engine, signatures }: ScannerView, before: ScannerView | undefined): void {
    const wasOld = before?.signatures?.age === 'old';
    const { log } = this.#options;
    if (signatures?.age === 'old' && !wasOld) {
      log.emit('scanner.signatures_old', { engine, msg: signatures.text });
    }
    if (signatures?.age === 'fresh' && wasOld) {
      log.emit('scanner.signatures_fresh', { engine, msg: signatures.text });
    }
  }

  /** Asks again and again, of whatever filters are in force then. */
  watch(filters: () => PluginHost): void {
    this.#filters = filters;
    const isAnyDown = this.#views.some(({ up }) => !up);
    const ms = isAnyDown ? PROBE_DOWN_MS : PROBE_EVERY_MS;
    this.#timer = this.#options.clock.timer(ms, () => {
      void this.#probeOnce().then(() => {
        if (!this.#stopped.signal.aborted) this.watch(filters);
      });
    });
  }

  /** For somebody who looks: how they are now, not some seconds ago, as far as they say so at once. */
  async look(): Promise<void> {
    const enough = new AbortController();
    const moment = this.#options.clock.sleep(MOMENT_MS, enough.signal).catch(() => undefined);
    await Promise.race([this.#probeOnce(), moment]);
    enough.abort();
  }

  /** One at a time. */
  #probeOnce(): Promise<void> {
    const filters = this.#filters;
    if (filters === undefined) return Promise.resolve();
    this.#probing ??= this.probe(filters())
      .catch((error: unknown) => {
        this.#options.log.emit('scan.error', { err: errorText(error) });
      })
      .finally(() => {
        this.#probing = undefined;
      });
    return this.#probing;
  }

  views(): readonly ScannerView[] {
    return this.#views;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.stop();
    await this.#managed?.stop();
  }
}
