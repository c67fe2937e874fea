/** `sluice doctor` and the DNS: real packets, good zones and the usual mistakes. */
import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createSystemResolver } from '../../src/dns/system-resolver.ts';
import { findIdentity } from '../../src/doctor/facts/identity.ts';
import { reverseName } from '../../src/doctor/needed-records.ts';
import { runInside } from '../support/command.ts';
import { DnsServer } from '../support/dns-server.ts';
import type { Zones } from '../support/dns-server.ts';
import { customer, doctor, made } from '../support/doctor.ts';
import { domainFile } from '../support/domain-file.ts';

const HOST = 'mx.sluice.test';
const OURS = '203.0.113.25';
const SENDS = '{ enabled: true, accounts: [{ ip: 203.0.113.77 }] }';

const WELL: Zones = {
  [HOST]: { a: [OURS] },
  'good.test': { mx: [`10 ${HOST}`], txt: [`v=spf1 include:spf.good.test -all`, 'other=1'] },
  '_dmarc.good.test': { txt: ['v=DMARC1; p=reject'] },
  'by-address.test': { mx: ['10 our.other-name.test'] },
  'our.other-name.test': { a: [OURS] },
  '_dmarc.by-address.test': { txt: ['v=DMARC1; p=none', 'v=DMARC1; p=reject'] },
  'past.test': { mx: [`20 ${HOST}`, '10 old.past.test'], txt: ['v=spf1 mx:old.past.test -all'] },
  'old.past.test': { a: ['203.0.113.99'] },
  'away.test': { mx: ['10 old.past.test'] },
  'null.test': { mx: ['0 .'] },
  'bare.test': { a: ['203.0.113.99'] },
  'ill.test': 'servfail',
};

/**
 * Which address mail would go out from depends on the machine: the zones of a good world have it,
 * under the gateway's name. Without a way out there is none.
 */
async function welcome({ zones, address }: DnsServer): Promise<readonly string[]> {
  const resolver = createSystemResolver({ clock: systemClock, servers: () => [address] });
  const { sending } = await findIdentity(HOST, resolver);
  zones[HOST] = {
    a: [OURS, ...sending.filter((each) => isIPv4(each) && each !== OURS)],
    aaaa: sending.filter((each) => !isIPv4(each)),
  };
  for (const each of sending) zones[reverseName(each).slice(0, -1)] = { ptr: [HOST] };
  zones['spf.good.test'] = { txt: [`v=spf1 a:${HOST} -all`] };
  return sending;
}

async function world(t: TestContext, zones: Zones, domains: Readonly<Record<string, string>>) {
  const dns = await new DnsServer({ ...zones }).start();
  t.after(() => dns.stop());
  const gateway = await made(t, { node: `dns: { servers: ["${dns.address}"] }`, domains });
  return { dns, gateway };
}

test('names and domains: right ones pass, each mistake is told with the record to copy', async (t) => {
  const { port } = await customer(t);
  const file = (name: string, more = {}) => domainFile(port, more, name);
  const { gateway, dns } = await world(t, WELL, {
    good: file('good.test', { outgoing: SENDS }),
    address: file('by-address.test'),
    past: file('past.test', { outgoing: SENDS.replace('77', '78') }),
    away: file('away.test'),
    bare: file('bare.test'),
    nobody: file('null.test'),
    gone: file('gone.test', { aliases: '[ill.test]' }),
  });
  const sending = await welcome(dns);
  const told = await doctor(gateway);
  assert.equal(told.code, 2);
  assert.equal(told.status(`server ${dns.address}`), 'PASS');
  assert.match(told.row('hostname').detail, /203\.0\.113\.25 is of no interface/);
  for (const address of sending) assert.equal(told.status(`PTR ${address}`), 'PASS');
  const spf = (status: string) => (sending.length > 0 ? status : 'SKIP');
  const domains = {
    'MX good.test': 'PASS',
    'SPF good.test': spf('PASS'),
    'DMARC good.test': 'PASS',
    'MX by-address.test': 'PASS',
    'DMARC by-address.test': 'FAIL',
    'MX past.test': 'WARN',
    'SPF past.test': spf('WARN'),
    'DMARC past.test': 'WARN',
    'MX away.test': 'FAIL',
    'MX bare.test': 'FAIL',
    'MX null.test': 'FAIL',
    'MX gone.test': 'FAIL',
    'MX ill.test': 'SKIP',
  };
  for (const [check, status] of Object.entries(domains))
    assert.equal(told.status(check), status, JSON.stringify(told.row(check)));
  assert.ok(!told.rows.some(({ check }) => check === 'SPF by-address.test'), 'it does not send');
  assert.match(told.row('MX null.test').detail, /null MX/);
  assert.equal(told.row('MX bare.test').fix, `add bare.test. 3600 IN MX 10 ${HOST}.`);
  for (const address of sending)
    assert.ok(told.row('SPF past.test').fix?.includes(`:${address} -all"`), 'a record to copy');

  const one = await doctor(gateway, 'by-address.test');
  assert.ok(one.rows.every(({ group }) => ['domain', 'dest', 'rcpt'].includes(group)));
  assert.equal((await gateway.cli('doctor', 'elsewhere.test')).code, 1);
});

