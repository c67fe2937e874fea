/** The metrics say what the events said, under the names that dashboards rely on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { EventName, Fields } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';

const OPTIONS = { version: '1.2.3', node: 'mx1.example.net', processMetrics: false };

async function afterEvents(...events: [EventName, Fields][]): Promise<string[]> {
  const metrics = createMetrics(OPTIONS);
  for (const [evt, fields] of events) metrics.meter(evt, fields);
  return (await metrics.text()).split('\n');
}

/** The value of a series, or undefined when it is not there. */
function valueOf(lines: readonly string[], series: string): number | undefined {
  const line = lines.find((text) => text.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const CASES: readonly [EventName, Fields, series: string, value: number][] = [
  ['smtp.open', { listener: 'mx' }, 'sluice_smtp_connections_total{listener="mx"}', 1],
  ['smtp.early', {}, 'sluice_smtp_connections_rejected_total{reason="early"}', 1],
  ['smtp.reject.conn', { why: 'rate' }, 'sluice_smtp_connections_rejected_total{reason="rate"}', 1],
  [
    'smtp.tls',
    { proto: 'TLSv1.3' },
    'sluice_tls_handshakes_total{version="TLSv1.3",result="ok"}',
    1,
  ],
  ['smtp.lost', { why: 'tls' }, 'sluice_tls_handshakes_total{version="none",result="failed"}', 1],
  [
    'smtp.reject.rcpt',
    { why: 'unknown_rcpt', code: 550 },
    'sluice_smtp_recipients_total{direction="in",result="reject",reason="unknown_rcpt"}',
    1,
  ],
  [
    'smtp.reject.rcpt',
    { why: 'dest_down', code: 451 },
    'sluice_smtp_recipients_total{direction="in",result="tempfail",reason="dest_down"}',
    1,
  ],
  [
    'msg.in',
    { dir: 'in', res: 'reject', why: 'virus', rcpts: '1/0/0' },
    'sluice_smtp_transactions_total{direction="in",result="reject",reason="virus"}',
    1,
  ],
  [
    'msg.in',
    { dir: 'in', res: 'accept', rcpts: '3/1/2' },
    'sluice_smtp_recipients_total{direction="in",result="accept",reason="none"}',
    3,
  ],
  [
    'msg.in',
    { dir: 'in', res: 'accept', size: 1234 },
    'sluice_smtp_received_bytes_total{direction="in"}',
    1234,
  ],
  [
    'scan.result',
    { engine: 'clamav', verdict: 'clean', ms: 40 },
    'sluice_scan_total{engine="clamav",verdict="clean"}',
    1,
  ],
  [
    'scan.result',
    { engine: 'clamav', verdict: 'clean', ms: 40 },
    'sluice_scan_duration_seconds_bucket{le="0.05",engine="clamav"}',
    1,
  ],
  ['scan.error', { engine: 'clamav' }, 'sluice_scan_total{engine="clamav",verdict="error"}', 1],
  [
    'rcpt.sent',
    { dest: 'example.org' },
    'sluice_delivery_attempts_total{dest="example.org",result="sent",reason="none"}',
    1,
  ],
  [
    'rcpt.defer',
    { dest: 'example.org', why: 'dest_down' },
    'sluice_delivery_attempts_total{dest="example.org",result="deferred",reason="dest_down"}',
    1,
  ],
  [
    'dest.down',
    { dest: '192.0.2.10:25, 192.0.2.11:25 tls=off' },
    'sluice_destination_changes_total{dest="192.0.2.10:25, 192.0.2.11:25 tls=off",state="down"}',
    1,
  ],
  [
    'dest.up',
    { dest: 'example.org' },
    'sluice_destination_changes_total{dest="example.org",state="up"}',
    1,
  ],
  [
    'msg.done',
    { res: 'delivered', delay: 0.4 },
    'sluice_message_latency_seconds_bucket{le="0.5",result="delivered"}',
    1,
  ],
  ['msg.in', { dir: 'out', res: 'accept', from: '' }, 'sluice_null_sender_outbound_total', 1],
  ['msg.in', { dir: 'in', res: 'accept', from: '' }, 'sluice_null_sender_outbound_total', 0],
  [
    'rcpt.check',
    { source: 'callout', result: 'known', ms: 40 },
    'sluice_recipient_check_duration_seconds_bucket{le="0.05",source="callout"}',
    1,
  ],
  [
    'rcpt.sent',
    { stages: { q: 0.02, c: 0.001, t: 3 } },
    'sluice_delivery_delay_seconds_bucket{le="2.5",stage="transfer"}',
    0,
  ],
  [
    'rcpt.sent',
    { stages: { q: 0.02, c: 0.001, t: 3 } },
    'sluice_delivery_delay_seconds_sum{stage="queue"}',
    0.02,
  ],
  ['crash', {}, 'sluice_account_locks_total{kind="account",cause="spam"}', 0],
  ['rcpt.defer', { maybe: true }, 'sluice_maybe_delivered_total', 1],
  ['rcpt.sent', {}, 'sluice_maybe_duplicates_total', 0],
  ['rcpt.sent', { again: true }, 'sluice_maybe_duplicates_total', 1],
  ['alert.raise', { alert: 'disk_low' }, 'sluice_alerts_total{alert="disk_low",state="raised"}', 1],
  ['alert.fail', { target: 'mail' }, 'sluice_alert_failures_total{target="mail"}', 1],
  ['notice.out', {}, 'sluice_notices_sent_total', 1],
  ['dsn.out', { proven: true }, 'sluice_dsn_sent_total', 1],
  ['dsn.out', { proven: true }, 'sluice_dsn_unproven_total', 0],
  ['dsn.out', { proven: false }, 'sluice_dsn_unproven_total', 1],
  ['cfg.error', {}, 'sluice_config_last_reload_successful', 0],
  ['crash', {}, 'sluice_crashes_total', 1],
];

for (const [evt, fields, series, value] of CASES) {
  test(`${evt} ${JSON.stringify(fields)} counts as ${series}`, async () => {
    assert.equal(valueOf(await afterEvents([evt, fields]), series), value);
  });
}

test('nothing from the network becomes a label', async () => {
  const why = 'x"} 1\nevil{a="'.repeat(10);
  const lines = await afterEvents(['msg.in', { res: 'reject', why }]);
  const series = 'sluice_smtp_transactions_total{direction="in",result="reject",reason="other"}';
  assert.equal(valueOf(lines, series), 1);
});

test('levels are read when somebody asks, and gone when their source is', async () => {
  const metrics = createMetrics(OPTIONS);
  const before = await metrics.text();
  assert.match(before, /^sluice_build_info\{version="1.2.3",node="mx1.example.net"\} 1$/m);
  assert.match(
    before,
    /^sluice_dsn_unproven_total 0$/m,
    'what must stay 0 is there from the start',
  );
  const queue = { deferred: 17, hold: 2, bytes: 4096 };
  let connections: Record<string, number> = { mx: 5, submission: 1 };
  metrics.watch({
    connections: () => connections,
    queue: () => queue,
    queueAgeMs: async () => 90_500,
    waiting: () => [{ dest: 'example.org', messages: 12 }],
    kept: () => ({ messages: 3, bytes: 2048 }),
    destinations: () => [
      { dest: '192.0.2.10:25', up: true, goodAt: 1_800_000_000_500 },
      { dest: '192.0.2.11:25', up: false, goodAt: undefined },
    ],
    scanners: () => [
      { name: 'clamav', up: true },
      { name: 'rspamd', up: false },
    ],
    accounts: () => [
      { kind: 'user', state: 'active' },
      { kind: 'user', state: 'active' },
      { kind: 'address', state: 'off' },
    ],
    limitUse: async () => [{ account: 'example.org', window: 'day', ratio: 0.25 }],
    loadedAt: () => 1_800_000_000_000,
    certificateUntil: () => 1_900_000_000_000,
    logDropped: () => 7,
    store: () => ({ engine: 'leveldb', up: true }),
    freeBytes: async () => 5e9,
    records: () => ({ isUp: true, waiting: 1, written: 40, lost: 2, bytes: 9000, days: 3 }),
  });
  const lines = (await metrics.text()).split('\n');
  assert.equal(valueOf(lines, 'sluice_queue_messages{state="deferred"}'), 17);
  assert.equal(valueOf(lines, 'sluice_queue_messages{state="hold"}'), 2);
  assert.equal(valueOf(lines, 'sluice_destination_up{dest="192.0.2.10:25"}'), 1);
  assert.equal(valueOf(lines, 'sluice_accounts{kind="user",state="active"}'), 2);
  assert.equal(valueOf(lines, 'sluice_scanner_up{engine="clamav"}'), 1);
  assert.equal(valueOf(lines, 'sluice_scanner_up{engine="rspamd"}'), 0);
  const use = 'sluice_account_limit_used_ratio{account="example.org",window="day"}';
  assert.equal(valueOf(lines, use), 0.25);
  assert.equal(valueOf(lines, 'sluice_queue_oldest_age_seconds'), 90.5);
  assert.equal(valueOf(lines, 'sluice_queue_destination_messages{dest="example.org"}'), 12);
  const good = 'sluice_destination_last_success_timestamp_seconds';
  assert.equal(valueOf(lines, `${good}{dest="192.0.2.10:25"}`), 1_800_000_000.5);
  assert.equal(valueOf(lines, `${good}{dest="192.0.2.11:25"}`), undefined);
  const loaded = 'sluice_config_last_reload_success_timestamp_seconds';
  assert.equal(valueOf(lines, loaded), 1_800_000_000);
  assert.equal(valueOf(lines, 'sluice_certificate_expiry_timestamp_seconds'), 1_900_000_000);
  assert.equal(valueOf(lines, 'sluice_log_dropped_total'), 7);
  assert.equal(valueOf(lines, 'sluice_records_written_total'), 40);
  assert.equal(valueOf(lines, 'sluice_records_bytes'), 9000);
  assert.equal(valueOf(lines, 'sluice_destination_up{dest="192.0.2.11:25"}'), 0);
  assert.equal(valueOf(lines, 'sluice_queue_bytes'), 4096);
  assert.equal(valueOf(lines, 'sluice_quarantine_messages'), 3);
  assert.equal(valueOf(lines, 'sluice_quarantine_bytes'), 2048);
  assert.equal(valueOf(lines, 'sluice_smtp_connections{listener="mx"}'), 5);
  assert.equal(valueOf(lines, 'sluice_store_up{engine="leveldb"}'), 1);
  assert.equal(valueOf(lines, 'sluice_spool_free_bytes'), 5e9);
  connections = { mx: 4 };
  const later = (await metrics.text()).split('\n');
  assert.equal(valueOf(later, 'sluice_smtp_connections{listener="mx"}'), 4);
  assert.equal(valueOf(later, 'sluice_smtp_connections{listener="submission"}'), undefined);
});

test('what takes time is counted by its steps, each bucket with all below it', async () => {
  const metrics = createMetrics(OPTIONS);
  const { took } = metrics;
  took.storeWrite(4);
  took.storeWrite(5);
  took.storeWrite(60_000);
  took.lookup('MX', 'found', 30);
  took.lookup('MX', 'unsure', 12_000);
  const lines = (await metrics.text()).split('\n');
  const store = (le: string) =>
    valueOf(lines, `sluice_store_op_duration_seconds_bucket{le="${le}",op="write"}`);
  assert.deepEqual([store('0.005'), store('0.01'), store('30'), store('+Inf')], [2, 2, 2, 3]);
  assert.equal(valueOf(lines, 'sluice_store_op_duration_seconds_count{op="write"}'), 3);
  assert.equal(valueOf(lines, 'sluice_store_op_duration_seconds_sum{op="write"}'), 60.009);
  assert.equal(valueOf(lines, 'sluice_dns_lookups_total{type="MX",result="unsure"}'), 1);
  assert.equal(valueOf(lines, 'sluice_dns_lookup_duration_seconds_bucket{le="0.05",type="MX"}'), 1);
  assert.equal(lines.filter((line) => line.startsWith('# TYPE sluice_store_op_')).length, 1);
});

test('two registries know nothing of each other', async () => {
  const [one, other] = [createMetrics(OPTIONS), createMetrics(OPTIONS)];
  one.meter('crash', {});
  assert.match(await other.text(), /^sluice_crashes_total 0$/m);
});
