/** The line for people: the samples of the operators' reference, and what must never get through. */
// oxlint-disable no-control-regex -- what must not come through
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Row } from '../../src/control/rows.ts';
import { TailFormat } from '../../src/cli/tail-format.ts';

process.env['TZ'] = 'UTC';

const PLAIN = { hasColour: false };
const at = (clock: string) => `2026-06-02T${clock}Z`;

function linesOf(...events: Row[]): string[] {
  const format = new TailFormat(PLAIN);
  return [...events.flatMap((event) => format.lines(event)), ...format.flush()];
}

const ID = '4K7QZ2M9XT.1';
const CAME: Row = {
  level: 'info',
  time: at('06:42:41.402'),
  evt: 'msg.in',
  ip: '203.0.113.9',
  sid: '4K7QZ2M9XT',
  id: ID,
  dir: 'in',
  res: 'accept',
  from: 'news@shop.example',
  to: 'anna@example.org,carl@example.org,dora@example.org',
  rcpts: '3/0/0',
  size: 12033,
  ms: 492,
};
const SENT: Row = {
  level: 'info',
  time: at('06:42:41.400'),
  evt: 'rcpt.sent',
  id: ID,
  to: 'anna@example.org',
  rip: '192.0.2.10',
  code: 250,
  enh: '2.0.0',
  text: '250 2.0.0 Ok: queued as 9F1',
};
const DONE: Row = {
  level: 'info',
  time: at('06:42:41.401'),
  evt: 'msg.done',
  id: ID,
  res: 'delivered',
  delay: 0.49,
};
const SENT_LINE =
  '06:42:41 in  SENT   4K7QZ2M9XT.1 news@shop.example > anna@example.org (+2)  12K 0.5s 192.0.2.10 250 2.0.0 Ok: queued as 9F1';

test('a message that is done is one line, whichever of its events comes first', () => {
  assert.deepEqual(linesOf(CAME, SENT, DONE), [SENT_LINE]);
  assert.deepEqual(linesOf(SENT, DONE, CAME), [SENT_LINE]);
});

test('a reply without its code in the text gets it in front', () => {
  assert.deepEqual(linesOf(CAME, { ...SENT, text: 'Ok: queued as 9F1' }, DONE), [SENT_LINE]);
});

test('a message that came in before we looked is shown with what is known', () => {
  const later = { level: 'info', time: at('06:42:44'), evt: 'srv.ready' };
  assert.deepEqual(linesOf(SENT, DONE, later), [
    '06:42:41 in  SENT   4K7QZ2M9XT.1 - > anna@example.org                       -  0.5s 192.0.2.10 250 2.0.0 Ok: queued as 9F1',
    '06:42:44 -   NOTE   srv.ready',
  ]);
});

test('a refused recipient is one line, and its transaction none', () => {
  const id = '4K7QZ30B01.1';
  const refused = {
    level: 'info',
    time: at('06:43:00.000'),
    evt: 'smtp.reject.rcpt',
    ip: '198.51.100.7',
    id,
    dir: 'in',
    from: 'x@spam.example',
    to: 'nobody@example.org',
    why: 'unknown_rcpt',
    code: 550,
    enh: '5.1.1',
    ms: 100,
  };
  const ended = { ...refused, evt: 'msg.in', res: 'reject' };
  assert.deepEqual(linesOf(refused, ended), [
    '06:43:00 in  REJECT 4K7QZ30B01.1 x@spam.example > nobody@example.org        -  0.1s 198.51.100.7 550 5.1.1 unknown_rcpt',
  ]);
});

test('a deferral says when it is tried next', () => {
  const deferred = {
    level: 'info',
    time: at('06:44:10'),
    evt: 'rcpt.defer',
    id: '4K7R0A11CD.1',
    from: 'bob@partner.example',
    to: 'carl@example.org',
    size: 1024,
    rip: '192.0.2.10',
    text: 'timeout',
    try: 1,
    delay: 10,
  };
  const line =
    '06:44:10 in  DEFER  4K7R0A11CD.1 bob@partner.example > carl@example.org     1K  10s 192.0.2.10 timeout, try 2 in 5m';
  assert.deepEqual(linesOf({ ...deferred, next: at('06:49:10') }), [line]);
  assert.deepEqual(linesOf({ ...deferred, next: Date.parse(at('06:49:10')) }), [line]);
});

