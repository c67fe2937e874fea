/** The recipient memory: origins, ages that stand still in an outage, and bounds against harvesters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutageClock } from '../../src/pipeline/outage-clock.ts';
import { RecipientMemory } from '../../src/pipeline/recipient-memory.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock } from '../support/fake-clock.ts';

const DEST = '192.0.2.10:25';
const ANNA = 'anna@example.org';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function rig() {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  const outages = new OutageClock(map, clock);
  const full: string[] = [];
  const bounds = { learnt: 200, all: 1000 };
  const onFull = (dest: string) => void full.push(dest);
  const memory = new RecipientMemory({ map, outages, clock, onFull, bounds });
  const pass = (ms: number) => clock.advance(ms);
  return { clock, map, outages, memory, full, pass };
}

async function entries(memory: RecipientMemory) {
  const found = [];
  for await (const entry of memory.entries()) found.push(entry);
  return found;
}

test('what the destination says is fresh for a day, good for a month, and then forgotten', async () => {
  const { memory, pass } = rig();
  await memory.remember(DEST, ANNA, 'known', 'asked');
  assert.equal((await memory.recall(DEST, ANNA))?.fresh, true);
  assert.equal(await memory.recall('198.51.100.1:25', ANNA), undefined, 'another’s users');
  await pass(25 * HOUR);
  assert.equal((await memory.recall(DEST, ANNA))?.fresh, false);
  await pass(30 * DAY);
  assert.equal(await memory.recall(DEST, ANNA), undefined);
});

test('an outage of any length does not age what is known, nor does a restart in it', async () => {
  const { memory, outages, map, clock, pass } = rig();
  await memory.remember(DEST, ANNA, 'known', 'asked');
  await memory.remember(DEST, 'nobody@example.org', 'unknown', 'asked');
  await outages.down(DEST);
  await pass(40 * DAY);
  const later = new OutageClock(map, clock);
  await later.start();
  const after = new RecipientMemory({ map, outages: later, clock, onFull: () => undefined });
  assert.equal((await after.recall(DEST, ANNA))?.answer, 'known');
  assert.equal((await after.recall(DEST, 'nobody@example.org'))?.answer, 'unknown');
  await later.up(DEST);
  await pass(4 * HOUR);
  assert.equal((await after.recall(DEST, ANNA))?.answer, 'known');
  assert.equal(await after.recall(DEST, 'nobody@example.org'), undefined);
  await pass(31 * DAY);
  assert.equal(await after.recall(DEST, ANNA), undefined, 'the clock goes on');
});

test('a stronger origin stays; the destination’s later word keeps it fresh or overrules it', async () => {
  const { memory, pass } = rig();
  await memory.learn(DEST, ANNA, 'imported');
  assert.deepEqual(
    [(await memory.recall(DEST, ANNA))?.origin, (await memory.recall(DEST, ANNA))?.fresh],
    ['imported', false],
    'the destination is still asked',
  );
  await pass(100 * DAY);
  assert.equal((await memory.recall(DEST, ANNA))?.answer, 'known', 'good for a year');
  await memory.remember(DEST, ANNA, 'known', 'delivered');
  const both = await memory.recall(DEST, ANNA);
  assert.deepEqual([both?.origin, both?.fresh], ['imported', true]);
  await memory.remember(DEST, ANNA, 'unknown', 'asked');
  assert.equal((await memory.recall(DEST, ANNA))?.answer, 'unknown');
  await memory.remember(DEST, ANNA, 'known', 'asked');
  assert.equal((await memory.recall(DEST, ANNA))?.answer, 'known');
  assert.equal((await entries(memory)).length, 1, 'one word about each');
});

test('a hold of a domain ages nothing of it, and everything of its neighbours', async () => {
  const { memory, outages, pass } = rig();
  await memory.remember(DEST, 'anna@example.org', 'known', 'asked');
  await memory.remember(DEST, 'zoe@example.net', 'known', 'asked');
  await outages.holds('example.org', true);
  await pass(40 * DAY);
  assert.equal((await memory.recall(DEST, 'anna@example.org'))?.ageMs, 0);
  assert.equal(await memory.recall(DEST, 'zoe@example.net'), undefined);
  // Down in the hold: the time counts once.
  await outages.holds('example.org', false);
  await outages.down(DEST);
  await pass(10 * DAY);
  await outages.up(DEST);
  await pass(HOUR);
  assert.equal((await memory.recall(DEST, 'anna@example.org'))?.ageMs, HOUR);
});

test('a sender of the domain is known in an outage, but not against the destination’s word', async () => {
  const { memory } = rig();
  await memory.learn(DEST, ANNA, 'sent');
  const learnt = await memory.recall(DEST, ANNA);
  assert.deepEqual([learnt?.answer, learnt?.origin, learnt?.fresh], ['known', 'sent', false]);
  await memory.remember(DEST, 'noreply@example.org', 'unknown', 'asked');
  await memory.learn(DEST, 'noreply@example.org', 'sent');
  assert.equal((await memory.recall(DEST, 'noreply@example.org'))?.answer, 'unknown');
});

test('a pin says so whatever the destination says, until it is forgotten', async () => {
  const { memory, pass } = rig();
  await memory.remember(DEST, ANNA, 'unknown', 'pinned');
  await memory.remember(DEST, ANNA, 'known', 'delivered');
  await memory.learn(DEST, ANNA, 'sent');
  await pass(400 * DAY);
  const pinned = await memory.recall(DEST, ANNA);
  assert.deepEqual([pinned?.answer, pinned?.fresh], ['unknown', true]);
  assert.equal(await memory.forget(DEST, ANNA), true);
  assert.equal(await memory.recall(DEST, ANNA), undefined);
  assert.equal(await memory.forget(DEST, ANNA), false);
});

test('a harvester’s unknown recipients share a fixed room; the known ones lose nothing', async () => {
  const { memory } = rig();
  await memory.remember(DEST, ANNA, 'known', 'asked');
  for (let n = 0; n < 10_000; n++) {
    await memory.remember(DEST, `guess${n}@example.org`, 'unknown', 'asked');
  }
  const found = await entries(memory);
  assert.ok(found.length <= 8193, `${found.length} entries`);
  assert.equal((await memory.recall(DEST, ANNA))?.answer, 'known');
  assert.equal((await memory.recall(DEST, 'guess9999@example.org'))?.answer, 'unknown');
});

test('at the bound no more are learnt, the operator hears it once, and an import still fits', async () => {
  const { memory, full, map, clock, outages } = rig();
  for (let n = 0; n < 200; n++) {
    await memory.remember(DEST, `user${n}@example.org`, 'known', 'asked');
  }
  assert.equal(await memory.remember(DEST, 'more@example.org', 'known', 'delivered'), 'full');
  assert.equal(await memory.remember(DEST, 'most@example.org', 'known', 'delivered'), 'full');
  assert.deepEqual(full, [DEST]);
  assert.equal(
    await memory.remember(DEST, 'user77@example.org', 'known', 'delivered'),
    'remembered',
  );
  assert.equal(await memory.learn(DEST, 'boss@example.org', 'imported'), 'remembered');
  const bounds = { learnt: 200, all: 1000 };
  const onFull = () => undefined;
  const restarted = new RecipientMemory({ map, outages, clock, onFull, bounds });
  await restarted.count();
  assert.equal(await restarted.remember(DEST, 'more@example.org', 'known', 'asked'), 'full');
});
