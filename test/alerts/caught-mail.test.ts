/** Each mail of a customer that is caught has one report, whenever the process dies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaughtMail } from '../../src/alerts/caught-mail.ts';
import { createIds } from '../../src/base/ids.ts';
import { OwnMail } from '../../src/delivery/own-mail.ts';
import { Quarantine } from '../../src/quarantine/quarantine.ts';
import type { MemorySpoolOptions } from '../../src/store/memory/spool.ts';
import { MemoryDisk, MemorySpool } from '../../src/store/memory/spool.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { settle } from '../support/fake-clock.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

const DAY = 24 * 60 * MINUTE;

function world() {
  const disk = new MemoryDisk();
  const rig = new SchedulerRig({ disk });
  const { clock, log } = rig;
  const domain = { ...CUSTOMER_DOMAIN, name: 'a.test', contact: 'boss@a.test' };
  /** A process on the disk that the one before has left. */
  const start = (fault?: MemorySpoolOptions['fault']) => {
    const store = new MemorySpool({ clock, disk, ...(fault && { fault }) });
    const parts = { store, wake: () => undefined, lifetimeMs: () => DAY, clock, log };
    const quarantine = new Quarantine({ ...parts, keepMs: () => 14 * DAY });
    const caught = new CaughtMail({
      ...{ store, clock, log, kept: quarantine, version: '1', keepMs: () => 14 * DAY },
      own: new OwnMail({
        ...{ ...parts, ids: createIds(clock) },
        hostname: () => 'mx.test',
        hosted: (name) => (name === 'a.test' ? name : undefined),
      }),
      domainOf: () => domain,
      requests: () => undefined,
    });
    caught.start();
    return { store, quarantine, caught };
  };
  const keep = (at = clock.now()) =>
    rig.mail(['x@far.test'], {
      dest: 'a.test',
      hold: { by: 'gateway', at, reason: 'spam', text: '', quarantine: { account: '192.0.2.1' } },
    });
  const reports = async () => (await rig.entries()).filter(({ hold }) => hold === undefined);
  return { rig, start, keep, reports };
}

test('what was caught right before the end has its report after the next start, once', async () => {
  const { rig, start, keep, reports } = world();
  const id = await keep();
  for (const _ of ['a start', 'another one']) {
    start();
    await settle();
    const told = (await reports()).map(({ recipients }) => recipients[0]?.address.local);
    assert.deepEqual(told, ['boss']);
  }
  assert.equal(rig.log.of('notice.out').length, 1);
  const { quarantine } = start();
  assert.equal((await quarantine.find(id))?.entry.hold?.quarantine?.isReported, true);
  assert.equal(await quarantine.release(id, 'root'), 'released', 'and it can be let go');
});

for (const at of ['before', 'after'] as const) {
  test(`an end right ${at} the report is stored: one all the same`, async () => {
    const { start, keep, reports } = world();
    const { caught } = start((step, when) => {
      if (step === 'administer' && when === at) throw new Error('power cut');
    });
    const id = await keep();
    caught.caught(id);
    await settle();
    assert.equal((await reports()).length, at === 'before' ? 0 : 1);
    start();
    await settle();
    assert.equal((await reports()).length, 1);
  });
}

test('what was caught days ago is not reported any more', async () => {
  const { rig, start, keep, reports } = world();
  await keep(rig.clock.now() - 2 * DAY);
  start();
  await settle();
  assert.equal((await reports()).length, 0);
});
