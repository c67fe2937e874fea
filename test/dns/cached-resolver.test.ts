/** What the DNS said is remembered for its time and no longer; those who ask at once ask once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createCachedResolver } from '../../src/dns/cached-resolver.ts';
import type { AddressRecord, Lookup, MxRecord, Resolver } from '../../src/dns/resolver.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Table implements Resolver {
  readonly asked: string[] = [];
  mxAnswer: Lookup<MxRecord> = {
    kind: 'found',
    records: [{ preference: 1, exchange: 'mx.test' }],
  };
  addressAnswer: Lookup<AddressRecord> = { kind: 'none' };

  async mx(name: string) {
    this.asked.push(`MX ${name}`);
    return Promise.resolve(this.mxAnswer);
  }
  async addresses(name: string) {
    this.asked.push(`A ${name}`);
    return Promise.resolve(this.addressAnswer);
  }
}

test('an answer is asked for once, by all who ask at the same time and within its time', async () => {
  const clock = new FakeClock();
  const table = new Table();
  const resolver = createCachedResolver(table, clock);
  await Promise.all([resolver.mx('one.test'), resolver.mx('ONE.test')]);
  await clock.advance(299_000);
  await resolver.mx('one.test');
  assert.equal(table.asked.length, 1);
  await clock.advance(2_000);
  await resolver.mx('one.test');
  assert.equal(table.asked.length, 2);
});

test('addresses live as long as their zone says, within bounds', async () => {
  const clock = new FakeClock();
  const table = new Table();
  const resolver = createCachedResolver(table, clock);
  table.addressAnswer = { kind: 'found', records: [{ address: '192.0.2.1', ttlMs: 0 }] };
  await resolver.addresses('short.test');
  await clock.advance(29_000);
  await resolver.addresses('short.test');
  assert.equal(table.asked.length, 1);
  table.addressAnswer = { kind: 'found', records: [{ address: '192.0.2.1', ttlMs: 1e9 }] };
  await clock.advance(2_000);
  await resolver.addresses('short.test');
  await clock.advance(3600_000);
  await resolver.addresses('short.test');
  assert.equal(table.asked.length, 3);
});

test('doubt is forgotten within seconds, a no within a minute', async () => {
  const clock = new FakeClock();
  const table = new Table();
  const resolver = createCachedResolver(table, clock);
  table.mxAnswer = { kind: 'unsure', text: 'timeout' };
  await resolver.mx('one.test');
  await clock.advance(2_500);
  table.mxAnswer = { kind: 'no-domain' };
  assert.deepEqual(await resolver.mx('one.test'), { kind: 'no-domain' });
  await clock.advance(59_000);
  table.mxAnswer = { kind: 'none' };
  assert.deepEqual(await resolver.mx('one.test'), { kind: 'no-domain' });
  await clock.advance(2_000);
  assert.deepEqual(await resolver.mx('one.test'), { kind: 'none' });
});

test('the table is bounded: what was asked for longest ago goes first', async () => {
  const clock = new FakeClock();
  const table = new Table();
  const resolver = createCachedResolver(table, clock);
  await resolver.mx('first.test');
  for (let i = 0; i < 10_000; i++) await resolver.mx(`${i}.test`);
  await resolver.mx('9999.test');
  assert.equal(table.asked.length, 10_001);
  await resolver.mx('first.test');
  assert.equal(table.asked.length, 10_002);
});
