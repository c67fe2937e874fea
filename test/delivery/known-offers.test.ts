/** What is known of a destination's offers, and for how long. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { KnownOffers } from '../../src/delivery/known-offers.ts';
import { FakeClock } from '../support/fake-clock.ts';

const ONLY = { name: 'a', of: 1 };
const NONE = { smtpUtf8: false, requireTls: undefined };
const UTF8 = { smtpUtf8: true, requireTls: undefined };

test('a destination lacks what none of its connections of the last hour offered', async () => {
  const clock = new FakeClock();
  const offers = new KnownOffers(clock);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false, 'nobody knows');
  offers.observe('d', ONLY, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), true);
  assert.equal(offers.lacks('smtpUtf8', 'other'), false);
  offers.observe('d', ONLY, UTF8);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false, 'it was upgraded');
  await clock.advance(1_800_000);
  offers.observe('d', ONLY, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false, 'it had it lately');
  await clock.advance(1_900_000);
  assert.equal(offers.lacks('smtpUtf8', 'd'), true, 'none has for an hour');
  await clock.advance(1_900_000);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false, 'forgotten');
});

test('a destination of several hosts lacks what each of them has shown to lack', async () => {
  const clock = new FakeClock();
  const offers = new KnownOffers(clock);
  const [first, second] = [
    { name: 'a', of: 2 },
    { name: 'b', of: 2 },
  ];
  for (let i = 0; i < 3; i++) offers.observe('d', first, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false, 'nobody has seen the other');
  offers.observe('d', second, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), true);
  offers.observe('d', second, UTF8);
  offers.observe('d', first, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false);
  await clock.advance(3_600_000);
  offers.observe('d', first, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false, 'what the other had is long ago');
  offers.observe('d', { name: 'a', of: 1 }, NONE);
  assert.equal(offers.lacks('smtpUtf8', 'd'), true, 'it is the only one now');
});

test('what a connection told nothing about stays as it was', () => {
  const offers = new KnownOffers(new FakeClock());
  offers.observe('d', ONLY, NONE);
  assert.equal(offers.lacks('requireTls', 'd'), false);
  offers.observe('d', ONLY, { smtpUtf8: true, requireTls: false });
  offers.observe('d', ONLY, NONE);
  assert.equal(offers.lacks('requireTls', 'd'), true);
  assert.equal(offers.lacks('smtpUtf8', 'd'), false);
});

test('no more than ten thousand destinations are remembered, the latest ones', () => {
  const offers = new KnownOffers(new FakeClock());
  for (let i = 0; i <= 10_000; i++) offers.observe(String(i), ONLY, NONE);
  assert.equal(offers.lacks('smtpUtf8', '0'), false);
  assert.equal(offers.lacks('smtpUtf8', '1'), true);
  assert.equal(offers.lacks('smtpUtf8', '10000'), true);
});
