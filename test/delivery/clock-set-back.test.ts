/** The system's clock is set back: what is stored with a time does not wait so much longer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Saying } from '../support/fake-courier.ts';
import { settle } from '../support/fake-clock.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

test('mail that was put off is tried no later than it would have been', async () => {
  const rig = new SchedulerRig();
  let says: Saying = '450';
  rig.courier.says = () => says;
  rig.scheduler.start();
  const from = rig.clock.now();
  const id = await rig.mail(['x@a.test']);
  await settle();
  assert.deepEqual(rig.minutesOf(id, from), [0]);
  rig.clock.skew(-60 * MINUTE);
  says = '250';
  await rig.clock.advance(2 * MINUTE);
  assert.equal((await rig.entries()).length, 0, 'it has gone');
  for (const evt of ['rcpt.sent', 'msg.done'] as const)
    assert.equal(rig.log.of(evt)[0]?.['delay'], 0, 'no time is negative');
  assert.equal(rig.courier.taken.length, 1);
});

test('a clock that is corrected by moments makes nothing be tried before its time', async () => {
  const rig = new SchedulerRig();
  rig.courier.says = () => '450';
  rig.scheduler.start();
  const id = await rig.mail(['x@a.test']);
  await settle();
  for (let n = 0; n < 25; n++) {
    rig.clock.skew(-500);
    await rig.clock.advance(2000);
  }
  assert.equal(rig.courier.begun.filter((one) => one.id === id).length, 1);
});
