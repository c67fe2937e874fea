/** Lifetimes that end while nothing is tried: all of them are found, and a look costs no more than it must. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Expiry } from '../../src/delivery/expiry.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

const HOUR = 60 * MINUTE;

/** A destination that is down, with its mail. */
async function down(domains: Record<string, string>, policy = {}) {
  const rig = new SchedulerRig({ domains, policy: { lifetimeMs: 10 * HOUR, ...policy } });
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  for (const key of new Set(Object.values(domains)))
    rig.health.observe(key, { kind: 'unreachable', text: 'gone' });
  let read = 0;
  const scan = rig.spool.scan.bind(rig.spool);
  rig.spool.scan = async (options) => {
    const page = await scan(options);
    read += page.length;
    return page;
  };
  return { rig, read: () => read };
}

const held = (rig: SchedulerRig) => async () =>
  (await rig.entries()).filter(({ hold }) => hold !== undefined).map(({ id }) => id);

test('a look begins only when something can be over', async () => {
  const { rig, read } = await down({ 'a.test': 'A' });
  for (let n = 0; n < 500; n++) await rig.mail([`x${n}@a.test`]);
  await rig.clock.advance(9 * HOUR);
  // Once for lifetimes, once for delays; then nothing is read until a lifetime is over.
  assert.ok(read() <= 1000, `${read()} read`);
  await rig.clock.advance(61 * MINUTE);
  assert.equal((await held(rig)()).length, 500);
});

test('mail of a domain with a short lifetime is found behind that of one with a long one', async () => {
  const { rig } = await down({ 'long.test': 'A', 'short.test': 'B' });
  for (let n = 0; n < 450; n++) await rig.mail([`x${n}@long.test`]);
  const id = await rig.mail(['x@short.test'], { expiresAt: rig.clock.now() + HOUR });
  rig.lifetimes = { 'short.test': HOUR };
  await rig.clock.advance(HOUR + 2 * MINUTE);
  assert.deepEqual(await held(rig)(), [id]);
});

test('more held mail than one look reads does not hide what is over behind it', async () => {
  const { entry } = new SchedulerRig().entry(['x@a.test'], { expiresAt: 0 });
  const hold = { by: 'root', at: 0, reason: 'by_hand', text: '' } as const;
  const heldMessage = { entry: { ...entry, hold }, dueAt: undefined, active: false };
  const over = { entry: { ...entry, id: 'over' }, dueAt: 0, active: false };
  // One look reads 100,000.
  let left = 100_200;
  const steps: string[] = [];
  const expiry = new Expiry({
    store: {
      scan: async ({ limit }) => {
        const count = Math.min(limit, left);
        left -= count;
        if (count > 0) return Array.from({ length: count }, () => heldMessage);
        return steps.length === 0 ? [over] : [];
      },
      administer: async (id, { kind }) => {
        steps.push(`${kind} ${id}`);
        return true;
      },
      backlog: () => [{ dest: 'a.test', messages: 1, nextDueAt: 0 }],
    },
    clock: new FakeClock(),
    log: new RecordedLog(),
    policy: () => ({ lifetimeMs: HOUR }),
    isClosed: () => true,
  });
  const { signal } = new AbortController();
  await expiry.look(signal);
  assert.deepEqual(steps, []);
  await expiry.look(signal);
  assert.deepEqual(steps, ['hold over']);
});
