/** `sluice doctor` and the servers around a gateway: destinations, directories, scanners. */
import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { customer, doctor, made } from '../support/doctor.ts';
import { domainFile } from '../support/domain-file.ts';
import { FakeService } from '../support/fake-service.ts';
import { freePort } from '../support/free-port.ts';
import { missing } from '../support/real-component.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { Slapd, slapdMissing } from '../support/slapd.ts';

const UNTOUCHED = 'asked for no recipient, given no mail';

test('destinations: up, in plaintext, small, down, mute, refusing, half there', async (t) => {
  const good = await customer(t, { tls: SELF_SIGNED });
  const plain = await customer(t, { offers: ['SIZE 1048576'] });
  const mute = await customer(t, { greeting: () => 'hang' });
  const refusing = await customer(t, { greeting: () => '554 5.7.1 go away' });
  const down = await freePort();
  const gateway = await made(t, {
    domains: {
      good: domainFile(good.port, {}, 'good.test'),
      too: domainFile(good.port, {}, 'too.test'),
      plain: domainFile(plain.port, {}, 'plain.test'),
      mute: domainFile(mute.port, {}, 'mute.test'),
      refusing: domainFile(refusing.port, {}, 'refusing.test'),
      half: domainFile([good.port, down], {}, 'half.test'),
      strict: domainFile(
        0,
        {
          destination: `{ hosts: [{ host: localhost, port: ${plain.port} }], tls: required }`,
        },
        'strict.test',
      ),
    },
  });
  const startedAt = Date.now();
  const told = await doctor(gateway);
  assert.ok(Date.now() - startedAt < 25_000, 'who is mute keeps nobody waiting for long');
  assert.equal(told.code, 2);
  const at = (port: number) => `127.0.0.1:${port}`;
  assert.equal(told.status(at(good.port)), 'PASS');
  assert.match(told.row(at(good.port)).detail, /^answers EHLO after \d+ ms, TLS$/);
  assert.equal(told.rows.filter(({ check }) => check === at(good.port)).length, 1, 'asked once');
  assert.equal(told.status(at(plain.port)), 'PASS');
  assert.equal(told.status(`TLS ${at(plain.port)}`), 'WARN');
  assert.equal(told.status(`TLS localhost:${plain.port}`), 'FAIL');
  assert.match(told.row(`size ${at(plain.port)}`).detail, /up to 1MiB, this gateway 50MiB/);
  assert.match(told.row(at(mute.port)).detail, /no answer within/);
  assert.match(told.row(at(refusing.port)).detail, /554 5\.7\.1 go away/);
  const half = told.rows.find(({ detail }) => detail.startsWith(`${at(down)}: `));
  assert.equal(half?.status, 'WARN');
  for (const server of [good, plain]) {
    assert.deepEqual([server.rcptAsked.length, server.arrived.length], [0, 0], UNTOUCHED);
  }
});

test('a directory: answers, refuses us, is not there', async (t) => {
  const lack = slapdMissing();
  if (lack !== undefined) return missing(t, lack);
  const slapd = await Slapd.make([{ mail: 'anna@example.org' }]);
  t.after(() => slapd.remove());
  await slapd.start();
  const server = await customer(t);
  const ldap = {
    url: `ldap://localhost:${slapd.port}`,
    base: Slapd.base,
    bind_dn: Slapd.bindDn,
    password_file: 'ldap-password',
    ca: 'ldap-ca.pem',
  };
  const recipients = `{ ldap: ${JSON.stringify(ldap)} }`;
  const gateway = await made(t, { domains: { example: domainFile(server.port, { recipients }) } });
  const file = (name: string) => join(gateway.folder, 'domains', name);
  await copyFile(slapd.ca, file('ldap-ca.pem'));
  await writeFile(file('ldap-password'), `${Slapd.password}\n`, { mode: 0o600 });
  const check = `LDAP ${ldap.url}`;
  const well = await doctor(gateway);
  assert.equal(well.status(check), 'PASS');
  assert.equal(well.status('secrets'), 'PASS');
  await writeFile(file('ldap-password'), 'another\n');
  const refused = await doctor(gateway);
  assert.equal(refused.status(check), 'FAIL');
  assert.match(refused.row(check).detail, /example\.org cannot be looked up/);
  await slapd.stop();
  assert.equal((await doctor(gateway)).status(check), 'FAIL');
});

test('scanners: asked by itself, or as the running gateway sees them', async (t) => {
  const day = (ms: number) => new Date(Date.now() - ms).toString().slice(0, 24);
  let signatures = `27449/${day(0)}`;
  const clamd = await FakeService.start((socket) => socket.end(`1: ClamAV 1.4.3/${signatures}\0`));
  t.after(() => clamd.stop());
  const spamd = await freePort();
  const server = await customer(t);
  const gateway = await made(t, {
    plugins: `[{ clamav: { address: "${clamd.address}" } }, { spamassassin: { address: "127.0.0.1:${spamd}" } }]`,
    domains: { example: domainFile(server.port) },
  });
  const alone = await doctor(gateway);
  assert.deepEqual(['clamav', 'clamav signatures', 'spamassassin'].map(alone.status), [
    'PASS',
    'PASS',
    'FAIL',
  ]);
  await gateway.start();
  signatures = `27449/${day(10 * 86_400_000)}`;
  const beside = await doctor(gateway);
  assert.deepEqual(['clamav', 'spamassassin'].map(beside.status), ['PASS', 'FAIL']);
  await gateway.stop();
  assert.match((await doctor(gateway)).row('clamav signatures').detail, /27449 is 10 days old/);
});
