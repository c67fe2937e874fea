/**
 * The metrics, in the text form that Prometheus reads, names `sluice_*`. Counts come from log events
 * (event-meter.ts, part of the log's `tap`), so that counts and log cannot drift apart; levels are
 * read when somebody asks (metric-levels.ts); what no event tells is how long small things take
 * (`took`). A registry of our own, no global one. Labels take values from closed lists and from the
 * configuration, never from the network.
 */
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { Durations } from './durations.ts';
import { createMeter } from './event-meter.ts';
import type { Meter } from './event-meter.ts';
import { declareLevels } from './metric-levels.ts';
import type { MetricSources } from './metric-levels.ts';
import { labelledCounter } from './labelled-counter.ts';

/** What is timed without an event of its own, in milliseconds. */
export interface Took {
  /** A command of a client that waited for its answer, by its verb; `content` from its end on. */
  readonly command: (what: string, ms: number) => void;
  /** A batch of the store, with the fsync. */
  readonly storeWrite: (ms: number) => void;
  /** A question to a DNS server: its record type, and the kind of the answer. */
  readonly lookup: (type: string, result: string, ms: number) => void;
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Counts what an event of the log means. */
  readonly meter: Meter;
  readonly took: Took;
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
  const durations = new Durations();
  const lookups = labelledCounter(
    registry,
    'dns_lookups_total',
    'Questions to DNS servers; what is remembered is not asked.',
    ['type', 'result'],
  );
  const commandTook = durations.of(
    'smtp_command_duration_seconds',
    'command',
    'How long commands took that had to wait for their answer, and content from its end on.',
  );
  const lookupTook = durations.of(
    'dns_lookup_duration_seconds',
    'type',
    'How long a question to a DNS server took.',
  );
  const storeTook = durations.of(
    'store_op_duration_seconds',
    'op',
    'How long a batch of the store took, fsync included.',
  );
  return {
    contentType: registry.contentType,
    text: async () => (await registry.metrics()) + durations.text(),
    meter: createMeter(registry, durations),
    took: {
      command: commandTook,
      storeWrite: (ms) => storeTook('write', ms),
      lookup: (type, result, ms) => {
        lookups.at(type).at(result).inc();
        lookupTook(type, ms);
      },
    },
    watch: (from) => {
      sources = from;
    },
  };
}
