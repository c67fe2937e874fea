/** What the findings of an examination mean, and that greylisting is waited for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AddressHistory } from '../../src/delivery/address-history.ts';
import type { HealthNote } from '../../src/delivery/destination-health.ts';
import * as judge from '../../src/delivery/examination-judgements.ts';
import { examine } from '../../src/delivery/examination.ts';
import type { AddressRecord, Lookup } from '../../src/dns/resolver.ts';
import type { Reply } from '../../src/mail/reply.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { Destination } from '../support/destination.ts';
import { FakeClock } from '../support/fake-clock.ts';

const DAY = 24 * 3600_000;
const NOW = Date.UTC(2026, 5, 1);
const reply = (code: number, enhanced: string, text = 'x'): Reply => ({
  code,
  enhanced,
  lines: [text],
});
const OK = reply(250, '2.1.5');
const NO = reply(550, '5.1.1');

test('unknown recipients must be refused as unknown', () => {
  for (const [status, ...answers] of [
    ['PASS', NO, NO],
    ['FAIL', NO, OK],
    ['WARN', reply(450, '4.1.1'), NO],
    ['WARN', reply(554, '5.7.1', 'relay access denied'), NO],
    ['SKIP', NO, undefined],
  ] as const) {
    assert.equal(judge.judgeUnknown(answers, { takesAll: false }).status, status);
  }
  const declared = judge.judgeUnknown([NO, OK], { takesAll: true });
  assert.equal(declared.status, 'WARN', 'the file says that it takes everybody');
  assert.match(declared.detail, /as "recipients" declares/);
  assert.doesNotMatch(declared.fix ?? '', /cannot be there/);
});

test('who takes everybody must have said so', () => {
  const all = [OK];
  const fine = [NO];
  const of = (takesAll: boolean, refusesLate: boolean) => ({ takesAll, refusesLate });
  assert.equal(judge.judgeAcceptAll(all, of(true, false)).status, 'PASS');
  assert.equal(judge.judgeAcceptAll(all, of(false, false)).status, 'FAIL');
  assert.equal(judge.judgeAcceptAll(all, of(true, true)).status, 'WARN');
  assert.equal(judge.judgeAcceptAll(fine, of(false, false)).status, 'SKIP');
  assert.equal(judge.judgeAcceptAll(fine, of(false, true)).status, 'FAIL');
});

test('what mail met with of late counts although the examination finds nothing', () => {
  const quick = { banner: [3], ehlo: [1], mail: [], rcpt: [2] };
  const grey = judge.judgeGreylist([OK], 'a@b', { greylists: '450 4.2.0 Greylisted' });
  assert.deepEqual([grey.status, /Greylisted/.test(grey.detail)], ['WARN', true]);
  const slow = judge.judgeTimes(quick, undefined, { tarpits: 'answers after 5 s' });
  assert.deepEqual([slow.status, /after 5 s/.test(slow.detail)], ['WARN', true]);
  assert.equal(judge.judgeTimes(quick, undefined, { greylists: 'x' }).status, 'PASS');
});

test('slow answers are a tarpit, and being hung up on is one at once', () => {
  const times = (rcpt: number[]) => ({ banner: [3], ehlo: [1], mail: [], rcpt });
  assert.equal(judge.judgeTimes(times([5, 1999]), undefined).status, 'PASS');
  assert.equal(judge.judgeTimes(times([5, 2000]), undefined).status, 'WARN');
  assert.equal(judge.judgeTimes(times([5, 10_001]), undefined).status, 'FAIL');
  assert.equal(judge.judgeTimes(times([5]), '421 4.7.0 too many errors').status, 'FAIL');
});

test('permanently online is told from what was seen in the last week', () => {
  const note = (...history: [number, 'up' | 'down'][]): HealthNote => ({
    key: 'd',
    health: {
      state: 'up',
      since: NOW,
      fails: 0,
      lastKind: 'answered',
      lastText: '',
      lastAt: NOW,
      goodAt: NOW,
    },
    history: history.map(([daysAgo, state]) => ({ at: NOW - daysAgo * DAY, state, text: '' })),
  });
  const of = (watched: number, known?: HealthNote) =>
    judge.judgePermanent(known, NOW, NOW - watched * DAY).status;
  assert.equal(of(10), 'PASS');
  assert.equal(of(0), 'SKIP', 'just started');
  assert.equal(of(10, note([30, 'down'], [20, 'up'])), 'PASS', 'long ago');
  assert.equal(of(10, note([3, 'down'], [2.99, 'up'])), 'PASS', 'a quarter of an hour');
  assert.equal(of(10, note([3, 'down'], [2.8, 'up'])), 'WARN');
  assert.equal(of(10, note([3, 'down'], [2, 'up'])), 'FAIL');
  assert.equal(of(10, note([1, 'down'])), 'FAIL', 'and still is');
  assert.equal(of(0, note([2, 'down'], [1.9, 'up'])), 'WARN', 'a restart forgets no outage');
});

test('a name must keep its address', async () => {
  const clock = new FakeClock();
  let lookup: Lookup<AddressRecord> = { kind: 'unsure', text: 'timeout' };
  // oxlint-disable-next-line require-await -- the resolver's shape
  const resolver = { addresses: async () => lookup };
  const history = new AddressHistory({ map: new MemoryTtlMap({ clock }), resolver, clock });
  const look = async (...addresses: string[]) => {
    const records = addresses.map((address) => ({ address, ttlMs: 3_600_000 }));
    lookup = { kind: 'found', records };
    return judge.judgeFixed([await history.look('mail.example.org')], clock.now()).status;
  };
  assert.equal(
    judge.judgeFixed([await history.look('mail.example.org')], clock.now()).status,
    'WARN',
  );
  assert.equal(judge.judgeFixed([], clock.now()).status, 'PASS');
  assert.equal(await look('192.0.2.1', '192.0.2.2'), 'PASS');
  assert.equal(await look('192.0.2.2', '192.0.2.1'), 'PASS', 'the order is nothing');
  await clock.advance(DAY);
  assert.equal(await look('192.0.2.3'), 'WARN');
  await clock.advance(DAY);
  assert.equal(await look('192.0.2.4'), 'FAIL');
  await clock.advance(8 * DAY);
  assert.equal(await look('192.0.2.4'), 'PASS', 'a week of peace');
});

test('a destination that greylists is tried again, and found out when it lets in', async () => {
  let tries = 0;
  const destination = await new Destination({
    rcpt: (to) =>
      to.startsWith('check-')
        ? '550 5.1.1 no'
        : (tries += 1) < 3
          ? '451 4.7.1 grey'
          : '250 2.1.5 Ok',
  }).start();
  try {
    // Only its waits are hurried: deadlines of connections stay what they are.
    const sleep: Clock['sleep'] = (ms, signal) => systemClock.sleep(ms / 1000, signal);
    const clock = { ...systemClock, sleep };
    const steps = examine(
      {
        hostname: 'mx.sluice.test',
        clock,
        destination: {
          key: 'd',
          hosts: [{ host: '127.0.0.1', port: destination.port, priority: 0 }],
          tls: 'opportunistic',
          maxConnections: 5,
        },
        domain: 'example.org',
        known: undefined,
        sendTests: false,
        declared: { takesAll: false, refusesLate: false },
        atWork: {},
        health: undefined,
        watchedSince: 0,
        addresses: { look: () => Promise.reject(new Error('no name to look up')) },
      },
      new AbortController().signal,
    );
    const rows = [];
    for await (const step of steps) if (step.kind === 'row') rows.push(step.row);
    const grey = rows.find(({ test: name }) => name === 'greylist');
    assert.deepEqual(
      [grey?.status, grey?.detail],
      ['WARN', 'taken only at try 3: it greylists this gateway'],
    );
    assert.equal(tries, 3);
  } finally {
    await destination.stop();
  }
});
