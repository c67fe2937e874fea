/** Rates are those of the last minute. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { MessageRates } from '../../src/base/message-rates.ts';

test('what is older than a minute no longer counts', () => {
  let at = 10_000;
  const rates = new MessageRates({ ...systemClock, mono: () => at });
  for (let n = 0; n < 120; n++) rates.see('msg.in', {});
  for (let n = 0; n < 30; n++) rates.see('rcpt.sent', {});
  rates.see('scan.result', {});
  assert.deepEqual(rates.perSecond(), { in: 2, out: 0.5 });
  at += 30_000;
  for (let n = 0; n < 60; n++) rates.see('msg.in', {});
  assert.deepEqual(rates.perSecond(), { in: 3, out: 0.5 });
  at += 30_000;
  assert.deepEqual(rates.perSecond(), { in: 1, out: 0 });
  at += 10_000_000;
  assert.deepEqual(rates.perSecond(), { in: 0, out: 0 });
});
