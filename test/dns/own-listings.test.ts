/** Our addresses on block lists: found, kept in doubt, and gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnListings } from '../../src/dns/own-listings.ts';
import type { AddressRecord, Lookup } from '../../src/dns/resolver.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HALF_HOUR = 30 * 60_000;
const found = (address: string): Lookup<AddressRecord> => ({
  kind: 'found',
  records: [{ address, ttlMs: 60_000 }],
});

test('a listing is found and kept in doubt, and is over when the list says so', async (t) => {
  const clock = new FakeClock();
  const answers = new Map<string, Lookup<AddressRecord>>();
  const asked: string[] = [];
  const watch = new OwnListings({
    resolver: {
      a: async (name) => {
        asked.push(name);
        return answers.get(name) ?? { kind: 'no-domain' };
      },
      txt: async () => ({ kind: 'found', records: ['see https://bl.test'] }),
    },
    addresses: async () => ['192.0.2.25', '2001:db8::25'],
    lists: () => ['bl.test'],
    clock,
  });
  t.after(() => watch.stop());
  const four = '25.2.0.192.bl.test';
  const six = '5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test';
  answers.set(six, found('127.0.0.4'));
  watch.start();
  await clock.advance(2000);
  assert.deepEqual(asked, [four, six]);
  const [listing] = watch.listings;
  assert.deepEqual([listing?.address, listing?.text], ['2001:db8::25', 'see https://bl.test']);
  const doubts: readonly Lookup<AddressRecord>[] = [
    { kind: 'unsure', text: 'no answer' },
    found('127.255.255.254'),
    found('203.0.113.1'),
  ];
  for (const doubt of doubts) {
    answers.set(six, doubt);
    answers.set(four, doubt);
    await clock.advance(HALF_HOUR);
    assert.deepEqual(watch.listings, [listing], 'nothing new, nothing forgotten');
  }
  answers.clear();
  await clock.advance(HALF_HOUR);
  assert.deepEqual(watch.listings, []);
});
