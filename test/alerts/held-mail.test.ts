/** Mail that waits for a person is not forgotten: its customer is told, and not too often. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alerts } from '../../src/alerts/alerts.ts';
import { NOTHING_WRONG } from '../../src/alerts/conditions.ts';
import { HeldMail } from '../../src/alerts/held-mail.ts';
import type { OwnNotice } from '../../src/delivery/own-mail.ts';
import type { Hold, SpoolEntry } from '../../src/mail/spool-entry.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { unjudged } from '../store/sample-mail.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

const HOUR = 60 * MINUTE;

/** As of a survey. */
function oldestOf(held: HeldMail) {
  const oldest = held.oldest();
  assert.notEqual(oldest, 'unknown');
  return oldest === 'unknown' ? undefined : oldest;
}

function watched() {
  const rig = new SchedulerRig();
  const notices: OwnNotice[] = [];
  const domain = { ...CUSTOMER_DOMAIN, name: 'a.test', contact: 'postmaster@a.test' };
  const map = new MemoryTtlMap(rig);
  const make = () =>
    new HeldMail({
      store: rig.spool,
      map,
      own: {
        send: async (notice) => {
          notices.push(notice);
          return true;
        },
      },
      domainOf: ({ dest }) => (dest === 'a.test' ? domain : undefined),
      hostname: () => 'mx1.example.net',
      clock: rig.clock,
      log: rig.log,
    });
  const hold = (reason: Hold['reason'], changes: Partial<SpoolEntry> = {}) =>
    rig.mail(['anna@a.test'], {
      hold: { by: 'gateway', at: rig.clock.now(), reason, text: '554 5.7.1 \u001b[1mno' },
      ...changes,
    });
  return { rig, notices, make, hold };
}

test('the contact hears once an hour at most of what was held for good', async () => {
  const { rig, notices, make, hold } = watched();
  const held = make();
  held.start();
  const id = await hold('undeliverable');
  await hold('by_hand');
  await hold('outage');
  await hold('spam');
  await hold('undeliverable', { dest: 'b.test' });
  await rig.clock.advance(2 * MINUTE);
  assert.equal(notices.length, 1);
  const [{ to, subject, lines } = { to: undefined, subject: '', lines: [] }] = notices;
  assert.deepEqual(to, { local: 'postmaster', domain: 'a.test' });
  assert.equal(subject, 'Mail for a.test is held: a message');
  const text = lines.join('\n');
  assert.match(text, new RegExp(`^${id} {2}came 2026-06-01T`, 'm'));
  assert.match(text, /why {2}undeliverable: 554 5\.7\.1/);
  assert.match(text, /In all 1 held for a\.test/);
  for (let n = 0; n < 70; n++) await hold('expired');
  await rig.clock.advance(30 * MINUTE);
  assert.equal(notices.length, 1, 'not again within the hour');
  await rig.clock.advance(HOUR);
  assert.equal(notices.length, 2);
  assert.equal(notices[1]?.subject, 'Mail for a.test is held: 70 messages');
  assert.match(notices[1]?.lines.join('\n') ?? '', /The newest 50 of 70:[^]*In all 71 held/);
  await rig.clock.advance(5 * HOUR);
  assert.equal(notices.length, 2, 'nothing new, nothing said');
  await held.stop();
});

test('an alert about held mail is not over for a restart, before somebody has looked', async () => {
  const { rig, make, hold } = watched();
  const settings = {
    ...{ afterMs: 0, remindMs: null, queueAgeMs: null, queueMessages: null },
    ...{ heldAgeMs: MINUTE, freeSpaceBytes: 0 },
  };
  const map = new MemoryTtlMap(rig);
  const life = () => {
    const held = make();
    const alerts = new Alerts({
      ...{ map, targets: () => [], node: () => 'mx1', clock: rig.clock, log: rig.log },
      settings: () => settings,
      present: async () => {
        return { ...NOTHING_WRONG, now: rig.clock.now(), oldestHeld: held.oldest() };
      },
    });
    return { held, alerts };
  };
  const before = life();
  before.held.start();
  await before.alerts.start();
  const id = await hold('by_hand');
  await rig.clock.advance(3 * MINUTE);
  assert.equal(rig.log.of('alert.raise').length, 1);
  await before.held.stop();
  await before.alerts.stop();

  const after = life();
  after.held.start();
  await after.alerts.start();
  await rig.clock.advance(3 * MINUTE);
  assert.equal(rig.log.of('alert.clear').length, 0);
  assert.equal(after.alerts.raised().length, 1);
  await rig.spool.administer(id, { kind: 'remove' });
  await rig.clock.advance(MINUTE);
  assert.equal(rig.log.of('alert.clear').length, 1);
  assert.equal(rig.log.of('alert.raise').length, 1);
  await after.held.stop();
  await after.alerts.stop();
});

