/**
 * The metrics, in the text form that Prometheus reads, names `sluice_*`. Counts come from log events
 * (`meter` is part of the log's `tap`), so that counts and log cannot drift apart; levels (queue,
 * connections, store) are read when somebody asks. A registry of our own, no global one. Labels take
 * values from closed lists and from the configuration, never from the network.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { EventName, Fields } from './log.ts';

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
  meter(evt: EventName, fields: Fields): void;
  /** From now on, levels are read from here. */
  watch(sources: MetricSources): void;
}

export interface MetricsOptions {
  readonly version: string;
  readonly node: string;
  /** Also `process_*` and `nodejs_*`. */
  readonly processMetrics: boolean;
}

const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LATENCY_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 432_000];

/** A word of a closed list; what is none becomes `other`. */
const WORD = /^[\w.:+-]{1,80}$/;
/** Longest name from the configuration. */
const MAX_NAME = 120;

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
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

function declareLevels(registry: Registry, sources: () => MetricSources | undefined): void {
  const level = (
    name: string,
    help: string,
    labelNames: string[],
    read: (from: MetricSources) => readonly (readonly [Record<string, string>, number])[],
  ) =>
    new Gauge({
      name: `sluice_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        const from = sources();
        if (from === undefined) return;
        for (const [labels, value] of read(from)) this.set(labels, value);
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
    from.destinations().map(({ dest, up }) => [{ dest: name(dest) }, up ? 1 : 0]),
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

/** Declares the counters and says what each event means for them. */
function createMeter(registry: Registry): Metrics['meter'] {
  const registers = [registry];
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name: `sluice_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name: `sluice_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[], ...labelNames: string[]) =>
    new Histogram({ name: `sluice_${name}`, help, labelNames, buckets, registers });

  const connections = counter('smtp_connections_total', 'SMTP connections taken.', 'listener');
  const turnedAway = counter(
    'smtp_connections_rejected_total',
    'SMTP connections refused before a transaction.',
    'reason',
  );
  const handshakes = counter('tls_handshakes_total', 'TLS sessions of clients.', 'version');
  const transactions = counter(
    'smtp_transactions_total',
    'Transactions that reached MAIL, at their end.',
    ...['direction', 'result', 'reason'],
  );
  const logins = counter('smtp_auth_total', 'Logins of clients.', 'mechanism', 'result');
  const recipients = counter(
    'smtp_recipients_total',
    'Recipients that clients named.',
    ...['direction', 'result', 'reason'],
  );
  const received = counter('smtp_received_bytes_total', 'Bytes of content.', 'direction');
  const checks = counter(
    'recipient_checks_total',
    'Recipient verifications.',
    ...['source', 'result'],
  );
  const scans = counter('scan_total', 'Messages scanned.', 'engine', 'verdict');
  const scanSeconds = histogram(
    'scan_duration_seconds',
    'How long a scan took.',
    STEP_SECONDS,
    'engine',
  );
  const scannerUp = gauge('scanner_up', 'The scanner answers.', 'engine');
  const pluginErrors = counter(
    'plugin_errors_total',
    'Hooks that threw, were late or returned nonsense.',
    ...['plugin', 'hook'],
  );
  const attempts = counter(
    'delivery_attempts_total',
    'Delivery attempts, one per recipient.',
    ...['dest', 'result', 'reason'],
  );
  const latency = histogram(
    'message_latency_seconds',
    'From acceptance until the last recipient was final.',
    LATENCY_SECONDS,
    'result',
  );
  const changes = counter(
    'destination_changes_total',
    'Times a destination went down or came back.',
    ...['dest', 'state'],
  );
  const held = counter('recipients_held_total', 'Recipients put on hold.', 'reason');
  const doubts = counter(
    'maybe_delivered_total',
    'Recipients whose destination took the content and gave no final reply.',
  );
  const again = counter(
    'maybe_duplicates_total',
    'Recipients delivered after such a doubt: they may have the message twice.',
  );
  const alerts = counter('alerts_total', 'Alerts told.', 'alert', 'state');
  const untold = counter('alert_failures_total', 'Alerts that a target did not take.', 'target');
  const notices = counter('notices_sent_total', 'Notices of the gateway itself.');
  const reports = counter('dsn_sent_total', 'Delivery status notifications made.');
  const unproven = counter(
    'dsn_unproven_total',
    'Delivery status notifications to unproven senders; must stay 0.',
  );
  const storeErrors = counter('store_errors_total', 'Writes or reads that failed.');
  const storeFull = counter('store_full_total', 'Messages put off for lack of disk space.');
  const reloaded = gauge('config_last_reload_successful', 'The last (re)load was taken.');
  // Whoever counts has read a configuration.
  reloaded.set(1);
  const crashes = counter('crashes_total', 'Exceptions that nobody expected.');

  const attempt = (fields: Fields, result: string) =>
    attempts.inc({ dest: name(fields['dest']), result, reason: word(fields['why'], 'none') });

  const direction = (fields: Fields) => word(fields['dir'], 'in');
  const reason = (fields: Fields) => word(fields['why'], 'none');
  const turnAway = (fields: Fields) => turnedAway.inc({ reason: reason(fields) });
  const pluginFault = (fields: Fields) =>
    pluginErrors.inc({ plugin: name(fields['plugin']), hook: word(fields['hook']) });
  const engine = (fields: Fields) => ({ engine: name(fields['engine']) });
  const dest = (fields: Fields) => ({ dest: name(fields['dest']) });

  const meaning: Partial<Record<EventName, (fields: Fields) => void>> = {
    'smtp.open': (fields) => connections.inc({ listener: name(fields['listener']) }),
    'smtp.tls': (fields) => handshakes.inc({ version: word(fields['proto'], 'unknown') }),
    'smtp.auth.ok': (fields) => logins.inc({ mechanism: word(fields['mech']), result: 'ok' }),
    'smtp.auth.fail': (fields) =>
      logins.inc({ mechanism: word(fields['mech']), result: reason(fields) }),
    'smtp.early': () => turnedAway.inc({ reason: 'early' }),
    'smtp.reject.conn': turnAway,
    'smtp.reject.abuse': turnAway,
    'smtp.reject.rcpt': (fields) => {
      const result = Number(fields['code']) >= 500 ? 'reject' : 'tempfail';
      recipients.inc({ direction: direction(fields), result, reason: reason(fields) });
    },
    'msg.in': (fields) => {
      const from = { direction: direction(fields) };
      transactions.inc({ ...from, result: word(fields['res']), reason: reason(fields) });
      received.inc(from, amount(fields['size']));
      // `accepted/put off/refused`; the other two were counted with their reasons.
      const accepted = Number.parseInt(String(fields['rcpts']), 10);
      recipients.inc({ ...from, result: 'accept', reason: 'none' }, amount(accepted));
    },
    'rcpt.check': (fields) =>
      checks.inc({ source: word(fields['source']), result: word(fields['result']) }),
    'scan.result': (fields) => {
      scans.inc({ ...engine(fields), verdict: word(fields['verdict']) });
      scanSeconds.observe(engine(fields), amount(fields['ms']) / 1000);
    },
    'scan.error': (fields) => scans.inc({ ...engine(fields), verdict: 'error' }),
    'scanner.up': (fields) => scannerUp.set(engine(fields), 1),
    'scanner.down': (fields) => scannerUp.set(engine(fields), 0),
    'plugin.error': pluginFault,
    'plugin.timeout': pluginFault,
    'rcpt.sent': (fields) => {
      attempt(fields, 'sent');
      if (fields['again'] === true) again.inc();
    },
    'rcpt.defer': (fields) => {
      attempt(fields, 'deferred');
      if (fields['maybe'] === true) doubts.inc();
    },
    'rcpt.fail': (fields) => attempt(fields, 'failed'),
    'rcpt.hold': (fields) => held.inc({ reason: reason(fields) }),
    'msg.done': (fields) =>
      latency.observe({ result: word(fields['res']) }, amount(fields['delay'])),
    'dest.up': (fields) => changes.inc({ ...dest(fields), state: 'up' }),
    'dest.down': (fields) => changes.inc({ ...dest(fields), state: 'down' }),
    'alert.raise': (fields) => alerts.inc({ alert: word(fields['alert']), state: 'raised' }),
    'alert.clear': (fields) => alerts.inc({ alert: word(fields['alert']), state: 'cleared' }),
    'alert.fail': (fields) => untold.inc({ target: word(fields['target']) }),
    'notice.out': () => notices.inc(),
    'dsn.out': (fields) => {
      reports.inc();
      if (fields['proven'] === false) unproven.inc();
    },
    'store.error': () => storeErrors.inc(),
    'store.full': () => storeFull.inc(),
    'cfg.reload': () => reloaded.set(1),
    'cfg.error': () => reloaded.set(0),
    crash: () => crashes.inc(),
  };
  return (evt, fields) => meaning[evt]?.(fields);
}

function word(value: unknown, absent = 'other'): string {
  if (value === undefined) return absent;
  return typeof value === 'string' && WORD.test(value) ? value : 'other';
}

/** Something that the configuration names, and so of a bounded number. */
function name(value: unknown): string {
  // Domains that are not hosted here are the network's word: all of them are one.
  if (typeof value === 'string' && value.startsWith('mx:')) return 'mx';
  return typeof value === 'string' ? value.slice(0, MAX_NAME) : 'none';
}

function amount(value: unknown): number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : 0;
}
