/** Who is told of a failure, who must never be, and that nothing goes silently away between them. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { createIds } from '../../src/base/ids.ts';
import type { Reports } from '../../src/delivery/reports.ts';
import { createReports, dsnOwed, fateOf } from '../../src/delivery/reports.ts';
import type { RcptParameters } from '../../src/mail/envelope.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { settle } from '../support/fake-clock.ts';
import type { Saying } from '../support/fake-courier.ts';
import type { MemorySpoolOptions, MemoryStep } from '../../src/store/memory/spool.ts';
import { MINUTE, recipient, SchedulerRig } from '../support/scheduler-rig.ts';

const SENDER = { local: 'anna', domain: 'own.test' };

/** Domain `own.test` is hosted; its server takes everything. */
function reportingRig(fault?: MemorySpoolOptions['fault']): SchedulerRig {
  let made: Reports | undefined;
  const reports = () =>
    (made ??= createReports({
      store: rig.spool,
      ids: createIds(rig.clock),
      clock: rig.clock,
      log: rig.log,
      hostname: () => 'mx1.example.net',
      lifetimeMs: () => rig.policy.lifetimeMs,
      hosted: (domain) => (domain === 'own.test' ? domain : undefined),
      language: () => 'auto',
      texts: () => ({}),
      wake: (dest) => rig.scheduler.wake(dest),
    }));
  const rig: SchedulerRig = new SchedulerRig({
    domains: { 'a.test': 'A', 'own.test': 'OWN' },
    policy: { lifetimeMs: 20 * MINUTE },
    ...(fault && { fault }),
    scheduler: {
      reports: {
        failed: (entry, recipients) => reports().failed(entry, recipients),
        delayed: (entry, recipients) => reports().delayed(entry, recipients),
        handed: (entry, handed) => reports().handed(entry, handed),
      },
    },
  });
  return rig;
}

const ALL = ['SUCCESS', 'FAILURE', 'DELAY'] as const;
const OWED: [why: string, entry: Partial<SpoolEntry>, parameters: RcptParameters, owed: string][] =
  [
    ['proven, nothing said', { senderProven: true }, {}, 'failed delayed'],
    ['not proven', { senderProven: false }, {}, ''],
    ['not proven, though asked for', { senderProven: false }, { notify: ALL }, ''],
    ['the null reverse-path', { senderProven: true, reversePath: null }, { notify: ALL }, ''],
    ['NEVER', { senderProven: true }, { notify: 'NEVER' }, ''],
    ['FAILURE', { senderProven: true }, { notify: ['FAILURE'] }, 'failed'],
    ['DELAY', { senderProven: true }, { notify: ['DELAY'] }, 'delayed'],
    ['SUCCESS', { senderProven: true }, { notify: ['SUCCESS'] }, 'relayed'],
    ['all', { senderProven: true }, { notify: ALL }, 'failed delayed relayed'],
  ];

test('who is owed a report (RFC 3461 4.1) and what becomes of the rest', () => {
  const rig = new SchedulerRig();
  for (const [why, changes, parameters, owed] of OWED) {
    const { entry } = rig.entry(['x@a.test'], { reversePath: SENDER, ...changes });
    const to = { ...recipient('x@a.test'), parameters };
    const kinds = (['failed', 'delayed', 'relayed'] as const).filter((k) => dsnOwed(entry, to, k));
    assert.equal(kinds.join(' '), owed, why);
    const mayTell = entry.senderProven && entry.reversePath !== null;
    const told = kinds.includes('failed');
    assert.equal(fateOf(entry, to), told ? 'report' : mayTell ? 'waived' : 'hold', why);
  }
});

