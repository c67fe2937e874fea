/**
 * What the log's events count: declares the counters and histograms, and says what each event adds to
 * them. Labels take values from closed lists and from the configuration, never from the network.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Durations } from './durations.ts';
import type { EventName, Fields } from './log.ts';

/** Counts what an event of the log means. */
export type Meter = (evt: EventName, fields: Fields) => void;

const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LATENCY_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 432_000];

/** A word of a closed list; what is none becomes `other`. */
const WORD = /^[\w.:+-]{1,80}$/;
/** Longest name from the configuration. */
const MAX_NAME = 120;

export function createMeter(registry: Registry, durations: Durations): Meter {
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
  const handshakes = counter(
    'tls_handshakes_total',
    'TLS handshakes of clients.',
    ...['version', 'result'],
  );
  const transactions = counter(
    'smtp_transactions_total',
    'Transactions that reached MAIL, at their end.',
    ...['direction', 'result', 'reason'],
  );
  const logins = counter('smtp_auth_total', 'Logins of clients.', 'mechanism', 'result');
  const queueStarts = counter('smtp_etrn_total', 'Queues that were asked for.', 'reason');
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
  const checkTook = durations.of(
    'recipient_check_duration_seconds',
    'source',
    'How long it took to ask whether a recipient is there.',
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
  const delays = durations.of(
    'delivery_delay_seconds',
    'stage',
    'Where the time of delivered recipients went: in the queue, to connect, in the transaction.',
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
  const nullSenders = counter(
    'null_sender_outbound_total',
    'Messages of customers with the null reverse-path that were taken.',
  );
  const locks = counter(
    'account_locks_total',
    'Locks of accounts and identities.',
    'kind',
    'cause',
  );
  // From the start, or the first one would be no increase.
  for (const kind of ['account', 'identity'])
    for (const cause of ['spam', 'virus', 'complaints', 'hand']) locks.inc({ kind, cause }, 0);
  const complaints = counter('complaints_total', 'Complaints about mail of customers.', 'known');
  const returned = counter('bounces_returned_total', 'Bounces that came back for customers.');
  const storeErrors = counter('store_errors_total', 'Writes or reads that failed.');
  const storeFull = counter('store_full_total', 'Messages put off for lack of disk space.');
  const reloaded = gauge('config_last_reload_successful', 'The last (re)load was taken.');
  // Whoever counts has read a configuration.
  reloaded.set(1);
  const crashes = counter('crashes_total', 'Exceptions that nobody expected.');

  const attempt = (fields: Fields, result: string) =>
    attempts.inc({ dest: nameLabel(fields['dest']), result, reason: word(fields['why'], 'none') });

  const delayed = (stages: unknown) => {
    if (!isGroup(stages)) return;
    delays('queue', amount(stages['q']) * 1000);
    delays('connect', amount(stages['c']) * 1000);
    delays('transfer', amount(stages['t']) * 1000);
  };

  const direction = (fields: Fields) => word(fields['dir'], 'in');
  const reason = (fields: Fields) => word(fields['why'], 'none');
  const turnAway = (fields: Fields) => turnedAway.inc({ reason: reason(fields) });
  const pluginFault = (fields: Fields) =>
    pluginErrors.inc({ plugin: nameLabel(fields['plugin']), hook: word(fields['hook']) });
  const engine = (fields: Fields) => ({ engine: nameLabel(fields['engine']) });
  const dest = (fields: Fields) => ({ dest: nameLabel(fields['dest']) });

  const meaning: Partial<Record<EventName, (fields: Fields) => void>> = {
    'smtp.open': (fields) => connections.inc({ listener: nameLabel(fields['listener']) }),
    'smtp.tls': (fields) =>
      handshakes.inc({ version: word(fields['proto'], 'unknown'), result: 'ok' }),
    'smtp.lost': ({ why }) => {
      if (why === 'tls') handshakes.inc({ version: 'none', result: 'failed' });
    },
    'smtp.auth.ok': (fields) => logins.inc({ mechanism: word(fields['mech']), result: 'ok' }),
    'smtp.auth.fail': (fields) =>
      logins.inc({ mechanism: word(fields['mech']), result: reason(fields) }),
    'smtp.etrn': (fields) => queueStarts.inc({ reason: reason(fields) }),
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
      const { dir, res } = fields;
      if (dir === 'out' && res === 'accept' && fields['from'] === '') nullSenders.inc();
    },
    'rcpt.check': (fields) => {
      const source = word(fields['source']);
      checks.inc({ source, result: word(fields['result']) });
      checkTook(source, amount(fields['ms']));
    },
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
      delayed(fields['stages']);
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
    'acct.lock': (fields) => locks.inc({ kind: 'account', cause: word(fields['cause']) }),
    'ident.lock': (fields) => locks.inc({ kind: 'identity', cause: word(fields['cause']) }),
    'acct.complaint': ({ acct }) => complaints.inc({ known: acct === undefined ? 'no' : 'yes' }),
    'acct.bounce': () => returned.inc(),
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
export function nameLabel(value: unknown): string {
  // Domains that are not hosted here are the network's word: all of them are one.
  if (typeof value === 'string' && value.startsWith('mx:')) return 'mx';
  return typeof value === 'string' ? value.slice(0, MAX_NAME) : 'none';
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function amount(value: unknown): number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : 0;
}
