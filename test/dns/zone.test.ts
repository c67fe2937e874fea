/** Names that the same people answer for have one zone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zoneOf } from '../../src/dns/zone.ts';

const ZONES: readonly (readonly [name: string, zone: string])[] = [
  ['example.org', 'example.org'],
  ['a.b.Example.ORG.', 'example.org'],
  ['2.0.0.127.zen.spamhaus.org', 'spamhaus.org'],
  ['x.firm.co.uk', 'firm.co.uk'],
  ['y.other.co.uk', 'other.co.uk'],
  ['www.ibm.de', 'ibm.de'],
  ['org', 'org'],
  ['', ''],
  ['7.2.0.192.in-addr.arpa', '0.192.in-addr.arpa'],
  [`${'1.'.repeat(24)}8.b.d.0.1.0.0.2.ip6.arpa`, '8.b.d.0.1.0.0.2.ip6.arpa'],
];

test('the zone of a name', () => {
  for (const [name, zone] of ZONES) assert.equal(zoneOf(name), zone, name);
});