test('a proven sender is told at once of those refused, once, and the rest goes on', async () => {
  const rig = reportingRig();
  const sayings: Record<string, Saying> = { 'bad@a.test': '550', 'late@a.test': '450' };
  rig.courier.says = (_, address) => sayings[address] ?? '250';
  rig.scheduler.start();
  const to = ['good@a.test', 'bad@a.test', 'late@a.test'];
  const id = await rig.mail(to, { reversePath: SENDER, senderProven: true });
  await settle();
  const [entry] = await rig.entries();
  assert.deepEqual(
    entry?.recipients.map(({ address }) => address.local),
    ['late'],
  );
  const [out] = rig.log.of('dsn.out');
  assert.deepEqual(
    [out?.['to'], out?.['for'], out?.['orig']],
    ['anna@own.test', ['bad@a.test'], id],
  );
  assert.deepEqual(
    rig.log.of('rcpt.fail').map((line) => line['dsn']),
    ['sent'],
  );
  assert.deepEqual(
    rig.courier.taken.map((taken) => taken.to),
    ['good@a.test', 'anna@own.test'],
    'the report is mail like any other',
  );
  sayings['late@a.test'] = '250';
  await rig.clock.advance(MINUTE);
  assert.equal((await rig.entries()).length, 0);
  assert.equal(rig.log.of('dsn.out').length, 1);
});

test('success is reported by us where the host that has the message reports nothing', async () => {
  for (const takesDsn of [false, true]) {
    for (const senderProven of [true, false]) {
      const rig = reportingRig();
      rig.courier.takesDsn = takesDsn;
      rig.scheduler.start();
      const asked = { ...recipient('asked@a.test'), parameters: { notify: ['SUCCESS'] as const } };
      const recipients = [asked, recipient('silent@a.test')];
      const id = await rig.mail(['asked@a.test'], {
        reversePath: SENDER,
        senderProven,
        recipients,
      });
      await settle();
      assert.equal((await rig.entries()).length, 0, 'everything has arrived');
      const told = rig.log.of('dsn.out').map((line) => [line['kind'], line['for'], line['orig']]);
      const owed = senderProven && !takesDsn;
      assert.deepEqual(told, owed ? [['relayed', ['asked@a.test'], id]] : []);
      const { taken } = rig.courier;
      assert.equal(
        taken.some(({ to }) => to === 'anna@own.test'),
        owed,
      );
    }
  }
});

test('of a message that was handed on no more than its header comes back', async () => {
  const rig = reportingRig();
  const commit = mock.fn(rig.spool.commit.bind(rig.spool));
  const reports = createReports({
    store: { commit, readContent: () => assert.fail('it was never stored') },
    ids: createIds(rig.clock),
    clock: rig.clock,
    log: rig.log,
    hostname: () => 'mx1.example.net',
    lifetimeMs: () => MINUTE,
    hosted: (domain) => domain,
    language: () => 'auto',
    texts: () => ({}),
    wake: () => undefined,
  });
  const content = memoryContent([Buffer.from('Subject: mine\r\n\r\nbody\r\n')]);
  const parameters = { ret: 'FULL', envid: 'QQ+2B1' } as const;
  const { entry } = rig.entry(['x@a.test'], {
    reversePath: SENDER,
    senderProven: true,
    parameters,
  });
  const to = {
    ...recipient('x@a.test'),
    parameters: { notify: ['SUCCESS'] as const, orcpt: 'rfc822;x+2By@a.test' },
  };
  const reply = { code: 250, enhanced: '2.6.0', lines: ['Queued'] };
  assert.ok(await reports.relayed(entry, [{ recipient: to, reply, host: 'mx.a.test' }], content));
  const chunks: Uint8Array[] = [];
  for await (const chunk of commit.mock.calls[0]?.arguments[2].read() ?? []) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  for (const line of [
    'Original-Envelope-Id: QQ+1',
    'Original-Recipient: rfc822; x+y@a.test',
    'Action: relayed',
    'Status: 2.6.0',
    'Remote-MTA: dns; mx.a.test',
    'Diagnostic-Code: smtp; 250 2.6.0 Queued',
    'Subject: mine',
  ]) {
    assert.ok(text.includes(`\r\n${line}\r\n`), line);
  }
  assert.ok(!text.includes('body'), 'RET=FULL speaks of failures');
});

