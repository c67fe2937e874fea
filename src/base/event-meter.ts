/**
 * What the log's events count: declares the counters and histograms, and says what each event adds to
 * them. Labels take values from closed lists and from the configuration, never from the network.
 */
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Durations } from './durations.ts';
import type { EventName, Fields } from './log.ts';
import { labelledCounter, word } from './labelled-counter.ts';

/** Counts what an event of the log means. */
export type Meter = (evt: EventName, fields: Fields) => void;

const LATENCY_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 432_000];

/** Longest name from the configuration. */
const MAX_NAME = 120;

export function createMeter(registry: Registry, durations: Durations): Meter {
  const registers = [registry];
  const counter = (name: string, help: string) =>
    new Counter({ name: `sluice_${name}`, help, registers });
  const labelled = (name: string, help: string, ...labelNames: string[]) =>
    labelledCounter(registry, name, help, labelNames);
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name: `sluice_${name}`, help, labelNames, registers });

  const connections = labelled('smtp_connections_total', 'SMTP connections taken.', 'listener');
  const turnedAway = labelled(
    'smtp_connections_rejected_total',
    'SMTP connections refused before a transaction.',
    'reason',
  );
  const handshakes = labelled(
    'tls_handshakes_total',
    'TLS handshakes of clients.',
    ...['version', 'result'],
  );
  const transactions = labelled(
    'smtp_transactions_total',
    'Transactions that reached MAIL, at their end.',
    ...['direction', 'result', 'reason'],
  );
  const logins = labelled('smtp_auth_total', 'Logins of clients.', 'mechanism', 'result');
  const queueStarts = labelled('smtp_etrn_total', 'Queues that were asked for.', 'reason');
  const recipients = labelled(
    'smtp_recipients_total',
    'Recipients that clients named.',
    ...['direction', 'result', 'reason'],
  );
  const received = labelled('smtp_received_bytes_total', 'Bytes of content.', 'direction');
  const checks = labelled(
    'recipient_checks_total',
    'Recipient verifications.',
    ...['source', 'result'],
  );
  const checkTook = durations.of(
    'recipient_check_duration_seconds',
    'source',
    'How long it took to ask whether a recipient is there.',
  );
  const scans = labelled('scan_total', 'Messages scanned.', 'engine', 'verdict');
  const scanTook = durations.of('scan_duration_seconds', 'engine', 'How long a scan took.');
  const pluginErrors = labelled(
    'plugin_errors_total',
    'Hooks that threw, were late or returned nonsense.',
    ...['plugin', 'hook'],
  );
  const attempts = labelled(
    'delivery_attempts_total',
    'Delivery attempts, one per recipient.',
    ...['dest', 'result', 'reason'],
  );
  const latency = durations.of(
    'message_latency_seconds',
    'result',
    'From acceptance until the last recipient was final.',
    LATENCY_SECONDS,
  );
  const delays = durations.of(
    'delivery_delay_seconds',
    'stage',
    'Where the time of delivered recipients went: in the queue, to connect, in the transaction.',
  );
  const changes = labelled(
    'destination_changes_total',
    'Times a destination went down or came back.',
    ...['dest', 'state'],
  );
  const held = labelled('recipients_held_total', 'Recipients put on hold.', 'reason');
  const doubts = counter(
    'maybe_delivered_total',
    'Recipients whose destination took the content and gave no final reply.',
  );
  const again = counter(
    'maybe_duplicates_total',
    'Recipients delivered after such a doubt: they may have the message twice.',
  );
  const alerts = labelled('alerts_total', 'Alerts told.', 'alert', 'state');
  const untold = labelled('alert_failures_total', 'Alerts that a target did not take.', 'target');
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
  const locks = labelled(
    'account_locks_total',
    'Locks of accounts and identities.',
    'kind',
    'cause',
  );
  // From the start, or the first one would be no increase.
  for (const kind of ['account', 'identity'])
    for (const cause of ['spam', 'virus', 'complaints', 'hand']) locks.at(kind).at(cause);
  const complaints = labelled('complaints_total', 'Complaints about mail of customers.', 'known');
  const returned = counter('bounces_returned_total', 'Bounces that came back for customers.');
  const storeErrors = counter('store_errors_total', 'Writes or reads that failed.');
  const storeFull = counter('store_full_total', 'Messages put off for lack of disk space.');
  const reloaded = gauge('config_last_reload_successful', 'The last (re)load was taken.');
  // Whoever counts has read a configuration.
  reloaded.set(1);
  const crashes = counter('crashes_total', 'Exceptions that nobody expected.');

  const attempt = (fields: Fields, result: string) =>
    attempts.at(dest(fields)).at(result).atWord(fields['why'], 'none').inc();

  const delayed = (stages: unknown) => {
    if (!isGroup(stages)) return;
    delays('queue', amount(stages['q']) * 1000);
    delays('connect', amount(stages['c']) * 1000);
    delays('transfer', amount(stages['t']) * 1000);
  };

  const turnAway = (fields: Fields) => turnedAway.atWord(fields['why'], 'none').inc();
  const pluginFault = (fields: Fields) =>
    pluginErrors.at(nameLabel(fields['plugin'])).atWord(fields['hook']).inc();
  const engine = (fields: Fields) => nameLabel(fields['engine']);
  const dest = (fields: Fields) => nameLabel(fields['dest']);

  const meaning: Partial<Record<EventName, (fields: Fields) => void>> = {
    'smtp.open': (fields) => connections.at(nameLabel(fields['listener'])).inc(),
    'smtp.tls': (fields) => handshakes.atWord(fields['proto'], 'unknown').at('ok').inc(),
    'smtp.lost': ({ why }) => {
      if (why === 'tls') handshakes.at('none').at('failed').inc();
    },
    'smtp.auth.ok': (fields) => logins.atWord(fields['mech']).at('ok').inc(),
    'smtp.auth.fail': (fields) => logins.atWord(fields['mech']).atWord(fields['why'], 'none').inc(),
    'smtp.etrn': (fields) => queueStarts.atWord(fields['why'], 'none').inc(),
    'smtp.early': () => turnedAway.at('early').inc(),
    'smtp.reject.conn': turnAway,
    'smtp.reject.abuse': turnAway,
    'smtp.reject.rcpt': (fields) => {
      const result = Number(fields['code']) >= 500 ? 'reject' : 'tempfail';
      recipients.atWord(fields['dir'], 'in').at(result).atWord(fields['why'], 'none').inc();
    },
    'msg.in': (fields) => {
      const { dir, res, why } = fields;
      transactions.atWord(dir, 'in').atWord(res).atWord(why, 'none').inc();
      received.atWord(dir, 'in').inc(amount(fields['size']));
      // `accepted/put off/refused`; the other two were counted with their reasons.
      const accepted = Number.parseInt(String(fields['rcpts']), 10);
      recipients.atWord(dir, 'in').at('accept').at('none').inc(amount(accepted));
      if (dir === 'out' && res === 'accept' && fields['from'] === '') nullSenders.inc();
    },
    'rcpt.check': (fields) => {
      const source = word(fields['source']);
      checks.at(source).atWord(fields['result']).inc();
      checkTook(source, amount(fields['ms']));
    },
    'scan.result': (fields) => {
      scans.at(engine(fields)).atWord(fields['verdict']).inc();
      scanTook(engine(fields), amount(fields['ms']));
    },
    'scan.error': (fields) => scans.at(engine(fields)).at('error').inc(),
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
    'rcpt.hold': (fields) => held.atWord(fields['why'], 'none').inc(),
    'msg.done': (fields) => latency(word(fields['res']), amount(fields['delay']) * 1000),
    'dest.up': (fields) => changes.at(dest(fields)).at('up').inc(),
    'dest.down': (fields) => changes.at(dest(fields)).at('down').inc(),
    'acct.lock': (fields) => locks.at('account').atWord(fields['cause']).inc(),
    'ident.lock': (fields) => locks.at('identity').atWord(fields['cause']).inc(),
    'acct.complaint': ({ acct }) => complaints.at(acct === undefined ? 'no' : 'yes').inc(),
    'acct.bounce': () => returned.inc(),
    'alert.raise': (fields) => alerts.atWord(fields['alert']).at('raised').inc(),
    'alert.clear': (fields) => alerts.atWord(fields['alert']).at('cleared').inc(),
    'alert.fail': (fields) => untold.atWord(fields['target']).inc(),
    'notice.out': () => notices.inc(),
    'dsn.out': (fields) => {
      reports.inc();
      if (fields['proven'] === false) unproven.inc();
    },
    'store.error': () => storeErrors.inc(),
    // Without an id it is the line that tells of several.
    'store.full': ({ id }) => {
      if (id !== undefined) storeFull.inc();
    },
    'cfg.reload': () => reloaded.set(1),
    'cfg.error': () => reloaded.set(0),
    crash: () => crashes.inc(),
  };
  return (evt, fields) => meaning[evt]?.(fields);
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