test('each end of a message has its verb', () => {
  const base = {
    level: 'info',
    time: at('06:42:41'),
    id: ID,
    from: 'a@b.example',
    to: 'c@d.example',
  };
  for (const [event, verb] of [
    [{ evt: 'msg.in', res: 'reject' }, 'REJECT'],
    [{ evt: 'msg.in', res: 'tempfail' }, 'TEMPF'],
    [{ evt: 'msg.in', res: 'quarantine' }, 'QUAR'],
    [{ evt: 'msg.in', res: 'discard' }, 'DISC'],
    [{ evt: 'smtp.reject.data', code: 451 }, 'TEMPF'],
    [{ evt: 'smtp.reject.conn', code: 554 }, 'REJECT'],
    [{ evt: 'rcpt.fail' }, 'FAIL'],
    [{ evt: 'rcpt.hold' }, 'HOLD'],
    [{ evt: 'rcpt.expire' }, 'EXPIRE'],
    [{ evt: 'msg.done', res: 'deleted' }, 'DEL'],
    [{ evt: 'msg.in', res: 'accept', how: 'queued' }, 'QUEUE'],
    [{ evt: 'dest.down', dest: '192.0.2.10:25' }, 'DOWN'],
    [{ evt: 'dest.up', dest: '192.0.2.10:25' }, 'UP'],
    [{ evt: 'scan.error', level: 'warn' }, 'WARN'],
    [{ evt: 'store.error', level: 'error' }, 'ERROR'],
    [{ evt: 'crash', level: 'fatal' }, 'FATAL'],
  ] as const) {
    const [line] = linesOf({ ...base, ...event });
    assert.equal(line?.slice(13, 19).trim(), verb, `${event.evt} ${line}`);
  }
  for (const event of [
    { evt: 'msg.in', res: 'abort' },
    { evt: 'msg.done', res: 'failed' },
    { evt: 'smtp.open', level: 'debug' },
    { evt: 'smtp.close', level: 'info' },
  ]) {
    assert.deepEqual(linesOf({ ...base, ...event }), [], event.evt);
  }
});

const QUEUED: Row = { ...CAME, how: 'queued', why: 'dest_down', text: `Ok: ${ID} queued` };

test('a message that is queued is one line, with what its first attempt came to', () => {
  const refused = '192.0.2.10:25: connection refused';
  const deferred = { ...SENT, evt: 'rcpt.defer', code: undefined, rip: '', text: refused, try: 1 };
  const others = ['carl@example.org', 'dora@example.org'].map((to) => ({ ...deferred, to }));
  const line = (text: string) =>
    `06:42:41 in  QUEUE  4K7QZ2M9XT.1 news@shop.example > anna@example.org (+2)  12K 0.5s ${text}`;
  assert.deepEqual(linesOf(deferred, ...others, QUEUED), [line(refused)]);
  assert.deepEqual(linesOf(QUEUED), [line('dest_down')], 'it was known to be down');
  const later = { ...SENT, time: at('06:52:41') };
  const done = { ...DONE, time: at('06:52:41'), delay: 600 };
  assert.deepEqual(linesOf(QUEUED, later, done), [
    line('dest_down'),
    SENT_LINE.replace('06:42', '06:52').replace('0.5s', ' 10m'),
  ]);
});

test('of a message that some have and others not, each is told', () => {
  const to = 'carl@example.org';
  const failed = { ...SENT, evt: 'rcpt.fail', to, code: 550, enh: '5.1.1', text: '550 5.1.1 gone' };
  const held = { ...failed, evt: 'rcpt.hold', why: 'undeliverable', rip: '' };
  const came = { ...QUEUED, to: `anna@example.org,${to}`, rcpts: '2/0/0' };
  const told = linesOf(SENT, failed, came, held).map((line) => line.replaceAll(/  +/g, ' '));
  assert.deepEqual(told, [
    `06:42:41 in SENT 4K7QZ2M9XT.1 news@shop.example > anna@example.org 12K - 192.0.2.10 250 2.0.0 Ok: queued as 9F1`,
    '06:42:41 in QUEUE 4K7QZ2M9XT.1 news@shop.example > carl@example.org 12K 0.5s 192.0.2.10 550 5.1.1 gone',
    '06:42:41 in HOLD 4K7QZ2M9XT.1 news@shop.example > carl@example.org 12K - undeliverable: 550 5.1.1 gone',
  ]);
});

test('mail that a filter holds is one line, mail held for an outage says so', () => {
  const held = { ...SENT, evt: 'rcpt.hold', code: undefined, rip: '' };
  const added = { ...SENT, evt: 'quar.add', why: 'spam', text: '15.1', level: 'info' };
  const quarantined = { ...CAME, res: 'quarantine', how: 'held', why: 'spam' };
  const verbs = (...events: Row[]) => linesOf(...events).map((line) => line.slice(13, 19).trim());
  assert.deepEqual(verbs(added, quarantined), ['QUAR']);
  const waits = { ...held, why: 'outage', text: 'nobody could be asked' };
  const [line, ...more] = linesOf(waits, { ...CAME, how: 'held', why: 'outage' });
  assert.match(line ?? '', / HOLD .* outage: nobody could be asked$/);
  assert.deepEqual(more, []);
});