test('what a report looks like in the spool', async () => {
  const rig = reportingRig();
  rig.courier.says = (key) => (key === 'A' ? '550' : 'unreachable');
  const { entry: mail } = rig.entry(['bad@a.test'], { reversePath: SENDER, senderProven: true });
  const original = Buffer.from('Subject: mine\r\nX-Note: b\xf6\r\n\r\nbody\r\n', 'latin1');
  const entry = { ...mail, sizeBytes: original.length };
  await rig.spool.commit(entry, rig.clock.now(), memoryContent([original]));
  rig.scheduler.start();
  await settle();
  const [report] = await rig.entries();
  assert.ok(report);
  assert.deepEqual(
    [report.dest, report.direction, report.reversePath, report.senderProven, report.recipients],
    [
      'own.test',
      'out',
      null,
      false,
      [
        {
          address: SENDER,
          parameters: { notify: 'NEVER' },
          last: { at: rig.clock.now(), text: 'connection refused', host: 'mail.inside' },
        },
      ],
    ],
  );
  assert.deepEqual(report.parameters, { body: '8BITMIME' });
  const chunks: Uint8Array[] = [];
  for await (const chunk of rig.spool.readContent(report.id)) chunks.push(chunk);
  const content = Buffer.concat(chunks);
  assert.equal(content.length, report.sizeBytes);
  assert.ok(content.includes('Final-Recipient: rfc822; bad@a.test\r\n'));
  assert.ok(content.includes('Status: 5.1.1\r\n'));
  assert.ok(content.includes(original.subarray(0, original.indexOf('\r\n\r\n') + 2)));
  assert.ok(!content.includes('body\r\n'), 'without RET only the header comes back');
});

test('RET=FULL brings the content back, unless it is big', async () => {
  for (const [size, isFull] of [
    [1000, true],
    [100_000, false],
  ] as const) {
    const rig = reportingRig();
    rig.courier.says = (key) => (key === 'A' ? '550' : 'unreachable');
    const changes = {
      reversePath: SENDER,
      senderProven: true,
      parameters: { ret: 'FULL' },
    } as const;
    const { entry } = rig.entry(['bad@a.test'], changes);
    const bytes = Buffer.from(`Subject: big\r\n\r\n${'x'.repeat(size)}END\r\n`);
    const sized = { ...entry, sizeBytes: bytes.length };
    await rig.spool.commit(sized, rig.clock.now(), memoryContent([bytes]));
    rig.scheduler.start();
    await settle();
    const [report] = await rig.entries();
    const chunks: Uint8Array[] = [];
    for await (const chunk of rig.spool.readContent(report?.id ?? '')) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    assert.equal(content.includes('xEND\r\n'), isFull);
    assert.ok(content.includes('Subject: big\r\n'));
  }
});

test('a lifetime that ends in an outage is reported too, as 4.4.7', async () => {
  const rig = reportingRig();
  rig.courier.says = (key) => (key === 'A' ? 'unreachable' : '250');
  rig.scheduler.start();
  const id = await rig.mail(['x@a.test'], { reversePath: SENDER, senderProven: true });
  await rig.clock.advance(21 * MINUTE);
  assert.equal((await rig.entries()).length, 0);
  assert.deepEqual(
    rig.courier.taken.map(({ to }) => to),
    ['anna@own.test'],
  );
  assert.deepEqual(
    rig.log.of('rcpt.expire').map((line) => [line['to'], line['dsn']]),
    [['x@a.test', 'sent']],
  );
  const done = rig.log.of('msg.done').find((line) => line['id'] === id);
  assert.deepEqual([done?.['res'], done?.['tries']], ['expired', 1]);
});

const HELD: [why: string, changes: Partial<SpoolEntry>, parameters?: RcptParameters][] = [
  ['a sender that is not proven', { reversePath: SENDER, senderProven: false }],
  ['the null reverse-path', { reversePath: null, senderProven: true }],
];

for (const [why, changes] of HELD) {
  test(`${why} is not told; the message is held`, async () => {
    const rig = reportingRig();
    rig.courier.says = () => '550';
    rig.scheduler.start();
    await rig.mail(['bad@a.test'], changes);
    await settle();
    assert.equal(rig.log.of('dsn.out').length, 0);
    assert.deepEqual(
      (await rig.entries()).map(({ hold }) => hold?.reason),
      ['undeliverable'],
    );
    assert.deepEqual(
      rig.log.of('rcpt.fail').map((line) => line['dsn']),
      ['none'],
    );
  });
}

