/** Who takes mail for a domain: RFC 5321 5.1 and RFC 7505 as a table of cases. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Exchangers } from '../../src/dns/mail-exchangers.ts';
import { findExchangers } from '../../src/dns/mail-exchangers.ts';
import type { Lookup, Resolver } from '../../src/dns/resolver.ts';

type Names = Readonly<Record<string, readonly string[] | 'unsure' | 'none'>>;

function resolverOf(mx: Names, addresses: Names): Resolver {
  const lookup = <T>(table: Names, name: string, record: (text: string) => T): Lookup<T> => {
    const entry = table[name];
    if (entry === undefined) return { kind: 'no-domain' };
    if (entry === 'none') return { kind: 'none' };
    if (entry === 'unsure') return { kind: 'unsure', text: 'SERVFAIL' };
    return { kind: 'found', records: entry.map(record) };
  };
  return {
    mx: async (name) =>
      Promise.resolve(
        lookup(mx, name, (text) => {
          const [preference, exchange = ''] = text.split(' ');
          return { preference: Number(preference), exchange };
        }),
      ),
    addresses: async (name) =>
      Promise.resolve(lookup(addresses, name, (address) => ({ address, ttlMs: 1000 }))),
  };
}

const isAllowed = (address: string) => address.startsWith('10.9.');
const isUs = (name: string) => name === 'mx.us.test' || name === '192.0.2.99';

type Case = readonly [name: string, mx: Names, addresses: Names, expected: string];

const CASES: readonly Case[] = [
  [
    'MX hosts by preference',
    { 'd.test': ['10 a.test', '20 b.test'] },
    { 'a.test': ['192.0.2.1', '2001:db8::1'], 'b.test': ['192.0.2.2'] },
    'a.test=192.0.2.1@10 a.test=2001:db8::1@10 b.test=192.0.2.2@20',
  ],
  [
    'no MX: the domain itself',
    { 'd.test': 'none' },
    { 'd.test': ['192.0.2.1'] },
    'd.test=192.0.2.1@0',
  ],
  ['null MX', { 'd.test': ['0 '] }, { 'd.test': ['192.0.2.1'] }, 'null-mx'],
  [
    'a root among real hosts is passed over',
    { 'd.test': ['0 ', '5 a.test'] },
    { 'a.test': ['192.0.2.1'] },
    'a.test=192.0.2.1@5',
  ],
  ['no such domain', {}, {}, 'no-domain'],
  ['DNS trouble', { 'd.test': 'unsure' }, {}, 'unsure'],
  ['neither MX nor address', { 'd.test': 'none' }, { 'd.test': 'none' }, 'no-host'],
  ['MX names that do not exist', { 'd.test': ['10 a.test'] }, {}, 'no-host'],
  [
    'one MX name in doubt is doubt',
    { 'd.test': ['10 a.test', '20 b.test'] },
    { 'a.test': 'unsure' },
    'unsure',
  ],
  [
    'one that is known is enough',
    { 'd.test': ['10 a.test', '20 b.test'] },
    { 'a.test': 'unsure', 'b.test': ['192.0.2.2'] },
    'b.test=192.0.2.2@20',
  ],
  [
    'we are the best MX by name',
    { 'd.test': ['10 mx.us.test', '20 b.test'] },
    { 'b.test': ['192.0.2.2'] },
    'loop',
  ],
  [
    'only those before us count',
    { 'd.test': ['10 a.test', '20 mx.us.test', '20 b.test'] },
    { 'a.test': ['192.0.2.1'], 'b.test': ['192.0.2.2'] },
    'a.test=192.0.2.1@10',
  ],
  [
    'we are the best MX by address',
    { 'd.test': ['10 a.test', '20 b.test'] },
    { 'a.test': ['192.0.2.99'], 'b.test': ['192.0.2.2'] },
    'loop',
  ],
  ['the domain itself is us', { 'd.test': 'none' }, { 'd.test': ['192.0.2.99'] }, 'loop'],
  [
    'addresses that no machine has are nobody',
    { 'd.test': ['10 a.test'] },
    { 'a.test': ['0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1', '::ffff:0.0.0.0'] },
    'no-host',
  ],
  ...[
    ...['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', 'fe80::1', 'fec0::1'],
    ...['10.1.2.3', '172.31.255.255', '192.168.1.1', '::ffff:192.168.1.1', '100.127.0.1'],
    ...['fc00::1', 'fd12:3456::1', '64:ff9b::10.1.2.3', '64:ff9b::7f00:1', '64:ff9b:1::1'],
  ].map((address): Case => [
    `${address} is private`,
    { 'd.test': ['10 a.test'] },
    { 'a.test': [address] },
    'private',
  ]),
  [
    'beside networks of private use',
    { 'd.test': ['10 a.test'] },
    { 'a.test': ['11.0.0.1', '172.32.0.1', '100.128.0.1', '2001:db8::1', '64:ff9b::b00:1'] },
    'a.test=11.0.0.1@10 a.test=172.32.0.1@10 a.test=100.128.0.1@10 a.test=2001:db8::1@10 a.test=64:ff9b::b00:1@10',
  ],
  [
    'private ones are passed over for others',
    { 'd.test': ['10 a.test', '20 b.test'] },
    { 'a.test': ['192.168.1.1'], 'b.test': ['192.0.2.2'] },
    'b.test=192.0.2.2@20',
  ],
  [
    'a private network that the operator names',
    { 'd.test': ['10 a.test'] },
    { 'a.test': ['10.9.0.1', '10.8.0.1'] },
    'a.test=10.9.0.1@10',
  ],
  [
    'a private one and one in doubt is doubt',
    { 'd.test': ['10 a.test', '20 b.test'] },
    { 'a.test': ['192.168.1.1'], 'b.test': 'unsure' },
    'unsure',
  ],
  [
    'a domain without MX at a private address',
    { 'd.test': 'none' },
    { 'd.test': ['::1'] },
    'private',
  ],
];

for (const [name, mx, addresses, expected] of CASES) {
  test(`mail exchangers: ${name}`, async () => {
    const found = await findExchangers('d.test', {
      resolver: resolverOf(mx, addresses),
      isUs,
      isAllowed,
    });
    assert.equal(shown(found), expected);
  });
}

test('a flood of records is looked at only so far', async () => {
  const hosts = Array.from({ length: 40 }, (_, i) => `${i} mx${i}.test`);
  const addresses = Object.fromEntries(
    hosts.map((_, i) => [`mx${i}.test`, Array.from({ length: 40 }, (__, j) => `192.0.2.${j}`)]),
  );
  const resolver = resolverOf({ 'd.test': hosts }, addresses);
  const found = await findExchangers('d.test', { resolver, isUs, isAllowed });
  assert.equal(found.kind === 'found' && found.hosts.length, 20);
});

function shown(found: Exchangers): string {
  if (found.kind !== 'found') return found.kind;
  return found.hosts
    .map(({ host, address, preference }) => `${host}=${address}@${preference}`)
    .join(' ');
}
