/** Networks of SPF records: what counts, and where it ends (RFC 7208). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpfNetworks } from '../../src/dns/spf-networks.ts';
import { spfNetworks } from '../../src/dns/spf-networks.ts';
import { tableDns } from '../support/table-dns.ts';
import type { TableZone } from '../support/table-dns.ts';

async function found(zones: Record<string, TableZone | 'unsure'>): Promise<SpfNetworks> {
  const dns = tableDns({ zones });
  const addresses = async (name: string, type: 'a' | 'aaaa') => {
    const answer = await dns[type](name);
    if (answer.kind !== 'found') return answer;
    const records = answer.records.map((address) => ({ address, ttlMs: 0 }));
    return { kind: 'found' as const, records };
  };
  const resolver = {
    a: (name: string) => addresses(name, 'a'),
    aaaa: (name: string) => addresses(name, 'aaaa'),
    mx: (name: string) => dns.mx(name),
    txt: (name: string) => dns.txt(name),
  };
  return spfNetworks('start.test', resolver);
}

const record = (text: string): TableZone => ({ txt: ['other', `v=spf1 ${text}`] });

test('what a record lets send, and what it takes out', async () => {
  const cases: readonly (readonly [
    text: string,
    networks: readonly string[],
    except?: readonly string[],
  ])[] = [
    ['ip4:192.0.2.0/24 +ip6:2001:db8::/32 -all', ['192.0.2.0/24', '2001:db8::/32']],
    ['IP4:192.0.2.1', ['192.0.2.1/32']],
    [
      '~ip4:192.0.2.1 ?ip4:192.0.2.2 ip4:192.0.2.3',
      ['192.0.2.3/32'],
      ['192.0.2.1/32', '192.0.2.2/32'],
    ],
    ['-all ip4:192.0.2.1', []],
    ['a/24//64 ~all', ['198.51.100.7/24', '2001:db8::7/64']],
    ['a:host.test mx:host.test/30', ['203.0.113.1/32', '198.51.100.9/30']],
    ['include:inner.test', ['192.0.2.8/32'], ['192.0.2.9/32']],
    ['-include:inner.test', [], ['192.0.2.8/32']],
    ['ip4:192.0.2.1 redirect=inner.test', ['192.0.2.1/32', '192.0.2.8/32'], ['192.0.2.9/32']],
    ['redirect=inner.test ?all', []],
    ['exists:%{i}.x.test ptr include:%{d}.x.test exp=why.test ip4:192.0.2.1', ['192.0.2.1/32']],
  ];
  const around = {
    'host.test': {
      a: ['203.0.113.1'],
      mx: [{ preference: 1, exchange: 'mx.test' }],
    },
    'mx.test': { a: ['198.51.100.9'] },
    'inner.test': record('-ip4:192.0.2.9 ip4:192.0.2.8 -all'),
  };
  for (const [text, networks, except = []] of cases) {
    const start = { ...record(text), a: ['198.51.100.7'], aaaa: ['2001:db8::7'] };
    const result = await found({ ...around, 'start.test': start });
    assert.equal(result.kind, 'found', text);
    const texts = (of: readonly { address: string; bits: number }[]) =>
      of.map(({ address, bits }) => `${address}/${bits}`);
    assert.deepEqual(texts(result.networks), networks, text);
    assert.deepEqual(texts(result.except), except, text);
  }
});

test('all of it or nothing', async () => {
  const many = Array.from({ length: 11 }, (_, i) => `exists:x${i}.test`).join(' ');
  const full = Array.from({ length: 2001 }, (_, i) => `ip4:10.0.${i >> 8}.${i & 255}`).join(' ');
  const hosts = Array.from({ length: 11 }, (_, i) => ({ preference: i, exchange: `h${i}.test` }));
  const cases: readonly (readonly [TableZone | 'unsure', string])[] = [
    ['unsure', 'unsure'],
    [record('include:silent.test'), 'unsure'],
    [record('a:half.test'), 'unsure'],
    [record('mx:silent.test'), 'unsure'],
    [{ txt: ['v=spf10 ip4:192.0.2.1'] }, 'unusable'],
    [{ txt: ['v=spf1 -all', 'v=spf1 -all'] }, 'unusable'],
    [record('+all'), 'unusable'],
    [record('include:start.test'), 'unusable'],
    [record('redirect=start.test'), 'unusable'],
    [record('include:missing.test'), 'unusable'],
    [record('a:b.test a:c.test a:d.test'), 'unusable'],
    [record('ip4:192.0.2.300'), 'unusable'],
    [record('ip4:192.0.2.0/33'), 'unusable'],
    [record('ip6:2001:db8::/129'), 'unusable'],
    [record('ipv4:192.0.2.1'), 'unusable'],
    [record('include:'), 'unusable'],
    [record('include:a..b'), 'unusable'],
    [record('a:\u0000.test'), 'unusable'],
    [record('!'), 'unusable'],
    [record(many), 'unusable'],
    [record(full), 'unusable'],
    [{ ...record('mx'), mx: hosts }, 'unusable'],
  ];
  for (const [start, kind] of cases) {
    const result = await found({
      'start.test': start,
      'silent.test': 'unsure',
      'half.test': 'unsure',
    });
    assert.equal(result.kind, kind, JSON.stringify(start).slice(0, 80));
  }
});
