/** DNS lists are asked by real packets: they weigh, refuse or allow; one that does not work never counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import { FilteredClients } from '../support/filtered-clients.ts';
import type { ProxiedMail } from '../support/proxied-client.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const LISTS = `
  - dns-lists:
      clients:
        - { zone: block.test, action: reject, codes: [127.0.0.2, 127.0.0.4-7] }
        - { zone: weigh.test, codes: 127.0.0.&1, score: 2 }
        - { zone: weigh.test, codes: 127.0.0.&2 }
        - { zone: good.test, codes: 127.0.*.2-3, action: allow, score: -1.5 }
        - { zone: closed.test, action: reject }
        - { zone: ended.test, action: reject }
        - { zone: dead.test, action: reject, timeout: 200ms }
      domains:
        - { zone: names.test, names: [helo, ptr], score: 3 }
        - { zone: senders.test, names: sender, action: reject }
`;
const OUTGOING = '{ enabled: true, accounts: [{ ip: 198.51.100.20/32 }] }';

const rig = FilteredClients.of({
  dns: {
    '2.2.0.192.block.test': { a: ['127.0.0.2'] },
    '3.2.0.192.block.test': { a: ['127.0.0.3'] },
    [`${'1.0.0.0.'.padEnd(48, '0.')}8.b.d.0.1.0.0.2.block.test`]: { a: ['127.0.0.6'] },
    '4.2.0.192.weigh.test': { a: ['127.0.0.3'] },
    '5.2.0.192.block.test': { a: ['127.0.0.2'] },
    '5.2.0.192.weigh.test': { a: ['127.0.0.1'] },
    '5.2.0.192.good.test': { a: ['127.0.9.3'] },
    '6.2.0.192.closed.test': { a: ['127.255.255.254'] },
    '6.2.0.192.ended.test': { a: ['203.0.113.1'] },
    '6.2.0.192.dead.test': 'silence',
    '7.2.0.192.in-addr.arpa': { ptr: ['pool.bad.test'] },
    'pool.bad.test.names.test': { a: ['127.0.0.2'] },
    'bad.test.names.test': { a: ['127.0.0.2'] },
    'bad.test.senders.test': { a: ['127.0.0.2'] },
  },
  plugins: LISTS,
  domains: (port) => ({
    'example.org': domainFile(port, { outgoing: OUTGOING }),
    'plain.test': domainFile(port, { services: '[relay, fallback]' }, 'plain.test'),
    'mild.test': domainFile(
      port,
      { 'dns-lists': '{ clients: [{ zone: block.test, score: 1 }] }' },
      'mild.test',
    ),
  }),
});

const send = (client: string, mail: Omit<ProxiedMail, 'client'> = {}) =>
  rig.send({ client, ...mail });
const field = (name: string) => rig.field(name);

test('a listed client is refused at RCPT with the name of the list, in reply, log and trace', async () => {
  const reply = await send('192.0.2.2');
  assert.equal(reply, '550 5.7.1 192.0.2.2 is listed by block.test (rbl)');
  const line = await rig.gateway.event('smtp.reject.rcpt');
  assert.deepEqual([line['ip'], line['why']], ['192.0.2.2', 'rbl']);
  const trace = await rig.gateway.cli('trace', '192.0.2.2');
  assert.match(trace.stdout, /rejected rbl/);
  const { stdout } = await rig.gateway.cli('trace', String(line['id']));
  assert.match(
    stdout,
    /dns-lists refuse RBL:block\.test \(rbl=block\.test\(192\.0\.2\.2\)=127\.0\.0\.2\)/,
  );
  assert.match(await send('2001:db8::1'), /^550 5\.7\.1 2001:db8::1 is listed by block\.test/);
  assert.match(await send('192.0.2.2', { to: 'Postmaster@example.org' }), /^250/);
  assert.equal(rig.destination.arrived.length, 1);
});

test('an answer that does not count is none; those that do add up', async () => {
  assert.match(await send('192.0.2.3'), /^250/);
  assert.equal(field('X-Sluice-Score'), undefined);
  assert.match(await send('192.0.2.4'), /^250/);
  assert.equal(field('X-Sluice-Score'), '6.0');
  assert.equal(field('X-Sluice-Tests'), 'RBL:weigh.test');
  assert.equal(rig.dns.asked.filter((one) => one === 'A 4.2.0.192.weigh.test').length, 1);
});

test('a list of good clients takes back what others say', async () => {
  assert.match(await send('192.0.2.5'), /^250/);
  assert.equal(field('X-Sluice-Score'), '-1.5');
});

test('a list that does not work never counts, and the log says so once', async () => {
  for (let times = 0; times < 5; times++) {
    const startedAt = performance.now();
    assert.match(await send('192.0.2.6'), /^250/);
    assert.ok(performance.now() - startedAt < 3000, 'nobody waits for a dead list');
  }
  const told = rig.gateway.events('plugin.log').map(({ msg }) => String(msg));
  assert.equal(told.length, 2, told.join('\n'));
  assert.match(told.join('\n'), /list closed\.test does not count: it answered 127\.255\.255\.254/);
  assert.match(told.join('\n'), /list ended\.test does not count: it answered 203\.0\.113\.1/);
  assert.equal(field('X-Sluice-Score'), undefined);
});

test('names are asked about at the lists that want them', async () => {
  assert.match(await send('192.0.2.7', { from: 'x@good.example' }), /^250/);
  assert.equal(field('X-Sluice-Score'), '3.0');
  assert.match(await send('192.0.2.8', { helo: 'bad.test' }), /^250/);
  assert.equal(field('X-Sluice-Tests'), 'RBL:names.test');
  assert.equal(
    await send('192.0.2.8', { from: 'x@Bad.Test' }),
    '550 5.7.1 bad.test is listed by senders.test (rbl)',
  );
  assert.match(await send('192.0.2.8', { helo: '[192.0.2.8]', from: '' }), /^250/);
  assert.match(await send('192.0.2.8', { from: 'x@example.org' }), /^250/);
  assert.deepEqual(
    rig.dns.asked.filter((one) => /192\.0\.2\.8.*names|example\.org/.test(one)),
    [],
  );
});

test('private clients, own accounts and domains without the service are not asked about', async () => {
  const none = { helo: '[192.0.2.1]', from: '' };
  for (const client of ['10.1.2.3', '127.0.0.9', 'fd00::1', 'fe80::1', '100.64.0.1']) {
    assert.match(await send(client, none), /^250/);
  }
  const own = await send('198.51.100.20', { from: 'anna@example.org', to: 'x@elsewhere.test' });
  assert.match(own, /^250/);
  assert.match(await send('192.0.2.2', { to: 'a@plain.test' }), /^250/);
  assert.deepEqual(
    rig.dns.asked.filter((one) => /(block|weigh|names|senders)\.test$/.test(one)),
    [],
  );
});

test('a domain has its own lists', async () => {
  assert.match(await send('192.0.2.2', { to: 'a@mild.test' }), /^250/);
  assert.equal(field('X-Sluice-Score'), '1.0');
  await rig.gateway.configure({
    plugins: '[{ dns-lists: { clients: [{ zone: "no zone" }, { codes: 127.0.0 }] } }]',
  });
  const check = await rig.gateway.cli('check');
  assert.equal(check.code, 78);
  assert.match(check.stdout, /clients\[?\.?0.*expected the name of a zone/);
  assert.match(check.stdout, /expected answers such as/);
  assert.match(check.stdout, /zone.* is missing/);
});

test('many recipients cost one question each list', async () => {
  const talk = await SmtpTalk.open(rig.gateway.port(), '127.0.0.2');
  talk.write('PROXY TCP4 192.0.2.40 192.0.2.25 4711 25\r\n');
  await talk.reply();
  await talk.say('EHLO many.test');
  await talk.say('MAIL FROM:<a@many.test>');
  for (let i = 0; i < 20; i++) await talk.say(`RCPT TO:<r${i}@example.org>`);
  await talk.quit();
  assert.equal(new Set(rig.dns.asked).size, rig.dns.asked.length);
});
