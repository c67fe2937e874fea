/** When a destination is said to hinder us, and when that is over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Treatment } from '../../src/delivery/hindrances.ts';
import { Hindrances } from '../../src/delivery/hindrances.ts';
import { ReplyTimes } from '../../src/delivery/reply-times.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const GOOD: Treatment = { refusals: [], envelopeMs: 40, isGood: true };
const GREY = refused(450, 'Greylisted, try again in 300 seconds');
const TOO_MANY = refused(421, 'too many connections from you');
const FULL = refused(452, 'Insufficient system storage');

function refused(code: number, text: string): Treatment {
  return { refusals: [{ code, lines: [text] }], envelopeMs: undefined, isGood: false };
}

function rig() {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  const log = new RecordedLog();
  const domains = (key: string) => (key.startsWith('mx:') ? [] : ['example.org']);
  const make = () => new Hindrances({ map, clock, log, domains });
  const all = make();
  const seen = (treatment: Treatment, times = 1) => {
    for (let n = 0; n < times; n++) all.observe('d', treatment);
  };
  const habits = (of = all) => of.of('d').map(({ habit }) => habit);
  return { clock, log, all, make, seen, habits };
}

test('greylisting is told at the second sign, once, and outlasts a restart', async () => {
  const { log, make, seen, habits } = rig();
  seen(GREY);
  assert.deepEqual(habits(), [], 'one says little');
  seen(FULL, 20);
  seen(GREY, 3);
  assert.deepEqual(habits(), ['greylists']);
  const [told, ...more] = log.of('dest.habit');
  assert.deepEqual(more, []);
  assert.match(String(told?.['text']), /^greylists this gateway: .*: 450 Greylisted/);
  await settle();
  const restarted = make();
  await restarted.start();
  assert.deepEqual(habits(restarted), ['greylists']);
  restarted.observe('d', GREY);
  assert.equal(log.of('dest.habit').length, 1, 'nobody is told anew');
});

test('it is over when mail goes through without a sign for a day, or after a week', async () => {
  const { clock, log, make, seen, habits } = rig();
  seen(GREY, 2);
  await clock.advance(HOUR);
  seen(GOOD, 100);
  assert.deepEqual(habits(), ['greylists'], 'not within an hour');
  await clock.advance(DAY);
  seen(GOOD);
  assert.deepEqual(habits(), []);
  assert.equal(log.events.at(-1)?.level, 'info');
  await settle();
  const restarted = make();
  await restarted.start();
  assert.deepEqual(habits(restarted), []);
  seen(GREY, 2);
  await clock.advance(7 * DAY);
  assert.deepEqual(habits(), [], 'nothing seen for a week');
});

test('a limit needs three occasions in a day; a burst is one', async () => {
  const { clock, seen, habits } = rig();
  seen(TOO_MANY, 50);
  await clock.advance(MINUTE);
  seen(TOO_MANY, 50);
  await clock.advance(2 * DAY);
  for (let n = 0; n < 2; n++) {
    seen(TOO_MANY);
    await clock.advance(MINUTE);
  }
  assert.deepEqual(habits(), [], 'the old ones count no more');
  seen(TOO_MANY);
  assert.deepEqual(habits(), ['limits']);
});

test('connections refused beside others that go on are a limit, a server that goes down is none', async () => {
  const { clock, all, seen, habits } = rig();
  const refusedBeside = { text: 'connection refused', open: 4 };
  const noMore: Treatment = { refusals: [], envelopeMs: undefined, refusedBeside, isGood: false };
  for (let n = 0; n < 5; n++) {
    seen(noMore);
    await clock.advance(MINUTE);
    seen(GOOD);
  }
  assert.deepEqual(habits(), [], 'the good answer came too late to say anything');
  for (let n = 0; n < 3; n++) {
    seen(noMore);
    seen(GOOD);
    await clock.advance(MINUTE);
  }
  assert.deepEqual(habits(), ['limits']);
  assert.match(all.of('d')[0]?.evidence ?? '', /no connection beside 4 others/);
});

test('answers that take seconds where they took none are a tarpit, until they are quick again', () => {
  const { log, all, seen, habits } = rig();
  seen(GOOD, 50);
  seen({ ...GOOD, envelopeMs: 6000 }, 5);
  assert.deepEqual(habits(), [], 'a bad moment');
  seen({ ...GOOD, envelopeMs: 6000 }, 15);
  assert.deepEqual(habits(), ['tarpits']);
  assert.equal(all.of('d')[0]?.evidence, 'answers MAIL and RCPT after 6.0 s, 40 ms before');
  seen(GOOD, 15);
  assert.deepEqual(habits(), []);
  assert.equal(log.of('dest.habit').length, 2);
});

test('who was always slow is a tarpit from five seconds on, and a little slower is none', () => {
  const verdict = (all: readonly number[], usual?: number) => {
    const times = new ReplyTimes(usual);
    return all.map((ms) => times.add(ms)?.verdict).at(-1);
  };
  const many = (ms: number) => Array.from({ length: 20 }, () => ms);
  assert.equal(verdict(many(5000)), 'slow');
  assert.equal(verdict(many(4000)), undefined);
  assert.equal(verdict(many(4000), 100), 'slow');
  assert.equal(verdict(many(1500), 10), undefined);
  assert.equal(verdict(many(40)), 'quick');
  assert.equal(verdict(many(5000).slice(0, 7)), undefined, 'too few to tell');
});

test('of servers that nobody configured nothing is kept', () => {
  const { all, log } = rig();
  for (let n = 0; n < 5; n++) all.observe('mx:far.example', GREY);
  assert.deepEqual([all.of('mx:far.example'), log.of('dest.habit')], [[], []]);
});
