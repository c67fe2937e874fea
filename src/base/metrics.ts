/**
 * The metrics, in the text form that Prometheus reads, names `sluice_*`. Counts come from log events
 * (event-meter.ts, part of the log's `tap`), so that counts and log cannot drift apart; levels (queue,
 * connections, store) are read when somebody asks. A registry of our own, no global one. Labels take
 * values from closed lists and from the configuration, never from the network.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { createMeter, nameLabel } from './event-meter.ts';
import type { Meter } from './event-meter.ts';

/** What cannot be counted from events: asked for at each scrape. */
export interface MetricSources {
  /** Open connections by listener. */
  connections(): Readonly<Record<string, number>>;
  queue(): { readonly deferred: number; readonly hold: number; readonly bytes: number };
  /** What filters keep. */
  kept(): { readonly messages: number; readonly bytes: number };
  /** Hosted destinations and whether they answer. */
  destinations(): readonly { readonly dest: string; readonly up: boolean }[];
  store(): {
    readonly engine: string;
    readonly up: boolean;
    readonly freeBytes?: number | undefined;
  };
  /** Accounts of customers, one entry for each. */
  accounts(): readonly { readonly kind: string; readonly state: string }[];
  /** Of limits of outgoing mail, how much is used: 1 is all of it; the fullest first. */
  limitUse(): Promise<
    readonly { readonly account: string; readonly window: string; readonly ratio: number }[]
  >;
  /** What the trace is searched in. */
  records(): {
    readonly isUp: boolean;
    readonly waiting: number;
    readonly written: number;
    readonly lost: number;
    readonly bytes: number;
    readonly days: number;
  };
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Counts what an event of the log means. */
  readonly meter: Meter;
  /** From now on, levels are read from here. */
  watch(sources: MetricSources): void;
}

export interface MetricsOptions {
  readonly version: string;
  readonly node: string;
  /** Also `process_*` and `nodejs_*`. */
  readonly processMetrics: boolean;
}

/** The event loop's delay is looked at this often: each look wakes a process that has nothing to do. */
const LOOP_SAMPLE_MS = 100;

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  if (options.processMetrics) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  }
  new Gauge({
    name: 'sluice_build_info',
    help: 'Version and node name, always 1.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: options.version, node: options.node }, 1);
  let sources: MetricSources | undefined;
  declareLevels(registry, () => sources);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    meter: createMeter(registry),
    watch: (from) => {
      sources = from;
    },
  };
}

type Levels = readonly (readonly [Record<string, string>, number])[];

function declareLevels(registry: Registry, sources: () => MetricSources | undefined): void {
  const level = (
    name: string,
    help: string,
    labelNames: string[],
    read: (from: MetricSources) => Levels | Promise<Levels>,
  ) =>
    new Gauge({
      name: `sluice_${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const from = sources();
        const levels = from === undefined ? [] : await read(from);
        this.reset();
        for (const [labels, value] of levels) this.set(labels, value);
      },
    });
  level('smtp_connections', 'Open SMTP connections.', ['listener'], (from) =>
    Object.entries(from.connections()).map(([listener, count]) => [{ listener }, count]),
  );
  level('queue_messages', 'Messages in the queue.', ['state'], (from) => {
    const { deferred, hold } = from.queue();
    return [
      [{ state: 'deferred' }, deferred],
      [{ state: 'hold' }, hold],
    ];
  });
  level('queue_bytes', 'Bytes of the messages in the queue.', [], (from) => [
    [{}, from.queue().bytes],
  ]);
  level('quarantine_messages', 'Kept by filters.', [], (from) => [[{}, from.kept().messages]]);
  level('quarantine_bytes', 'Bytes of it.', [], (from) => [[{}, from.kept().bytes]]);
  level('destination_up', 'The destination answers.', ['dest'], (from) =>
    from.destinations().map(({ dest, up }) => [{ dest: nameLabel(dest) }, up ? 1 : 0]),
  );
  level('accounts', 'Accounts of customers.', ['kind', 'state'], (from) => {
    const counts = new Map<string, [Record<string, string>, number]>();
    for (const { kind, state } of from.accounts()) {
      const known = counts.get(`${kind} ${state}`);
      if (known === undefined) counts.set(`${kind} ${state}`, [{ kind, state }, 1]);
      else known[1] += 1;
    }
    return [...counts.values()];
  });
  level(
    'account_limit_used_ratio',
    'How much of a limit is used, of the fullest ones.',
    ['account', 'window'],
    async (from) =>
      (await from.limitUse()).map(({ account, window, ratio }) => {
        return [{ account: nameLabel(account), window }, ratio];
      }),
  );
  level('store_up', 'The store takes writes.', ['engine'], (from) => {
    const { engine, up } = from.store();
    return [[{ engine }, up ? 1 : 0]];
  });
  level('spool_free_bytes', 'Free disk space where the store lies.', [], (from) => {
    const { freeBytes } = from.store();
    return freeBytes === undefined ? [] : [[{}, freeBytes]];
  });
  level('records_up', 'The records of the trace take writes.', [], (from) => [
    [{}, from.records().isUp ? 1 : 0],
  ]);
  level('records_waiting', 'Segments of records not written yet.', [], (from) => [
    [{}, from.records().waiting],
  ]);
  level('records_bytes', 'Bytes of the records on disk.', [], (from) => [
    [{}, from.records().bytes],
  ]);
  level('records_days', 'Days that have records.', [], (from) => [[{}, from.records().days]]);
  const count = (name: string, help: string, read: (from: MetricSources) => number) =>
    new Counter({
      name: `sluice_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        const from = sources();
        if (from !== undefined) this.inc(read(from));
      },
    });
  count('records_written_total', 'Segments of records written.', (from) => from.records().written);
  count(
    'records_lost_total',
    'Segments of records that could not be kept.',
    (from) => from.records().lost,
  );
}