test('a proven sender of another domain is told by way of his own mail servers', async () => {
  const rig = reportingRig();
  rig.courier.says = () => '550';
  rig.scheduler.start();
  const far = { local: 'x', domain: 'far.test' };
  await rig.mail(['bad@a.test'], { reversePath: far, senderProven: true });
  await settle();
  assert.deepEqual(
    rig.log.of('dsn.out').map(({ to, kind }) => [to, kind]),
    [['x@far.test', 'failed']],
  );
  assert.deepEqual(
    (await rig.entries()).map(({ dest, reversePath }) => [dest, reversePath]),
    [['mx:far.test', null]],
    'only the report is left, in a lane of its own',
  );
});

test('NOTIFY=NEVER of a proven sender: neither told nor held', async () => {
  const rig = reportingRig();
  rig.courier.says = () => '550';
  rig.scheduler.start();
  const recipients = [{ ...recipient('bad@a.test'), parameters: { notify: 'NEVER' as const } }];
  await rig.mail(['bad@a.test'], { reversePath: SENDER, senderProven: true, recipients });
  await settle();
  assert.equal(rig.log.of('dsn.out').length, 0);
  assert.equal((await rig.entries()).length, 0);
  assert.deepEqual(
    rig.log.of('msg.done').map((line) => line['res']),
    ['failed'],
  );
});

const CUT: [what: string, step: MemoryStep, says: Saying, delayWarningMs: number | null][] = [
  ['refused', 'complete', '550', null],
  ['expired in an outage', 'administer', 'unreachable', null],
  ['late, and tried', 'reschedule', '450', 10 * MINUTE],
  ['late in an outage', 'administer', 'unreachable', 10 * MINUTE],
];
for (const [what, cut, says, delayWarningMs] of CUT) {
  test(`a step that fails takes its report with it, and the next one tells once: ${what}`, async () => {
    const rig = reportingRig((step, when) => {
      if (step !== cut || when === 'after' || !isDue()) return;
      cuts += 1;
      if (cuts === 1) throw new CodedError('DEADLINE', 'power cut');
    });
    let cuts = 0;
    const born = rig.clock.now();
    const isDue = () => rig.clock.now() >= born + (delayWarningMs ?? 0);
    const lifetimeMs = delayWarningMs === null ? 20 * MINUTE : 600 * MINUTE;
    rig.policy = { ...rig.policy, lifetimeMs, delayWarningMs };
    rig.courier.says = (key) => (key === 'A' ? says : '250');
    rig.scheduler.start();
    const id = await rig.mail(['x@a.test'], { reversePath: SENDER, senderProven: true });
    await rig.clock.advance(40 * MINUTE);
    assert.ok(cuts >= 2, 'it was done again');
    const told = rig.courier.taken.filter(({ to }) => to === 'anna@own.test');
    assert.deepEqual([told.length, rig.log.of('dsn.out').length], [1, 1]);
    assert.equal((await rig.spool.get(id)) === undefined, delayWarningMs === null);
  });
}

const OVERTAKEN: [what: string, delayWarningMs: number | null, told: readonly string[]][] = [
  ['expired', null, ['late@a.test']],
  // The attempt tells of the delay itself.
  ['late', 10 * MINUTE, []],
];
for (const [what, delayWarningMs, told] of OVERTAKEN) {
  test(`who got the mail while a report was drawn up is not in it: ${what} in an outage`, async () => {
    let isOvertaken = false;
    const rig = reportingRig(async (step, when) => {
      if (step !== 'administer' || when === 'after' || isOvertaken) return;
      isOvertaken = true;
      // An attempt that ends in this moment, with one of the two delivered.
      const [lease] = await rig.spool.claim({ dest: 'a.test', n: 1, leaseMs: MINUTE, early: true });
      assert.ok(lease !== undefined);
      const entry = { ...lease.entry, recipients: lease.entry.recipients.slice(1) };
      await rig.spool.reschedule([{ held: lease, entry, dueAt: entry.expiresAt }]);
    });
    const lifetimeMs = delayWarningMs === null ? 20 * MINUTE : 600 * MINUTE;
    rig.policy = { ...rig.policy, lifetimeMs, delayWarningMs };
    rig.courier.says = (key) => (key === 'A' ? 'unreachable' : '250');
    rig.scheduler.start();
    const to = ['got@a.test', 'late@a.test'];
    await rig.mail(to, { reversePath: SENDER, senderProven: true });
    await rig.clock.advance(25 * MINUTE);
    assert.ok(isOvertaken);
    assert.deepEqual(
      rig.log.of('dsn.out').flatMap((line) => line['for']),
      told,
    );
  });
}