test('how much is held is true within a minute or two, and all of it is read only when that changes', async (t) => {
  const { rig, make, hold } = watched();
  const scan = t.mock.method(rig.spool, 'scan');
  const held = make();
  held.start();
  const first = await hold('by_hand');
  await hold('by_hand');
  await rig.clock.advance(MINUTE);
  assert.equal(oldestOf(held)?.count, 2);
  const firstAt = oldestOf(held)?.at ?? 0;
  await rig.spool.administer(first, { kind: 'remove' });
  await rig.clock.advance(MINUTE);
  assert.equal(oldestOf(held)?.count, 1);
  await hold('by_hand');
  await hold('by_hand');
  await rig.clock.advance(MINUTE);
  assert.deepEqual(oldestOf(held), { at: firstAt, count: 3 });
  const { length } = scan.mock.calls;
  await rig.clock.advance(8 * MINUTE);
  assert.equal(scan.mock.callCount(), length);
  await rig.clock.advance(2 * MINUTE);
  assert.equal(scan.mock.callCount(), length + 1, 'now and then all the same');
  await held.stop();
});

test('a restart tells nobody anew, and a notice that is held itself makes no other', async () => {
  const { rig, notices, make, hold } = watched();
  const before = make();
  before.start();
  await hold('undeliverable');
  await rig.clock.advance(2 * MINUTE);
  await before.stop();
  const after = make();
  after.start();
  await hold('undeliverable', { reversePath: null, client: { address: '', hello: 'mx1' } });
  await rig.clock.advance(5 * HOUR);
  assert.equal(notices.length, 1);
  const timed = { by: 'root', at: 0, reason: 'by_hand', text: '', until: Infinity } as const;
  await hold('by_hand', { hold: timed });
  await rig.clock.advance(HOUR);
  assert.deepEqual(
    oldestOf(after)?.count,
    2,
    'but the alert counts it, and not what ends by itself',
  );
  await after.stop();
});

test('what filters found too late is told, and what they never judged, once its lifetime is over', async () => {
  const { rig, notices, make, hold } = watched();
  const held = make();
  held.start();
  const at = rig.clock.now();
  const kept = (quarantine: NonNullable<Hold['quarantine']>) => ({
    hold: { by: 'gateway', at, reason: 'virus', text: 'Eicar', quarantine } as const,
  });
  await hold('virus', kept({}));
  const late = await hold('virus', kept({ isLate: true }));
  const waits = await rig.mail(['anna@a.test'], {
    ...unjudged('X.1', { dest: 'a.test', expiresAt: at + 3 * HOUR }),
    id: 'X.1',
  });
  await rig.clock.advance(2 * MINUTE);
  assert.equal(notices.length, 1);
  const text = notices[0]?.lines.join('\n') ?? '';
  assert.match(text, new RegExp(`^${late} {2}came`, 'm'));
  assert.match(text, /Some of it came while a filter did not answer/);
  assert.match(text, /In all 1 held for a\.test/);
  assert.equal(oldestOf(held)?.count, 1, 'what waits for a filter has its age watched');
  await rig.clock.advance(4 * HOUR);
  assert.equal(notices.length, 2);
  assert.match(notices[1]?.lines.join('\n') ?? '', new RegExp(`^${waits} {2}came`, 'm'));
  await held.stop();
});
