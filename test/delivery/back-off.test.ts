/** Servers that have had enough are left alone, longer each time, until they take something again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from '../../src/delivery/back-off.ts';
import type { Provider } from '../../src/delivery/providers.ts';
import { Providers } from '../../src/delivery/providers.ts';
import { RateLimits } from '../../src/delivery/rate-limits.ts';
import type { Destination } from '../../src/directory/domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const MINUTE = 60_000;
const TOO_MUCH = { code: 421, lines: ['4.7.0 too many connections from your host'] };
const LISTED = { code: 554, lines: ['Client host [192.0.2.25] blocked using zen.spamhaus.org'] };
const NOBODY = { code: 550, lines: ['no such user'] };

function remote(domain: string): Destination {
  return { key: `mx:${domain}`, hosts: [], mx: domain, tls: 'opportunistic', maxConnections: 20 };
}

function bench(settings: readonly Provider[] = []) {
  const clock = new FakeClock();
  const log = new RecordedLog();
  const providers = new Providers(() => settings);
  const backOff = new BackOff({ clock, log, providers });
  const see = (destination: Destination, ...refusals: { code: number; lines: string[] }[]) =>
    backOff.observe(destination, { refusals, isGood: refusals.length === 0, source: '192.0.2.25' });
  return { clock, log, providers, backOff, see };
}

test('a pause doubles while it goes on, and a message that is taken ends it', async () => {
  const { clock, log, backOff, see } = bench();
  const one = remote('one.test');
  see(one, NOBODY);
  assert.equal(backOff.waitMs(one), 0);
  for (const expected of [1, 2, 4, 8, 15, 15]) {
    see(one, TOO_MUCH);
    see(one, TOO_MUCH); // was under way
    assert.equal(backOff.waitMs(one), expected * MINUTE);
    await clock.advance(expected * MINUTE);
    assert.equal(backOff.waitMs(one), 0);
  }
  assert.equal(log.of('dest.pause').length, 6);
  see(one);
  see(one, TOO_MUCH);
  assert.equal(backOff.waitMs(one), MINUTE);
  assert.equal(backOff.waitMs(remote('two.test')), 0);
});

test('a listing is a long pause at once, and named', () => {
  const { log, backOff, see } = bench();
  const one = remote('one.test');
  see(one, LISTED);
  assert.equal(backOff.waitMs(one), 15 * MINUTE);
  const [told] = log.of('dest.pause');
  assert.deepEqual([told?.['why'], told?.['src']], ['listed', '192.0.2.25']);
});

test('a customer’s own server is not meant', () => {
  const { backOff, see } = bench();
  const { mx: _, ...own } = remote('one.test');
  see(own, TOO_MUCH);
  assert.equal(backOff.waitMs(own), 0);
});

test('all domains of a provider share its pause and its rate', async () => {
  const rate = { messages: 60, perMs: MINUTE };
  const settings = [{ mx: ['*.big.test'], maxConnections: undefined, rate }];
  const { clock, providers, backOff, see } = bench(settings);
  const find = providers.learning(async (domain) => ({
    kind: 'found',
    hosts: [
      {
        host: domain === 'other.test' ? 'mx.other.test' : 'mx1.big.test',
        address: '192.0.2.1',
        preference: 10,
      },
    ],
  }));
  const [one, two, other] = ['one.test', 'two.test', 'other.test'].map(remote);
  assert.ok(one && two && other);
  assert.ok(providers.isUnknown(one));
  for (const { mx = '' } of [one, two, other]) await find(mx);
  assert.equal(providers.of(two)?.mx[0], '*.big.test');
  assert.equal(providers.of(other), undefined);
  const rates = new RateLimits(clock, {
    of: (destination) => (providers.of(destination) ? { key: 'provider', rate } : undefined),
    pausedMs: (destination) => backOff.waitMs(destination),
  });
  assert.equal(rates.take(one, 'queue'), 0);
  assert.ok(rates.take(two, 'queue') > 0, 'one a second for both');
  assert.equal(rates.take(other, 'queue'), 0);
  see(one, TOO_MUCH);
  assert.equal(backOff.waitMs(two), MINUTE);
  assert.equal(rates.take(two, 'queue'), MINUTE);
  assert.equal(rates.take(other, 'queue'), 0);
});
