/** The times of the scheduler: when what waits is tried, and what is left alone meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { settle } from '../support/fake-clock.ts';
import { destination, MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

test('a temporary refusal is tried again at the configured times, the last one repeating', async () => {
  const rig = new SchedulerRig();
  rig.courier.says = () => '450';
  rig.scheduler.start();
  const from = rig.clock.now();
  const id = await rig.mail(['anna@a.test']);
  await rig.clock.advance(40 * MINUTE);
  assert.deepEqual(rig.minutesOf(id, from), [0, 1, 6, 16, 26, 36]);
  const [entry] = await rig.entries();
  assert.equal(entry?.attempts, 6);
  assert.deepEqual(entry?.recipients[0]?.last?.code, 450);
  const defers = rig.log.of('rcpt.defer');
  assert.equal(defers.length, 6);
  assert.equal(defers[1]?.['next'], new Date(from + 6 * MINUTE).toISOString());
  assert.deepEqual([defers[1]?.['try'], defers[1]?.['why']], [2, 'destination']);
  await rig.scheduler.stop();
  assert.equal(rig.clock.waiting, 0, 'a stopped scheduler leaves no timer behind');
});

test('a wake finds new mail at once, though another delivery of the domain hangs', async () => {
  const rig = new SchedulerRig();
  rig.courier.takesMs = 10 * MINUTE;
  rig.scheduler.start();
  await rig.mail(['slow@a.test']);
  await rig.clock.advance(1000);
  rig.courier.takesMs = 0;
  await rig.mail(['quick@a.test']);
  await settle();
  assert.deepEqual(
    rig.courier.taken.map(({ to }) => to),
    ['quick@a.test'],
  );
  assert.equal(rig.scheduler.activeDeliveries, 1);
  await rig.clock.advance(10 * MINUTE);
  assert.equal((await rig.entries()).length, 0);
});

test('mail becomes due while another delivery of the domain hangs', async () => {
  const rig = new SchedulerRig();
  rig.courier.says = (_, address) => (address.startsWith('busy') ? '450' : '250');
  rig.scheduler.start();
  const from = rig.clock.now();
  const id = await rig.mail(['busy@a.test']);
  await settle();
  rig.courier.takesMs = 10 * MINUTE;
  await rig.mail(['slow@a.test']);
  await rig.clock.advance(2 * MINUTE);
  assert.deepEqual(rig.minutesOf(id, from), [0, 1]);
});

test('the last attempt is at the end of the lifetime, then the message is held as expired', async () => {
  const rig = new SchedulerRig({ policy: { lifetimeMs: 20 * MINUTE } });
  rig.courier.says = () => '450';
  rig.scheduler.start();
  const from = rig.clock.now();
  const id = await rig.mail(['anna@a.test']);
  await rig.clock.advance(60 * MINUTE);
  assert.deepEqual(rig.minutesOf(id, from), [0, 1, 6, 16, 20]);
  const [entry] = await rig.entries();
  assert.equal(entry?.hold?.reason, 'expired');
  assert.match(entry?.hold?.text ?? '', /^450 /);
  const lines = [...rig.log.of('rcpt.expire'), ...rig.log.of('rcpt.hold')];
  const line = ['anna@a.test', 'expired', 1200, id.slice(0, 10)];
  assert.deepEqual(
    lines.map(({ to, why, age, sid }) => [to, why, age, sid]),
    [line, line],
  );
  assert.equal(rig.log.of('msg.done').length, 0, 'what is held is not done');
});

test('a destination that is down is not tried, only probed, at the configured interval', async () => {
  const rig = new SchedulerRig();
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  const from = rig.clock.now();
  await rig.mail(['anna@a.test']);
  await settle();
  assert.equal(rig.health.isDown('A'), true);
  for (let n = 0; n < 50; n++) await rig.mail([`more${n}@a.test`]);
  await rig.clock.advance(3 * MINUTE);
  assert.equal(rig.courier.begun.length, 1, 'only the first one, which found out');
  assert.deepEqual(
    rig.courier.probes.map(({ at }) => (at - from) / 1000),
    [30, 60, 90, 120, 150, 180],
  );
  rig.probeMs = 2 * MINUTE;
  await rig.clock.advance(5 * MINUTE);
  assert.equal(rig.courier.probes.length, 6 + 3, 'one was planned before the reload');
  const attempts = (await rig.entries()).map((entry) => entry.attempts);
  assert.equal(
    attempts.reduce((sum, n) => sum + n),
    1,
    'an outage uses no attempts up',
  );
});

test('out of reach once, though it answered a moment ago: a probe says whether it is down', async () => {
  const rig = new SchedulerRig();
  rig.probeMs = 500;
  rig.scheduler.start();
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  rig.courier.says = () => 'unreachable';
  await rig.mail(['anna@a.test']);
  await settle();
  assert.equal(rig.health.isDown('A'), false);
  await rig.clock.advance(500);
  assert.equal(rig.health.isDown('A'), true);
  rig.courier.says = () => '250';
  await rig.clock.advance(500);
  assert.equal(rig.courier.taken.length, 1, 'long before its next try');
});

test('many destinations that are down: each is probed, in all not more often than a machine notices', async () => {
  const many = Array.from({ length: 1000 }, (_, n) => destination(`D${n}`, 20));
  const rig = new SchedulerRig({
    scheduler: { destinations: () => many.filter((one) => one !== undefined) },
  });
  rig.probeMs = 500;
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  for (const one of many) rig.health.observe(one?.key ?? '', { kind: 'unreachable', text: 'gone' });
  await rig.clock.advance(30_000);
  const { probes } = rig.courier;
  assert.equal(new Set(probes.map(({ key }) => key)).size, many.length);
  assert.ok(probes.length <= 31 * 100, `${probes.length} probes in 30 s`);
});

test('many that are seldom asked do not keep one waiting that is asked often', async () => {
  const often = destination('A', 20);
  const seldom = Array.from({ length: 1000 }, (_, n) => destination(`mx:d${n}`, 20));
  const rig = new SchedulerRig({
    scheduler: {
      destinations: () => [...seldom, often].filter((one) => one !== undefined),
      probeMs: (key) => (key === 'A' ? 500 : 5 * MINUTE),
    },
  });
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  for (const one of [...seldom, often])
    rig.health.observe(one?.key ?? '', { kind: 'unreachable', text: 'gone' });
  await rig.clock.advance(5000);
  assert.equal(rig.courier.probes.length, 10);
});

test('a destination that is down is probed even when no mail waits for it', async () => {
  const rig = new SchedulerRig({
    scheduler: { destinations: () => [destination('A', 20)].filter((one) => one !== undefined) },
  });
  rig.scheduler.start();
  rig.health.observe('A', { kind: 'unreachable', text: 'seen by a callout' });
  await rig.clock.advance(2 * MINUTE);
  assert.equal(rig.health.isDown('A'), false, 'callouts may ask again');
});

test('the lifetime counts during an outage', async () => {
  const rig = new SchedulerRig({ policy: { lifetimeMs: 60 * MINUTE } });
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  await rig.mail(['old@a.test']);
  await rig.clock.advance(30 * MINUTE);
  await rig.mail(['young@a.test']);
  const released = {
    expiresAt: rig.clock.now() + 600 * MINUTE,
    queuedAt: rig.clock.now() - 500 * MINUTE,
  };
  await rig.mail(['released@a.test'], { id: '0000000000.9', ...released });
  await rig.clock.advance(31 * MINUTE);
  const held = async () =>
    (await rig.entries()).flatMap(({ hold, recipients: [first] }) =>
      hold === undefined ? [] : [`${first?.address.local} ${hold.reason}`],
    );
  assert.deepEqual(await held(), ['old expired']);
  await rig.clock.advance(30 * MINUTE);
  assert.deepEqual(await held(), ['old expired', 'young expired'], 'an older one with time left');
  assert.equal(rig.courier.begun.length, 1);
});

test('an operator wants it now: a destination that is down is probed at once', async () => {
  const rig = new SchedulerRig();
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await rig.clock.advance(5000);
  rig.courier.says = () => '250';
  rig.scheduler.retryNow('a.test');
  await settle();
  assert.equal(rig.courier.probes.length, 1);
  assert.equal((await rig.entries()).length, 0);
});

test('a domain that is not served any more: its mail waits until it is, or its lifetime is over', async () => {
  const rig = new SchedulerRig({ policy: { lifetimeMs: 600 * MINUTE } });
  rig.courier.says = () => '450';
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await rig.mail(['late@a.test'], { expiresAt: rig.clock.now() + 5 * MINUTE });
  await settle();
  const { domains } = rig;
  rig.domains = {};
  rig.courier.says = () => '250';
  await rig.clock.advance(60 * MINUTE);
  const [waits, late] = await rig.entries();
  assert.equal(waits?.hold, undefined);
  assert.match(waits?.recipients[0]?.last?.text ?? '', /not served/);
  assert.equal(late?.hold?.reason, 'expired');
  assert.deepEqual(rig.courier.taken, []);

  rig.domains = domains;
  rig.scheduler.rerouted(() => undefined);
  await settle();
  assert.deepEqual(
    rig.courier.taken.map(({ to }) => to),
    ['anna@a.test'],
  );
});

test('two recipients, two destinations: each goes its own way', async () => {
  const rig = new SchedulerRig({ domains: { 'a.test': 'A', 'b.test': 'B' } });
  rig.courier.says = (key) => (key === 'A' ? '250' : 'unreachable');
  rig.scheduler.start();
  await rig.mail(['anna@a.test', 'bert@b.test']);
  await settle();
  assert.deepEqual(
    rig.courier.taken.map(({ to }) => to),
    ['anna@a.test'],
  );
  assert.equal(rig.health.isDown('B'), true);
  rig.courier.says = () => '250';
  await rig.clock.advance(20 * MINUTE);
  assert.deepEqual(
    rig.courier.taken.map(({ to }) => to),
    ['anna@a.test', 'bert@b.test'],
  );
  assert.equal((await rig.entries()).length, 0);
});

test('mixed outcomes: who was taken leaves, who was refused waits for the end, who may yet be is tried', async () => {
  const rig = new SchedulerRig();
  const sayings: Record<string, '250' | '450' | '550'> = {
    'good@a.test': '250',
    'bad@a.test': '550',
    'late@a.test': '450',
  };
  rig.courier.says = (_, address) => sayings[address] ?? '250';
  rig.scheduler.start();
  const id = await rig.mail(['good@a.test', 'bad@a.test', 'late@a.test']);
  await rig.clock.advance(MINUTE);
  assert.deepEqual(
    rig.courier.begun.map(({ to }) => to),
    [['good@a.test', 'bad@a.test', 'late@a.test'], ['late@a.test']],
  );
  sayings['late@a.test'] = '250';
  await rig.clock.advance(5 * MINUTE);
  const [entry] = await rig.entries();
  assert.deepEqual(
    [entry?.recipients.map(({ address }) => address.local), entry?.hold?.reason],
    [['bad'], 'undeliverable'],
  );
  assert.equal(rig.log.of('rcpt.fail').length, 1);
  assert.deepEqual(
    rig.log.of('rcpt.hold').map((line) => [line['to'], line['why']]),
    [['bad@a.test', 'undeliverable']],
  );

  sayings['bad@a.test'] = '250';
  assert.equal(await rig.spool.administer(id, { kind: 'due', release: true }), true);
  rig.scheduler.wake('a.test');
  await settle();
  assert.equal((await rig.entries()).length, 0, 'a person wanted it again');
  const [done] = rig.log.of('msg.done');
  assert.deepEqual([done?.['id'], done?.['res'], done?.['tries']], [id, 'delivered', 4]);
});

test('a lost final reply marks the message and it is tried again', async () => {
  const rig = new SchedulerRig();
  rig.courier.says = () => 'lost';
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await settle();
  assert.equal((await rig.entries())[0]?.maybeDelivered, true);
  assert.equal(rig.log.of('rcpt.defer')[0]?.['maybe'], true);
  rig.courier.says = () => '250';
  await rig.clock.advance(MINUTE);
  assert.equal((await rig.entries()).length, 0);
});

test('after a restart everything stored is found and delivered', async () => {
  const first = new SchedulerRig();
  first.courier.says = () => '450';
  first.scheduler.start();
  await first.mail(['anna@a.test']);
  const second = new SchedulerRig({ clock: first.clock, disk: first.disk });
  second.scheduler.start();
  await second.clock.advance(5 * MINUTE);
  assert.equal(second.courier.taken.length, 1);
});

test('held mail is never touched', async () => {
  const rig = new SchedulerRig();
  rig.scheduler.start();
  const hold = { by: 'admin', at: 0, reason: 'by_hand', text: '' } as const;
  await rig.mail(['anna@a.test'], { hold });
  await rig.clock.advance(60 * MINUTE);
  rig.scheduler.recovered('A');
  await settle();
  assert.equal(rig.courier.begun.length, 0);
});

test('content that trips us up is put off and does not stop the others', async () => {
  const rig = new SchedulerRig();
  const { entry, bytes } = rig.entry(['poison@a.test']);
  await rig.spool.commit(entry, rig.clock.now(), memoryContent([bytes]));
  const readContent = rig.spool.readContent.bind(rig.spool);
  rig.spool.readContent = (id) => {
    if (id === entry.id) throw new TypeError('poison');
    return readContent(id);
  };
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await settle();
  assert.deepEqual(
    rig.courier.taken.map(({ to }) => to),
    ['anna@a.test'],
  );
  assert.equal(rig.log.of('crash').length, 1);
  const [left] = await rig.entries();
  assert.equal(left?.attempts, 1);
  await rig.clock.advance(50_000);
  assert.equal(rig.log.of('crash').length, 1, 'it waits for its time like any other');
});

test('damaged content is held', async () => {
  const rig = new SchedulerRig();
  rig.spool.readContent = () => {
    throw new CodedError('STORE_DAMAGED', 'digest');
  };
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await settle();
  assert.match((await rig.entries())[0]?.hold?.text ?? '', /damaged/);
});
