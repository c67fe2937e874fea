/** Alerts on their way: a target that hangs or fails holds up nobody, not even the end of the gateway. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alerts } from '../../src/alerts/alerts.ts';
import type { Present } from '../../src/alerts/conditions.ts';
import type { Target } from '../../src/alerts/targets.ts';
import { command } from '../../src/alerts/targets.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const SECOND = 1000;

function alertsOn(clock: FakeClock, target: Target) {
  const log = new RecordedLog();
  const present: Present = {
    ...{
      now: clock.now(),
      destinations: [],
      waiting: 0,
      damaged: [],
      unread: undefined,
      oldest: undefined,
    },
    ...{
      oldestHeld: undefined,
      disk: { freeBytes: 1, freeFiles: undefined },
      minFreeBytes: 0,
      scanners: [],
      ldap: [],
      listings: [],
      lockedAccounts: [],
      lostRecords: [],
    },
  };
  const alerts = new Alerts({
    map: new MemoryTtlMap({ clock }),
    present: async () => ({ ...present, now: clock.now() }),
    settings: () => ({
      ...{ afterMs: 0, remindMs: null, queueAgeMs: null, queueMessages: null, heldAgeMs: null },
      freeSpaceBytes: 2,
    }),
    targets: () => [target],
    ...{ node: () => 'mx.test', clock, log },
  });
  return { alerts, log };
}

test('a program that hangs is ended when the gateway stops, after a moment', async () => {
  const clock = new FakeClock();
  const { alerts, log } = alertsOn(clock, command(['/bin/sleep', '60'], clock));
  await alerts.start();
  await clock.advance(6 * SECOND);
  assert.deepEqual(log.of('alert.fail'), []);
  let isStopped = false;
  const stopping = alerts.stop().then(() => (isStopped = true));
  await clock.advance(2 * SECOND);
  assert.equal(isStopped, false);
  await clock.advance(SECOND);
  await stopping;
  assert.match(String(log.of('alert.fail')[0]?.['err']), /going down/);
  assert.equal(clock.waiting, 0);
});

test('what failed is not tried once more when the gateway stops', async () => {
  const clock = new FakeClock();
  let tries = 0;
  const send = async () => ((tries += 1), 'no');
  const { alerts } = alertsOn(clock, { name: 'webhook', send });
  await alerts.start();
  await clock.advance(6 * SECOND);
  assert.equal(tries, 1);
  await alerts.stop();
  await settle();
  assert.deepEqual([tries, clock.waiting], [1, 0]);
});
