/** When destinations are asked whether they take everybody, and how long a habit is held against them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CalloutAnswer } from '../../src/delivery/courier.ts';
import { DestinationHabits } from '../../src/pipeline/destination-habits.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const HOUR = 3_600_000;
const KNOWN: CalloutAnswer = { kind: 'known', reply: { code: 250, lines: ['ok'] } };
const UNKNOWN: CalloutAnswer = { kind: 'unknown', reply: { code: 550, lines: ['no'] } };
const UNSURE: CalloutAnswer = { kind: 'unsure', text: 'busy', unreachable: false };

function rig() {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  const log = new RecordedLog();
  const asked: string[] = [];
  const says = { answer: KNOWN };
  const courier = {
    // oxlint-disable-next-line require-await -- the courier's shape
    callout: async (_to: unknown, _from: unknown, { local }: { local: string }) => {
      asked.push(local);
      return says.answer;
    },
  };
  const make = () => new DestinationHabits({ map, courier, clock, log });
  const habits = make();
  const took = async () => {
    habits.tookOne(CUSTOMER_DOMAIN, null);
    await settle();
  };
  return { clock, log, asked, says, habits, make, took };
}

test('a destination is asked once a day, and each time for another who cannot be there', async () => {
  const { clock, log, asked, habits, make, took, says } = rig();
  for (let n = 0; n < 10; n++) await took();
  assert.equal(asked.length, 1);
  assert.equal(habits.isBlind(CUSTOMER_DOMAIN), true);
  const restarted = make();
  await restarted.start();
  assert.equal(restarted.isBlind(CUSTOMER_DOMAIN), true, 'a restart forgets nothing');
  await clock.advance(25 * HOUR);
  await took();
  assert.equal(new Set(asked).size, 2);
  assert.equal(log.of('dest.habit').length, 1, 'told once');
  says.answer = UNKNOWN;
  await clock.advance(25 * HOUR);
  await took();
  assert.equal(habits.isBlind(CUSTOMER_DOMAIN), false);
  assert.equal(log.of('dest.habit').length, 2);
});

test('who refused an unknown recipient of late need not be asked; who cannot say is asked later', async () => {
  const { clock, asked, says, habits, took } = rig();
  await habits.refusedOne(CUSTOMER_DOMAIN);
  await took();
  assert.deepEqual(asked, []);
  await clock.advance(25 * HOUR);
  says.answer = UNSURE;
  await took();
  await took();
  assert.equal(asked.length, 1);
  assert.equal(habits.isBlind(CUSTOMER_DOMAIN), false, 'not on doubt');
  await clock.advance(2 * HOUR);
  await took();
  assert.equal(asked.length, 2);
});

test('a late refusal is told once and held against a destination for a week', async () => {
  const { clock, log, habits } = rig();
  for (let n = 0; n < 5; n++) {
    await habits.refusedLate(CUSTOMER_DOMAIN);
    await clock.advance(2 * HOUR);
  }
  assert.equal(log.of('dest.habit').length, 1);
  assert.equal(habits.of(CUSTOMER_DOMAIN)[0]?.habit, 'refuses_late');
  await clock.advance(7 * 24 * HOUR);
  assert.equal(habits.isBlind(CUSTOMER_DOMAIN), false);
});
