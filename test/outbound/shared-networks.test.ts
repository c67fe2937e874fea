/** Networks that cannot be had any more: kept, and told of when that lasts. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { conditionsOf } from '../../src/alerts/conditions.ts';
import type { Present } from '../../src/alerts/conditions.ts';
import { buildAccountOptions } from '../../src/directory/account-options.ts';
import { NO_OUTGOING } from '../../src/directory/account.ts';
import { SharedNetworks } from '../../src/outbound/shared-networks.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const HOUR = 3_600_000;
const MIN = 60_000;
const NONE: Omit<Present, 'now' | 'lostRecords'> = {
  ...{
    destinations: [],
    waiting: 0,
    damaged: [],
    unread: undefined,
    oldest: undefined,
    oldestHeld: undefined,
  },
  ...{
    disk: undefined,
    minFreeBytes: 0,
    scanners: [],
    ldap: [],
    listings: [],
    lockedAccounts: [],
  },
};
const NEVER = { queueAgeMs: null, queueMessages: null, heldAgeMs: null, freeSpaceBytes: null };

function bench() {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  const log = new RecordedLog();
  const dns = { fault: undefined as string | undefined };
  const account = (record: string) => ({
    ...{ ...buildAccountOptions({ spf: record }), name: `spf:${record}`, domain: 'one.test' },
    by: { kind: 'spf' as const, record },
  });
  const outgoing = { ...NO_OUTGOING, accounts: [account('good.test'), account('bad.test')] };
  const open = () =>
    new SharedNetworks({
      find: async (record) =>
        record === 'bad.test' || dns.fault !== undefined
          ? { kind: 'unsure', text: dns.fault ?? 'servfail' }
          : { kind: 'found', networks: [{ address: '192.0.2.0', bits: 24 }], except: [] },
      domains: () => [{ name: 'one.test', outgoing }],
      ...{ map, clock, log },
    });
  const told = (shared: SharedNetworks) => {
    const present = { ...NONE, now: clock.now(), lostRecords: shared.lost() };
    return conditionsOf(present, NEVER).map(({ kind, subject, since, text }) => {
      assert.equal(kind, 'networks_lost');
      return { subject, since, text };
    });
  };
  return { clock, log, dns, open, told };
}

test('I11: a record that cannot be found for a day is told of, over restarts, until it is found', async () => {
  const { clock, log, dns, open, told } = bench();
  const startedAt = clock.now();
  const first = open();
  await first.start();
  await clock.advance(0);
  const never = {
    subject: 'bad.test',
    since: startedAt,
    text: 'the SPF record bad.test, by which one.test may send, was never found (servfail): mail through the servers that it names is put off',
  };
  assert.deepEqual(told(first), [never]);

  dns.fault = 'no answer';
  await clock.advance(12 * HOUR);
  assert.equal(first.has('good.test', '192.0.2.7'), true, 'it stays in force');
  assert.deepEqual(told(first).length, 1, 'name servers may be away for hours');
  await first.stop();
  const second = open();
  await second.start();
  await clock.advance(12 * HOUR);
  const old = told(second).find(({ subject }) => subject === 'good.test');
  assert.equal(old?.since, startedAt);
  assert.match(
    old.text,
    /^the SPF record good\.test, by which one\.test may send, has not been found for 24 h 0 min \(no answer\)/,
  );
  assert.equal(second.has('good.test', '192.0.2.7'), true);
  assert.equal(log.of('spf.error').filter(({ record }) => record === 'good.test').length, 2);

  dns.fault = undefined;
  await clock.advance(10 * MIN);
  assert.deepEqual(
    told(second).map(({ subject }) => subject),
    ['bad.test'],
  );
  await second.stop();
});
