/** What the doctor makes of the DNS of a gateway and its domains, and the records it asks for. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { MxHost } from '../../src/doctor/facts/domain-records.ts';
import type { Identity } from '../../src/doctor/facts/identity.ts';
import { judgeDmarc, judgeMx, judgeSpf } from '../../src/doctor/judge/domain-records.ts';
import { judgeHostname, judgePtr } from '../../src/doctor/judge/names.ts';
import { recordsOfDomain } from '../../src/doctor/judge/records.ts';
import { reverseName, spfRecord } from '../../src/doctor/needed-records.ts';

const HOST = 'mx1.example.net';
const OURS = '192.0.2.25';

function identity(more: Partial<Identity> = {}): Identity {
  const lookup = { kind: 'found', records: [{ address: OURS, ttlMs: 0 }] } as const;
  return {
    hostname: HOST,
    lookup,
    own: [OURS],
    isReachable: true,
    world: [OURS],
    sending: [OURS],
    ...more,
  };
}

test('the host name: full, looked up, of this machine, reachable', () => {
  const told = (more: Partial<Identity>) => judgeHostname(identity(more));
  assert.equal(told({}).status, 'PASS');
  assert.equal(told({ hostname: 'mx1' }).status, 'FAIL');
  assert.equal(told({ hostname: 'mx1.local' }).status, 'FAIL');
  const none = told({ lookup: { kind: 'none' } });
  assert.match(none.fix ?? '', /^add mx1\.example\.net\. 3600 IN A 192\.0\.2\.25$/);
  assert.equal(told({ lookup: { kind: 'no-domain' } }).status, 'FAIL');
  assert.equal(told({ lookup: { kind: 'unsure', text: 'x' } }).isUnsure, true);
  assert.match(told({ own: ['10.0.0.2'] }).fix ?? '', /NAT/);
  assert.equal(told({ isReachable: false }).status, 'WARN');
});

test('PTR: the name, and back', () => {
  const told = (names: readonly string[], confirmed: readonly string[], isDoubtful = false) =>
    judgePtr(HOST, {
      address: OURS,
      lookup: names.length === 0 ? { kind: 'none' } : { kind: 'found', records: names },
      ...{ confirmed, isDoubtful },
    });
  assert.equal(told([HOST], [HOST]).status, 'PASS');
  assert.match(told([], []).fix ?? '', /for 25\.2\.0\.192\.in-addr\.arpa\. 3600 IN PTR mx1/);
  assert.match(told(['host-25.isp.example'], ['host-25.isp.example']).detail, /EHLO says mx1/);
  assert.match(told([HOST], []).detail, /does not lead back/);
  assert.equal(told([HOST], [], true).isUnsure, true);
});

function host(preference: number, exchange: string, more: Partial<MxHost> = {}): MxHost {
  const isUs = exchange === HOST;
  return { preference, exchange, isUs, isDestination: false, addresses: 'found', ...more };
}

test('MX: here, and nowhere else before or beside the filters', () => {
  const use = { hostname: HOST, isBehindProxy: false };
  const told = (...hosts: readonly MxHost[]) =>
    judgeMx('example.org', { kind: 'found', hosts }, use);
  assert.equal(told(host(10, HOST)).status, 'PASS');
  assert.equal(told(host(10, HOST), host(20, 'mx2.example.net')).status, 'PASS');
  assert.equal(told(host(10, HOST), host(10, 'mx2.example.net')).status, 'PASS', 'side by side');
  const past = told(host(5, 'old.example.org'), host(10, HOST));
  assert.equal(past.status, 'WARN');
  assert.match(past.detail, /goes past the filters to old\.example\.org$/);
  const own = told(host(10, HOST), host(20, 'mail.example.org', { isDestination: true }));
  assert.equal(own.status, 'WARN', 'spammers try the last one first');
  assert.equal(told(host(10, HOST, { addresses: 'none' })).status, 'FAIL');
  const away = told(host(10, 'mail.example.org'));
  assert.deepEqual(
    [away.status, away.fix],
    ['FAIL', 'add example.org. 3600 IN MX 10 mx1.example.net.'],
  );
  assert.match(told(host(0, '', { isUs: false })).detail, /null MX/);
  assert.equal(told(host(10, 'x.example', { addresses: 'unsure' })).isUnsure, true);
  const behind = { kind: 'found', hosts: [host(10, 'lb.example.net')] } as const;
  assert.equal(judgeMx('example.org', behind, { ...use, isBehindProxy: true }).isUnsure, true);
  for (const kind of ['none', 'no-domain'] as const)
    assert.equal(judgeMx('example.org', { kind, hosts: [] }, use).status, 'FAIL');
});

test('SPF of a domain that sends, and DMARC', () => {
  const told = (records: readonly string[], result: string, doubt?: string) =>
    judgeSpf('example.org', { records, results: [{ address: OURS, result, comment: 'x' }], doubt });
  const text = 'v=spf1 mx -all';
  assert.equal(told([text], 'pass').status, 'PASS');
  assert.match(
    told([text], 'fail').fix ?? '',
    /example\.org\. 3600 IN TXT "v=spf1 mx ip4:192\.0\.2\.25 -all"$/,
  );
  assert.equal(told([text], 'permerror').status, 'FAIL');
  assert.equal(told([text, text], 'permerror').status, 'FAIL');
  assert.equal(told([], 'none').status, 'WARN');
  assert.equal(told([text], 'temperror', 'no answer').isUnsure, true);

  const at = '_dmarc.example.org';
  const dmarc = (kind: 'found' | 'several' | 'none' | 'unsure', where = at) =>
    judgeDmarc('example.org', { kind, at: where, text: 'v=DMARC1; p=none' });
  assert.equal(dmarc('found').status, 'PASS');
  assert.match(judgeDmarc('a.example.org', { kind: 'found', at, text: 'v=DMARC1' }).detail, /^_dm/);
  assert.equal(dmarc('several').status, 'FAIL');
  assert.match(dmarc('none').fix ?? '', /_dmarc\.example\.org\. 3600 IN TXT "v=DMARC1; p=none;/);
  assert.equal(dmarc('unsure').isUnsure, true);
});

test('records as a zone file has them', () => {
  assert.equal(reverseName('192.0.2.25'), '25.2.0.192.in-addr.arpa.');
  const six = '5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.';
  assert.equal(reverseName('2001:db8::25'), six);
  const spf = (before: string | undefined) => spfRecord('example.org', before, [OURS]).value;
  assert.equal(spf(undefined), '"v=spf1 ip4:192.0.2.25 ~all"');
  assert.equal(spf('v=spf1 redirect=_spf.a'), '"v=spf1 ip4:192.0.2.25 redirect=_spf.a"');
  assert.equal(spf('v=spf1 a'), '"v=spf1 a ip4:192.0.2.25"');
  const long = spf(`v=spf1 ${'ip4:198.51.100.1 '.repeat(20)}-all`);
  const missing = (addresses: readonly string[]) => {
    const results = addresses.map((address) => ({ address, result: 'none', comment: '' }));
    const states = recordsOfDomain({
      ...{ name: 'example.org', hostname: 'mx.example.net', dkim: [] },
      mx: { kind: 'none', hosts: [] },
      spf: { records: [], results, doubt: undefined },
      dmarc: { kind: 'none', at: '_dmarc.example.org', text: '' },
    });
    return states.find(({ value }) => value.includes('v=spf1'))?.value;
  };
  assert.equal(missing([OURS]), '"v=spf1 ip4:192.0.2.25 ~all"');
  assert.equal(missing([]), '"v=spf1 a:mx.example.net ~all"');
  const parts = long.slice(1, -1).split('" "');
  assert.ok(parts.every((part) => part.length <= 255));
  assert.match(parts.join(''), /^v=spf1 ip4:198.* ip4:192\.0\.2\.25 -all$/);
});