test('a destination: what happened to it, for how long, and whose mail it is about', () => {
  const base = { time: at('06:42:41'), dest: '192.0.2.10:25', domains: ['a.example', 'b.example'] };
  const text = '192.0.2.10:25: connection refused';
  assert.deepEqual(linesOf({ ...base, level: 'warn', evt: 'dest.down', fails: 2, text }), [
    '06:42:41 -   DOWN   192.0.2.10:25: connection refused (a.example, b.example)',
  ]);
  assert.deepEqual(linesOf({ ...base, level: 'info', evt: 'dest.up', down: 320 }), [
    '06:42:41 -   UP     192.0.2.10:25 answers again, was down for 5m (a.example, b.example)',
  ]);
  const given = { ...base, dest: 'to:192.0.2.10:25', domains: [] };
  assert.deepEqual(linesOf({ ...given, level: 'warn', evt: 'dest.down', fails: 2, text }), [
    '06:42:41 -   DOWN   192.0.2.10:25: connection refused (requeued mail)',
  ]);
});

test('what the gateway says of itself is shown without its members', () => {
  const base = { level: 'info', time: at('06:42:41') };
  assert.deepEqual(linesOf({ ...base, evt: 'plugin.load', plugin: 'clamav', file: '/x' }), []);
  const started = { ...base, evt: 'srv.start', msg: 'SMTP: mx on 127.0.0.1:25', version: '1' };
  assert.deepEqual(linesOf(started, { ...base, evt: 'srv.ready', listeners: [{ port: 25 }] }), [
    '06:42:41 -   NOTE   srv.start SMTP: mx on 127.0.0.1:25',
    '06:42:41 -   NOTE   srv.ready',
  ]);
});

test('nothing from the network moves the cursor or turns the text round', () => {
  const evil = 'a\x1b[2J\r\n\x9b1m\u202emoc.knab@x.example';
  const lines = linesOf(
    { ...CAME, from: evil, to: evil, res: 'reject', why: evil },
    { level: 'warn', time: at('06:42:41'), evt: 'smtp.proto', text: evil, [evil]: evil },
    { ...SENT, evt: 'rcpt.defer', text: evil },
  );
  assert.equal(lines.length, 3);
  for (const line of lines) {
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
    assert.match(line, /\\x1b\[2J\\x0d\\x0a\\x9b1m\\u\{202e\}/);
  }
});

test('colour is by the verb only, and only where it is wanted', () => {
  const format = new TailFormat({ hasColour: true });
  const [line] = [CAME, SENT, DONE].flatMap((event) => format.lines(event));
  assert.equal(line, SENT_LINE.replace('SENT  ', '\x1b[32mSENT  \x1b[0m'));
});

test('what happened to mail before its msg.in is shown with its sender', () => {
  const deferred = {
    ...SENT,
    evt: 'rcpt.defer',
    code: undefined,
    rip: '',
    text: 'timeout',
    try: 1,
  };
  assert.deepEqual(linesOf(deferred, CAME), [
    '06:42:41 in  DEFER  4K7QZ2M9XT.1 news@shop.example > anna@example.org       12K    - timeout',
  ]);
});

test('a delivery that led to a refusal is one line: the refusal', () => {
  const failed = { ...SENT, evt: 'rcpt.fail', code: 550, text: '550 no such user' };
  const refused = { ...CAME, res: 'reject', why: 'destination', code: 550, enh: '5.1.1' };
  const told = { ...refused, evt: 'smtp.reject.data' };
  const verbs = (...events: Row[]) => linesOf(...events).map((line) => line.slice(13, 19));
  assert.deepEqual(verbs(failed, refused), ['REJECT']);
  assert.deepEqual(verbs(failed, told, refused), ['REJECT']);
  // Afterwards, with a message that was ours, it is a failure.
  assert.deepEqual(verbs(CAME, failed), ['FAIL  ']);
});

test('a filter sees all that is known of a message, whatever the event carries', () => {
  const shown = (ip: string) => {
    const format = new TailFormat(PLAIN, (facts) => facts['ip'] === ip);
    return [CAME, SENT, DONE].flatMap((event) => format.lines(event));
  };
  assert.deepEqual(shown('203.0.113.9'), [SENT_LINE]);
  assert.deepEqual(shown('203.0.113.10'), []);
});

test('the memory for messages is bounded', () => {
  const format = new TailFormat(PLAIN);
  for (let n = 0; n < 25_000; n++) {
    format.lines({ ...SENT, id: `4K7QZ2M9XT.${n}` });
    format.lines({ ...DONE, id: `4K7QZ2M9XT.${n}` });
  }
  assert.equal(format.flush().length, 10_000);
});

test('a delivery of mail that came before we looked still has its sender and size', () => {
  const { from, size } = CAME;
  const [line, ...more] = linesOf(SENT, { ...DONE, from, size });
  assert.match(line ?? '', / SENT +\S+ news@shop\.example > anna@example\.org +12K 0\.5s /);
  assert.deepEqual(more, []);
  const [late] = linesOf({ ...SENT, evt: 'rcpt.defer', from, size, delay: 9, code: 450 });
  assert.match(late ?? '', / DEFER +\S+ news@shop\.example > anna@example\.org +12K /);
});
