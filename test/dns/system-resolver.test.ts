/** The resolver against a DNS server of real packets: four kinds of answer, and never a rejection. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import type { FilterResolver } from '../../src/dns/resolver.ts';
import { createSystemResolver } from '../../src/dns/system-resolver.ts';
import { DnsServer } from '../support/dns-server.ts';
import { hurriedClock } from '../support/hurried-clock.ts';

describe('the resolver on node:dns', () => {
  const server = new DnsServer({
    'two.test': { mx: ['20 MX2.two.test', '10 mx1.two.test'] },
    'null.test': { mx: ['0 .'] },
    'bare.test': { a: ['192.0.2.1'] },
    'both.test': { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], ttl: 77 },
    'alias.test': { cname: 'two.test' },
    'broken.test': 'servfail',
    'texts.test': { txt: [['v=spf1 ip4:192.0.2.1', ' -all'], 'another'] },
    'long.test': { txt: Array.from({ length: 80 }, () => 'x'.repeat(250)) },
    '9.2.0.192.in-addr.arpa': 'servfail',
    '7.2.0.192.in-addr.arpa': { ptr: ['Mail.Example.TEST', '192.0.2.7', 'no;host.test'] },
    'slow.test': { a: ['192.0.2.1'], afterMs: 400 },
    'many.test': { mx: Array.from({ length: 300 }, (_, i) => `${i} mx-${i}.many.test`) },
  });
  let resolver: FilterResolver;
  before(async () => {
    await server.start();
    resolver = createSystemResolver({ clock: systemClock, servers: () => [server.address] });
  });
  after(() => server.stop());

  test('MX records come in the order of their preference, in lower case', async () => {
    assert.deepEqual(await resolver.mx('two.test'), {
      kind: 'found',
      records: [
        { preference: 10, exchange: 'mx1.two.test' },
        { preference: 20, exchange: 'mx2.two.test' },
      ],
    });
  });

  test('the null MX is a record with an empty name', async () => {
    const records = [{ preference: 0, exchange: '' }];
    assert.deepEqual(await resolver.mx('null.test'), { kind: 'found', records });
  });

  test('no record of the type, no such name and trouble are three things', async () => {
    assert.deepEqual(await resolver.mx('bare.test'), { kind: 'none' });
    assert.deepEqual(await resolver.mx('missing.test'), { kind: 'no-domain' });
    assert.equal((await resolver.mx('broken.test')).kind, 'unsure');
    assert.deepEqual(await resolver.addresses('missing.test'), { kind: 'no-domain' });
    assert.deepEqual(await resolver.addresses('two.test'), { kind: 'none' });
  });

  test('addresses of both kinds with their time to live', async () => {
    assert.deepEqual(await resolver.addresses('both.test'), {
      kind: 'found',
      records: [
        { address: '192.0.2.1', ttlMs: 77_000 },
        { address: '2001:db8::1', ttlMs: 77_000 },
      ],
    });
  });

  test('a domain that is an alias has the records of its target', async () => {
    const lookup = await resolver.mx('alias.test');
    assert.equal(lookup.kind === 'found' && lookup.records.length, 2);
  });

  test('each kind of address by itself', async () => {
    const four = await resolver.a('both.test');
    const six = await resolver.aaaa('both.test');
    assert.equal(four.kind === 'found' && four.records[0]?.address, '192.0.2.1');
    assert.equal(six.kind === 'found' && six.records[0]?.address, '2001:db8::1');
    assert.deepEqual(await resolver.aaaa('bare.test'), { kind: 'none' });
  });

  test('the strings of a TXT record are one text; too much of it is doubt', async () => {
    assert.deepEqual(await resolver.txt('texts.test'), {
      kind: 'found',
      records: ['v=spf1 ip4:192.0.2.1 -all', 'another'],
    });
    assert.equal((await resolver.txt('long.test')).kind, 'unsure');
    assert.deepEqual(await resolver.txt('bare.test'), { kind: 'none' });
  });

  test('the names of an address, without what is no name of a host', async () => {
    const records = ['mail.example.test'];
    assert.deepEqual(await resolver.ptr('192.0.2.7'), { kind: 'found', records });
    assert.deepEqual(await resolver.ptr('192.0.2.8'), { kind: 'no-domain' });
    assert.equal((await resolver.ptr('no address')).kind, 'no-domain');
    assert.equal((await resolver.ptr('192.0.2.9')).kind, 'unsure', 'a server that fails');
  });

  test('what cannot be a name in the DNS is not there', async () => {
    assert.deepEqual(await resolver.txt(`${'x'.repeat(70)}.test`), { kind: 'no-domain' });
  });

  test('an answer too large for a datagram comes by TCP, and is bounded', async () => {
    const lookup = await resolver.mx('many.test');
    assert.equal(lookup.kind === 'found' && lookup.records.length, 50);
  });

  test('a server that is not there is doubt, not an answer', async () => {
    const gone = createSystemResolver({ clock: systemClock, servers: () => ['127.0.0.1:9'] });
    assert.equal((await gone.mx('two.test')).kind, 'unsure');
  });

  test('what nobody waits for any more is not asked', async () => {
    const servers = () => [server.address];
    const hurried = createSystemResolver({ clock: hurriedClock(100), servers });
    const slow = Array.from({ length: 200 }, () => hurried.a('slow.test'));
    const behind = Array.from({ length: 20 }, (_, i) => hurried.a(`behind${i}.slow.test`));
    for (const { kind } of await Promise.all([...slow, ...behind])) assert.equal(kind, 'unsure');
    await setTimeout(400);
    assert.equal((await hurried.mx('two.test')).kind, 'found');
    assert.deepEqual(
      server.asked.filter((question) => question.includes('behind')),
      [],
    );
  });

  test('names on which the servers of one zone are silent keep no other zone waiting', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `n${i}.silent.co.test`);
    for (const name of names) server.zones[name] = 'silence';
    const servers = () => [server.address];
    const resolving = createSystemResolver({ clock: hurriedClock(5), servers });
    const silent = names.map((name) => resolving.a(name));
    const startedAt = performance.now();
    const honest = await Promise.all([
      resolving.mx('two.test'),
      resolving.txt('texts.test'),
      resolving.addresses('both.test'),
      resolving.ptr('192.0.2.7'),
    ]);
    assert.deepEqual(
      honest.map(({ kind }) => kind),
      ['found', 'found', 'found', 'found'],
    );
    const ms = performance.now() - startedAt;
    assert.ok(ms < 2000, `an honest question waited for ${ms} ms`);
    for (const { kind } of await Promise.all(silent)) assert.equal(kind, 'unsure');
  });

  test('silent names of any number of zones keep those waiting that nobody knows, and no others', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `silent${i}.test`);
    for (const name of names) server.zones[name] = 'silence';
    const servers = () => [server.address];
    const resolving = createSystemResolver({ clock: hurriedClock(5), servers });
    assert.equal((await resolving.mx('two.test')).kind, 'found');
    const silent = names.map((name) => resolving.a(name));
    const startedAt = performance.now();
    assert.equal((await resolving.mx('two.test')).kind, 'found');
    const ms = performance.now() - startedAt;
    assert.ok(ms < 1000, `a zone that answers waited for ${ms} ms`);
    for (const { kind } of await Promise.all(silent)) assert.equal(kind, 'unsure');
  });

  test('who counts questions hears of each its type, what came of it, and how long it took', async () => {
    const heard: string[] = [];
    const onAnswer = (type: string, result: string, ms: number) => {
      assert.ok(ms >= 0 && ms < 12_000, `${ms}`);
      heard.push(`${type} ${result}`);
    };
    const servers = () => [server.address];
    const counted = createSystemResolver({ clock: systemClock, servers, onAnswer });
    await counted.mx('two.test');
    await counted.txt('two.test');
    await counted.mx('nobody.test');
    await counted.mx('broken.test');
    assert.deepEqual(heard, ['MX found', 'TXT none', 'MX no-domain', 'MX unsure']);
  });

  test('other servers are asked once they are configured', async () => {
    let servers = ['127.0.0.1:9'];
    const resolving = createSystemResolver({ clock: systemClock, servers: () => servers });
    assert.equal((await resolving.mx('two.test')).kind, 'unsure');
    servers = [server.address];
    assert.equal((await resolving.mx('two.test')).kind, 'found');
  });
});
