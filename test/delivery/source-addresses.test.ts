/** From which address mail goes: the same for one domain, own ones for a class, little from new ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceAddress } from '../../src/delivery/source-addresses.ts';
import { SourceAddresses, warmUpLimit } from '../../src/delivery/source-addresses.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const DAY = 24 * 3600_000;
const HOST = '192.0.2.1';

function source(address: string, more: Partial<SourceAddress> = {}): SourceAddress {
  return { address, hostname: undefined, classes: [], newSince: undefined, ...more };
}

function bench(sources: SourceAddress[], clock = new FakeClock()) {
  const map = new MemoryTtlMap({ clock });
  const options = { sources: () => sources, map, clock, log: new RecordedLog() };
  return {
    addresses: new SourceAddresses(options),
    again: () => new SourceAddresses(options),
    clock,
  };
}

const domains = Array.from({ length: 400 }, (_, i) => `d${i}.test`);

test('a domain keeps its address, and one more takes only its share', () => {
  const sources = ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((address) => source(address));
  const { addresses } = bench(sources);
  const of = (domain: string) => addresses.choose(domain, HOST, undefined)?.address ?? '';
  const before = new Map(domains.map((domain) => [domain, of(domain)]));
  for (const [domain, address] of before) assert.equal(of(domain), address);
  for (const { address } of sources) {
    const share = [...before.values()].filter((one) => one === address).length;
    assert.ok(share > 80 && share < 190, `${address} has ${share} of 400`);
  }
  sources.push(source('127.0.0.4'));
  const moved = domains.filter((domain) => of(domain) !== before.get(domain));
  assert.ok(moved.length > 50 && moved.length < 160, `${moved.length} of 400 moved`);
  assert.ok(moved.every((domain) => of(domain) === '127.0.0.4'));
});

test('a class with addresses of its own uses those alone', () => {
  const news = source('127.0.0.9', { classes: ['bulk'] });
  const { addresses } = bench([source('127.0.0.1'), news]);
  assert.equal(addresses.poolOf('bulk'), 'bulk');
  assert.equal(addresses.poolOf('list'), undefined);
  assert.equal(addresses.poolOf(undefined), undefined);
  for (const domain of domains.slice(0, 20)) {
    assert.equal(addresses.choose(domain, HOST, 'bulk'), news);
    assert.equal(addresses.choose(domain, HOST, undefined)?.address, '127.0.0.1');
  }
});

test('what is not of this machine, or of the other family, is passed over', () => {
  const { addresses } = bench([source('198.51.100.1'), source('127.0.0.1')]);
  for (const domain of domains.slice(0, 20)) {
    assert.equal(addresses.choose(domain, HOST, undefined)?.address, '127.0.0.1');
    assert.equal(addresses.choose(domain, '2001:db8::1', undefined), undefined);
  }
});

test('a new address begins with little, doubles from day to day, and remembers over a restart', async () => {
  const clock = new FakeClock();
  const newSince = clock.now();
  assert.deepEqual(
    [-1, 0, 1, 5, 13, 14].map((day) => warmUpLimit(newSince, newSince + day * DAY)),
    [0, 50, 100, 1600, 409_600, Infinity],
  );
  const { addresses, again } = bench(
    [source('127.0.0.1'), source('127.0.0.2', { newSince })],
    clock,
  );
  const isNew = (one: SourceAddresses, domain: string) =>
    one.choose(domain, HOST, undefined)?.address === '127.0.0.2';
  const own = domains.find((domain) => isNew(addresses, domain));
  assert.ok(own !== undefined);
  for (let sent = 0; sent < 50; sent++) {
    assert.ok(isNew(addresses, own), `${sent} sent`);
    addresses.sent('127.0.0.2');
  }
  assert.equal(isNew(addresses, own), false, 'it has had its share of this day');
  const restarted = again();
  await restarted.start();
  assert.equal(isNew(restarted, own), false);
  await clock.advance(DAY);
  assert.ok(isNew(restarted, own));
  const { addresses: alone } = bench([source('127.0.0.2', { newSince })], clock);
  for (let sent = 0; sent < 300; sent++) alone.sent('127.0.0.2');
  assert.ok(isNew(alone, own), 'mail is not kept back where there is no other');
});
