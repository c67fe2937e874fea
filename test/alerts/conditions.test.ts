/** What an alert says of a queue, in numbers that people can read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Present } from '../../src/alerts/conditions.ts';
import { conditionsOf } from '../../src/alerts/conditions.ts';

const HOUR = 3600_000;
const NOW = 100 * HOUR;
const THRESHOLDS = { queueAgeMs: HOUR, queueMessages: 1, heldAgeMs: HOUR, freeSpaceBytes: null };

function textsWith(count: number): Record<string, string> {
  const present: Present = {
    now: NOW,
    destinations: [
      {
        ...{ key: '192.0.2.10:25', domains: ['example.org'], downSince: NOW - HOUR },
        ...{ text: 'connection refused', waiting: count, hindrances: [] },
      },
    ],
    waiting: count,
    oldest: { queuedAt: NOW - 5 * HOUR, dest: 'example.org' },
    oldestHeld: { at: NOW - 5 * HOUR, count },
    ...{
      disk: { freeBytes: 1, freeFiles: 1e6 },
      minFreeBytes: 0,
      damaged: [],
      unread: undefined,
      scanners: [],
      ldap: [],
      listings: [],
    },
    ...{ lockedAccounts: [], lostRecords: [] },
  };
  const found = conditionsOf(present, THRESHOLDS);
  return Object.fromEntries(found.map(({ kind, text }) => [kind, text]));
}

test('one message is counted as one', () => {
  assert.deepEqual(textsWith(1), {
    destination_down:
      'the server of example.org does not answer: connection refused; 1 message waits for it',
    queue_old: 'a message has waited for 5 h 0 min, for example.org',
    queue_long: '1 message waits in the queue',
    held_old:
      '1 message is held for a person to decide, the first for 5 h 0 min: sluice queue list --state hold',
  });
  const { destination_down: down, held_old: held } = textsWith(3);
  assert.match(down ?? '', /; 3 messages wait for it$/);
  assert.match(held ?? '', /^3 messages are held for a person/);
});