test('M12: --records: lines for a zone file, and which of them are there', async (t) => {
  const { port } = await customer(t);
  const { gateway, dns } = await world(t, WELL, {
    good: domainFile(port, { outgoing: SENDS }, 'good.test'),
    bare: domainFile(port, { outgoing: '{ enabled: true }' }, 'bare.test'),
  });
  const sending = await welcome(dns);
  const all = await gateway.cli('doctor', '--records');
  assert.equal(all.code, 1);
  const lines = all.stdout.split('\n');
  for (const line of [
    `; ${HOST}`,
    `${HOST}. 3600 IN A ${OURS} ; there`,
    ...sending.map((address) => `${reverseName(address)} 3600 IN PTR ${HOST}. ; there`),
    '; bare.test',
    `bare.test. 3600 IN MX 10 ${HOST}. ; missing`,
    '_dmarc.bare.test. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@bare.test" ; missing',
    `good.test. 3600 IN MX 10 ${HOST}. ; there`,
    'good.test. 3600 IN TXT "v=spf1 include:spf.good.test -all" ; there',
    '_dmarc.good.test. 3600 IN TXT "v=DMARC1; p=reject" ; there',
  ])
    assert.ok(lines.includes(line), `${line} in\n${all.stdout}`);
  const terms = sending.map((address) => `${address.includes(':') ? 'ip6' : 'ip4'}:${address}`);
  const first = `bare.test. 3600 IN TXT "v=spf1 ${terms.join(' ')} ~all" ; missing`;
  assert.ok(
    lines.some((line) => line.startsWith(first)),
    all.stdout,
  );
  const good = await gateway.cli('doctor', '--records', 'good.test', '--json');
  const rows = good.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { of: string; kind: string }); // ours
  assert.ok(rows.every(({ of, kind }) => kind === 'record' && [HOST, 'good.test'].includes(of)));
});

test('a DNS that lies, and one that says nothing: told once, and nobody waits for each domain', async (t) => {
  const { port } = await customer(t);
  const many = Array.from({ length: 40 }, (_, i) => [`d${i}`, domainFile(port, {}, `d${i}.test`)]);
  const { gateway } = await world(t, {}, Object.fromEntries(many));
  const liar = new Proxy<Zones>({}, { get: () => ({ a: ['198.51.100.1'] }) });
  const lying = await new DnsServer(liar).start();
  t.after(() => lying.stop());
  await gateway.configure({ node: `dns: { servers: ["${lying.address}"] }` });
  const lied = await doctor(gateway);
  assert.match(
    lied.row(`server ${lying.address}`).detail,
    /makes up an address \(198\.51\.100\.1\)/,
  );

  const silence = new Proxy<Zones>({}, { get: () => 'silence' });
  const silent = await new DnsServer(silence).start();
  t.after(() => silent.stop());
  await gateway.configure({ node: `dns: { servers: ["${silent.address}"] }` });
  const startedAt = Date.now();
  const args = ['doctor', '-c', gateway.configFile];
  const mute = await runInside(args, { columns: 100, hasColour: true });
  assert.ok(Date.now() - startedAt < 30_000);
  assert.equal(mute.code, 2);
  const server = mute.out.split('\n').findIndex((line) => line.includes(silent.address));
  const [row = '', advice = ''] = mute.out.split('\n').slice(server);
  assert.ok(row.startsWith('dns      \x1b[31mFAIL\x1b[0m server '), row);
  assert.match(row, /does not answer: /);
  assert.match(advice, /^ +→ set dns\.servers to one that answers/, 'a line of its own');
  assert.match(mute.out, /MX d39\.test +no DNS server answers/);
  assert.match(mute.err, /^… \d+ of \d+ done, waiting for .+\n/, 'who waits is told for what');
});
