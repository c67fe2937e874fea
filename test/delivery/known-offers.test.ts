/** What is known of a destination's offers, and for how long. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { KnownOffers } from '../../src/delivery/known-offers.ts';
import { NO_OFFERS } from '../../src/smtp/client-commands.ts';
import { FakeClock } from '../support/fake-clock.ts';

const UTF8 = { ...NO_OFFERS, smtpUtf8: true };

test('a destination lacks what none of its connections of the last hour offered', async () => {
  const clock = new FakeClock();
  const offers = new KnownOffers(clock);
  assert.equal(offers.lacksSmtpUtf8('d'), false, 'nobody knows');
  offers.observe('d', NO_OFFERS);
  assert.equal(offers.lacksSmtpUtf8('d'), true);
  assert.equal(offers.lacksSmtpUtf8('other'), false);
  offers.observe('d', UTF8);
  assert.equal(offers.lacksSmtpUtf8('d'), false, 'it was upgraded');
  await clock.advance(1_800_000);
  offers.observe('d', NO_OFFERS);
  assert.equal(offers.lacksSmtpUtf8('d'), false, 'another of its hosts offers it');
  await clock.advance(1_900_000);
  assert.equal(offers.lacksSmtpUtf8('d'), true, 'none has for an hour');
  await clock.advance(1_900_000);
  assert.equal(offers.lacksSmtpUtf8('d'), false, 'forgotten');
});

test('no more than ten thousand destinations are remembered, the latest ones', () => {
  const offers = new KnownOffers(new FakeClock());
  for (let i = 0; i <= 10_000; i++) offers.observe(String(i), NO_OFFERS);
  assert.equal(offers.lacksSmtpUtf8('0'), false);
  assert.equal(offers.lacksSmtpUtf8('1'), true);
  assert.equal(offers.lacksSmtpUtf8('10000'), true);
});
