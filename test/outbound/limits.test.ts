/**
 * Limits on a clock that stands still, through the real store: windows of the domain's time zone,
 * also on the days on which it changes, what is taken ahead and given back, and a restart.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { buildAccountOptions } from '../../src/directory/account-options.ts';
import type { Account } from '../../src/directory/account.ts';
import { domainKey, identityKey } from '../../src/outbound/counter-keys.ts';
import { Limits } from '../../src/outbound/limits.ts';
import type { Sender } from '../../src/outbound/limits.ts';
import type { KeyBounds } from '../../src/store/counter-store.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HOUR = 3_600_000;

describe('limits', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-limits-'));
  let stores = 0;
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function open(clock: FakeClock, name = `store-${(stores += 1)}`, keyBounds?: KeyBounds) {
    const store = await openLevelStore({
      ...{ folder: join(folder, name), minFreeBytes: 0, clock, log: new RecordedLog() },
      onFailure: (error) => assert.fail(error),
      keyBounds,
    });
    const told: string[] = [];
    const limits = new Limits({
      ...{ counters: store.counters, clock, log: new RecordedLog() },
      onRelay: ({ domain, event }) => told.push(`${domain} ${event}`),
    });
    return { name, store, limits, told };
  }

  function sender(relayPerDay: number, settings: Parameters<typeof buildAccountOptions>[0] = {}) {
    const account: Account = {
      ...buildAccountOptions(settings),
      name: 'example.org',
      domain: 'example.org',
      by: { kind: 'domain', password: undefined },
    };
    return { account, outgoing: { relayPerDay, timeZone: 'Europe/Berlin' } };
  }

  const need = (recipients: number) => ({ recipients, newRecipients: 0 });

  /** How many of so many messages with one recipient are taken. */
  async function taken(limits: Limits, whose: Sender, messages: number): Promise<number> {
    let count = 0;
    for (let i = 0; i < messages; i++) {
      if ((await limits.reserve(whose, need(1))).refused === undefined) count += 1;
    }
    return count;
  }

  test('I44: the relay counter starts anew at local midnight', async () => {
    const clock = new FakeClock(Date.parse('2026-11-26T22:30:00Z')); // 23:30 in Berlin
    const { store, limits, told } = await open(clock);
    const whose = sender(1000);
    assert.equal(await taken(limits, whose, 1100), 1000);
    assert.deepEqual(told, ['example.org near', 'example.org reached']);
    await clock.advance(HOUR / 2 - 1);
    assert.equal(await taken(limits, whose, 1), 0);
    await clock.advance(1);
    assert.equal(await taken(limits, whose, 1100), 1000);
    await store.close();
  });

  test('I44: what was taken ahead does not go over midnight', async () => {
    const clock = new FakeClock(Date.parse('2026-11-26T22:30:00Z'));
    const { store, limits } = await open(clock);
    const whose = sender(1000);
    assert.equal(await taken(limits, whose, 5), 5);
    const late = await limits.reserve(whose, need(7));
    await clock.advance(HOUR);
    assert.equal(await taken(limits, whose, 1100), 1000);
    late.giveBack(); // refused after midnight: yesterday's
    assert.equal(await taken(limits, whose, 1), 0);
    await limits.stop();
    await store.close();
  });

  for (const [day, hours, start] of [
    ['spring', 23, '2027-03-27T23:00:00Z'],
    ['autumn', 25, '2026-10-24T22:00:00Z'],
  ] as const) {
    test(`I44: the day on which the clock changes in ${day} has ${hours} hours`, async () => {
      const clock = new FakeClock(Date.parse(start));
      const { store, limits } = await open(clock);
      const whose = sender(10);
      assert.equal(await taken(limits, whose, 20), 10);
      await clock.advance(hours * HOUR - 1);
      assert.equal(await taken(limits, whose, 20), 0);
      await clock.advance(1);
      assert.equal(await taken(limits, whose, 20), 10);
      await store.close();
    });
  }

  test("a minute and a day at once: what a minute leaves is the day's", async () => {
    const clock = new FakeClock(Date.parse('2026-11-26T09:00:00Z'));
    const { store, limits } = await open(clock);
    const whose = sender(10_000, {
      user: 'a@example.org',
      limits: { recipients_per_minute: 200, recipients_per_day: 500 },
    });
    const minutes: number[] = [];
    for (let i = 0; i < 6; i++) {
      minutes.push(await taken(limits, whose, i === 0 ? 10 : 300));
      // Whatever is being written must not be waiting when time passes.
      for (let j = 0; j < 2; j++) await store.counters.unlock('nobody');
      await clock.advance(60_000);
    }
    assert.deepEqual(minutes, [10, 200, 200, 90, 0, 0]);
    await store.close();
  });

  test('what is not accepted is given back, and counts are of what was used', async () => {
    const clock = new FakeClock();
    const { store, limits } = await open(clock);
    const whose = sender(1000);
    const reservation = await limits.reserve(whose, need(100));
    assert.equal(await taken(limits, whose, 3), 3);
    reservation.giveBack();
    reservation.giveBack();
    assert.equal((await limits.counts(domainKey('example.org'))).day?.count, 3);
    await limits.stop();
    assert.equal((await store.counters.peek(domainKey('example.org'))).day?.count, 3);
    await store.close();
  });

  test('while a limit is changed, mail under the old one and the new one does not wait for ever', async () => {
    const { store, limits } = await open(new FakeClock());
    const [before, now] = [sender(100), sender(90)];
    await taken(limits, before, 1);
    const both = Promise.all([limits.reserve(before, need(22)), limits.reserve(now, need(12))]);
    const late = setTimeout(2000, [], { ref: false });
    const granted = await Promise.race([both, late]);
    assert.deepEqual(
      granted.map(({ refused }) => refused),
      [undefined, undefined],
    );
    await limits.stop();
    assert.equal((await store.counters.peek(domainKey('example.org'))).day?.count, 35);
    await store.close();
  });

  test('over a restart nothing is forgotten, and over a crash never more is granted', async () => {
    const clock = new FakeClock();
    const first = await open(clock);
    const whose = sender(1000);
    assert.equal(await taken(first.limits, whose, 400), 400);
    await first.store.close(); // what is in hand is lost, as in a crash
    const second = await open(clock, first.name);
    const rest = await taken(second.limits, whose, 1000);
    assert.ok(rest <= 600 && rest >= 580, `${rest}`);
    await second.limits.stop();
    await second.store.close();
  });

  test('however many identities and replies one customer has, the mail of others is counted', async () => {
    const { store, limits } = await open(new FakeClock(), undefined, { all: 12, open: 8 });
    const whose = sender(1000);
    for (let i = 0; i < 10; i++) {
      limits.sent(whose, { recipients: 1, identity: `made-up-${i}` });
    }
    const first = await limits.counts(identityKey('example.org', 'made-up-0'));
    assert.equal(first.day?.count, 1);
    assert.deepEqual(await limits.counts(identityKey('example.org', 'made-up-9')), {});
    const reply = { key: 'replies\tx', limits: { week: 2 }, isOpen: true, by: 1 };
    await assert.rejects(limits.reserveKind(whose, [reply]), { code: 'LIMIT' });
    const account: Account = { ...whose.account, name: 'other.test', domain: 'other.test' };
    const other = { ...whose, account };
    assert.equal(await taken(limits, other, 3), 3);
    assert.equal((await limits.counts(domainKey('other.test'))).day?.count, 3);
    await store.close();
  });

  test('a limit that is lowered counts at once', async () => {
    const clock = new FakeClock();
    const { store, limits } = await open(clock);
    assert.equal(await taken(limits, sender(1000), 10), 10);
    assert.equal(await taken(limits, sender(15), 10), 5);
    await limits.stop();
    await store.close();
  });
});
