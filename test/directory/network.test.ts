/** Networks: which address is whose, in every way an address can be written. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { isWithin, NetworkMap, parseNetwork } from '../../src/directory/network.ts';

function network(text: string) {
  const parsed = parseNetwork(text);
  assert.ok(parsed, text);
  return parsed;
}

test('an address finds the smallest network it is in', () => {
  const map = new NetworkMap<string>();
  const networks = [
    ...['192.0.2.0/24', '192.0.2.128/25', '192.0.2.200', '10.0.0.0/8'],
    ...['2001:db8::/32', '2001:db8:1::/48', '2001:db8::1/128', '64:ff9b::192.0.2.0/120'],
  ];
  for (const text of networks) map.set(network(text), text);
  const cases: readonly [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.0/24'],
    ['192.0.2.129', '192.0.2.128/25'],
    ['192.0.2.200', '192.0.2.200'],
    ['::ffff:192.0.2.200', '192.0.2.200'],
    ['::ffff:c000:2c8', '192.0.2.200'],
    ['192.0.3.1', undefined],
    ['10.255.255.255', '10.0.0.0/8'],
    ['11.0.0.0', undefined],
    ['2001:db8:2::1', '2001:db8::/32'],
    ['2001:DB8:1:0:0:0:0:1', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['2001:db9::1', undefined],
    ['64:ff9b::192.0.2.7', '64:ff9b::192.0.2.0/120'],
    ['::1', undefined],
    ['fe80::1%eth0', undefined],
    ['0.0.0.0', undefined],
  ];
  for (const [address, found] of cases) assert.equal(map.find(address), found, address);
});

test('a network with bits behind its prefix is none', () => {
  for (const text of ['192.0.2.1/24', '10.0.0.1/8', '2001:db8::1/32', '::ffff:10.0.0.1/104']) {
    assert.equal(parseNetwork(text), undefined, text);
  }
  assert.deepEqual(network('::ffff:10.0.0.0/104'), network('10.0.0.0/8'));
  assert.equal(network('0.0.0.0/0').bits, 0);
});

test('what lies within what', () => {
  assert.equal(isWithin(network('10.1.0.0/16'), network('10.0.0.0/8')), true);
  assert.equal(isWithin(network('10.0.0.0/8'), network('10.1.0.0/16')), false);
  assert.equal(isWithin(network('::/16'), network('0.0.0.0/0')), false);
});
