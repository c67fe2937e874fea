/** The reverse name of an address, however the address is written. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { reverseName } from '../../src/dns/reverse-name.ts';

const ZERO = '0.'.repeat(20);

for (const [address, name] of [
  ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
  ['::1', `1.${'0.'.repeat(31)}ip6.arpa`],
  ['2001:DB8::a:0:0:1', '1.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa'],
  ['::ffff:192.0.2.1', `1.0.2.0.0.0.0.c.f.f.f.f.${ZERO}ip6.arpa`],
] as const) {
  test(`the reverse name of ${address}`, () => assert.equal(reverseName(address), name));
}
