/**
 * The levels among the metrics (queue, connections, store, certificate): nothing counts them, they are
 * read from the running parts whenever somebody asks.
 */
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { nameLabel } from './event-meter.ts';

/** Segments, bytes on disk and days of the records. */
export interface RecordLevels {
  readonly isUp: boolean;
  readonly waiting: number;
  readonly written: number;
  readonly lost: number;
  readonly bytes: number;
  readonly days: number;
}

/** What cannot be counted from events: asked for at each scrape. */
export interface MetricSources {
  /** Open connections by listener. */
  connections(): Readonly<Record<string, number>>;
  queue(): { readonly deferred: number; readonly hold: number; readonly bytes: number };
  /** Since when the oldest message waits that is not held; 0 when none does. */
  queueAgeMs(): Promise<number>;
  /** Messages that wait, of each hosted domain that has some; mail for others is one. */
  waiting(): readonly { readonly dest: string; readonly messages: number }[];
  /** What filters keep. */
  kept(): { readonly messages: number; readonly bytes: number };
  /** Hosted destinations, whether they answer, and when they last gave a normal answer. */
  destinations(): readonly {
    readonly dest: string;
    readonly up: boolean;
    readonly goodAt: number | undefined;
  }[];
  /** Of the filters in force, those with a scanner behind them. */
  scanners(): readonly { readonly name: string; readonly up: boolean }[];
  /** When the configuration in force was loaded. */
  loadedAt(): number;
  /** Until when the certificate that clients are shown is valid. */
  certificateUntil(): number | undefined;
  /** Lines of the log that could not be written. */
  logDropped(): number;
  store(): { readonly engine: string; readonly up: boolean };
  /** Where the store lies; undefined when the disk does not say. */
  freeBytes(): Promise<number | undefined>;
  /** Accounts of customers, one entry for each. */
  accounts(): readonly { readonly kind: string; readonly state: string }[];
  /** Of limits of outgoing mail, how much is used: 1 is all of it; the fullest first. */
  limitUse(): Promise<
    readonly { readonly account: string; readonly window: string; readonly ratio: number }[]
  >;
  /** What the trace is searched in. */
  records(): RecordLevels;
}

type Levels = readonly (readonly [Record<string, string>, number])[];

export function declareLevels(registry: Registry, sources: () => MetricSources | undefined): void {
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
        // Without labels it would be 0, and not what nobody can tell.
        if (levels.length === 0) this.remove({});
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
  level('queue_oldest_age_seconds', 'Age of the oldest message that waits.', [], async (from) => [
    [{}, (await from.queueAgeMs()) / 1000],
  ]);
  level('queue_destination_messages', 'Messages that wait, by domain.', ['dest'], (from) =>
    from.waiting().map(({ dest, messages }) => [{ dest: nameLabel(dest) }, messages]),
  );
  level('destination_up', 'The destination answers.', ['dest'], (from) =>
    from.destinations().map(({ dest, up }) => [{ dest: nameLabel(dest) }, up ? 1 : 0]),
  );
  level(
    'destination_last_success_timestamp_seconds',
    'When the destination last gave a normal answer.',
    ['dest'],
    (from) =>
      from
        .destinations()
        .flatMap(({ dest, goodAt }) =>
          goodAt === undefined ? [] : [[{ dest: nameLabel(dest) }, goodAt / 1000] as const],
        ),
  );
  // A scanner that has answered all along has made no event.
  level('scanner_up', 'The scanner answers.', ['engine'], (from) =>
    from.scanners().map(({ name, up }) => [{ engine: nameLabel(name) }, up ? 1 : 0]),
  );
  level(
    'config_last_reload_success_timestamp_seconds',
    'When the configuration in force was loaded.',
    [],
    (from) => [[{}, from.loadedAt() / 1000]],
  );
  level(
    'certificate_expiry_timestamp_seconds',
    'Until when the certificate is valid that clients are shown.',
    [],
    (from) => {
      const until = from.certificateUntil();
      return until === undefined ? [] : [[{}, until / 1000]];
    },
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
  level('spool_free_bytes', 'Free disk space where the store lies.', [], async (from) => {
    const freeBytes = await from.freeBytes();
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
  count('log_dropped_total', 'Lines of the log that could not be written.', (from) =>
    from.logDropped(),
  );
  count('records_written_total', 'Segments of records written.', (from) => from.records().written);
  count(
    'records_lost_total',
    'Segments of records that could not be kept.',
    (from) => from.records().lost,
  );
}