test('no room for the report: the message is held, not dropped', async () => {
  let isFull = false;
  const rig = reportingRig((step) => {
    if (isFull && step === 'complete') throw new CodedError('STORE_FULL', 'no room');
  });
  rig.courier.says = () => '550';
  rig.scheduler.start();
  await rig.mail(['bad@a.test'], { reversePath: SENDER, senderProven: true });
  isFull = true;
  await settle();
  assert.deepEqual(
    (await rig.entries()).map(({ hold }) => hold?.reason),
    ['undeliverable'],
  );
  assert.equal(rig.log.of('store.full').length, 1);
});

test('a report that fails is never reported', async () => {
  const rig = reportingRig();
  rig.courier.says = () => '550';
  rig.scheduler.start();
  await rig.mail(['bad@a.test'], { reversePath: SENDER, senderProven: true });
  await settle();
  assert.equal(rig.log.of('dsn.out').length, 1);
  const [report] = await rig.entries();
  assert.deepEqual([report?.reversePath, report?.hold?.reason], [null, 'undeliverable']);
});

test('a proven sender hears once of a delay, tried or waiting for a destination that is down', async () => {
  for (const saying of ['450', 'unreachable'] as const) {
    const rig = reportingRig();
    rig.policy = { ...rig.policy, lifetimeMs: 600 * MINUTE, delayWarningMs: 60 * MINUTE };
    rig.courier.says = (key) => (key === 'A' ? saying : '250');
    rig.scheduler.start();
    const proven = { reversePath: SENDER, senderProven: true };
    const id = await rig.mail(['x@a.test'], proven);
    const stranger = await rig.mail(['x@a.test']);
    const quiet = await rig.mail(['x@a.test'], {
      ...proven,
      recipients: [{ ...recipient('x@a.test'), parameters: { notify: ['FAILURE'] } }],
    });
    await rig.clock.advance(50 * MINUTE);
    assert.equal(rig.log.of('msg.delay').length, 0, saying);
    await rig.clock.advance(200 * MINUTE);
    const told = rig.log.of('msg.delay').map((line) => [line['id'], line['dsn']]);
    const expected = [
      [id, 'sent'],
      [stranger, 'none'],
      [quiet, 'none'],
    ];
    assert.deepEqual(told.map(String).toSorted(), expected.map(String).toSorted(), saying);
    assert.deepEqual(
      rig.log.of('dsn.out').map(({ kind, orig, to }) => [kind, orig, to]),
      [['delayed', id, 'anna@own.test']],
    );
    assert.equal(typeof (await rig.spool.get(id))?.entry.delayToldAt, 'number');
    assert.equal(rig.courier.taken.length, 1, 'the report itself');
  }
});

test('after a restart nobody hears of the same delay again', async () => {
  const rig = reportingRig();
  rig.policy = { ...rig.policy, lifetimeMs: 600 * MINUTE, delayWarningMs: 60 * MINUTE };
  rig.courier.says = (key) => (key === 'A' ? 'unreachable' : '250');
  rig.scheduler.start();
  await rig.mail(['x@a.test'], { reversePath: SENDER, senderProven: true });
  await rig.clock.advance(90 * MINUTE);
  assert.equal(rig.log.of('dsn.out').length, 1);
  const again = new SchedulerRig({ disk: rig.disk, clock: rig.clock, log: rig.log });
  again.policy = rig.policy;
  again.courier.says = () => 'unreachable';
  again.health.observe('A', { kind: 'unreachable', text: 'gone' });
  await rig.scheduler.stop();
  again.scheduler.start();
  await rig.clock.advance(90 * MINUTE);
  assert.equal(rig.log.of('dsn.out').length, 1);
  assert.equal(rig.log.of('msg.delay').length, 1);
});
