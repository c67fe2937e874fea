/** Recipients from LDAP through the running gateway: refused, remembered, put off, told about. */
import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { Slapd, slapdMissing } from '../support/slapd.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'Subject: x\r\n\r\nx\r\n';

test('a directory says who is there; without it those who are remembered get their mail', async (t) => {
  const lack = slapdMissing();
  if (lack !== undefined) return missing(t, lack);
  const slapd = await Slapd.make([
    { mail: 'anna@example.org', others: ['sales@example.com'] },
    { mail: 'bert@example.org' },
  ]);
  await slapd.start();
  const destination = await new Destination().start();
  const ldap = {
    url: `ldap://localhost:${slapd.port}`,
    base: Slapd.base,
    bind_dn: Slapd.bindDn,
    password_file: 'ldap-password',
    ca: 'ldap-ca.pem',
  };
  const gateway = await Gateway.make({
    node: 'queue: { retry: [1s, 2s], probe: 1s }\nalerts: { after: 0s }',
    domains: {
      'example.org': domainFile(destination.port, {
        aliases: '[example.com]',
        recipients: `{ ldap: ${JSON.stringify(ldap)} }`,
      }),
    },
  });
  await copyFile(slapd.ca, join(gateway.folder, 'domains', 'ldap-ca.pem'));
  await writeFile(join(gateway.folder, 'domains', 'ldap-password'), `${Slapd.password}\n`);
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
  try {
    await gateway.start();
    assert.equal((await gateway.cli('check')).code, 0);
    assert.match(await send('Anna@example.org'), /^250 .* delivered/);
    assert.match(await send('sales@example.com'), /^250 .* delivered/, 'an address of an alias');
    assert.match(await send('sales@example.org'), /^550 5\.1\.1 .*unknown_rcpt/, 'each is its own');
    assert.match(await send('postmaster@example.org'), /^250 /);
    const shown = await gateway.cli('recipient', 'show', 'anna@example.org');
    assert.match(shown.stdout, /remembered +known \(ldap\).*\n(?:.*\n)?.*accepted \(memory\)/);
    const found = await gateway.cli('recipient', 'list', '--origin', 'ldap', '--json');
    assert.equal(found.stdout.trim().split('\n').length, 3);

    await destination.stop();
    assert.match(await send('bert@example.org'), /^250 .* queued/, 'it can be asked in an outage');
    await slapd.stop();
    assert.match(await send('zoe@example.org'), /^451 4\.1\.1 .*ldap_down/);
    assert.match(await send('anna@example.org'), /^250 .* queued/);
    assert.match(await send('sales@example.org'), /^550 5\.1\.1/);
    const down = await gateway.event('ldap.down');
    assert.deepEqual(down['domains'], ['example.org']);
    await gateway.event('alert.raise', (line) => line['alert'] === 'ldap_down');
    const status = await gateway.cli('status');
    assert.match(status.stdout, /ldap down: the directory of example\.org/);
    assert.equal(status.code, 1);

    await slapd.start();
    await gateway.event('ldap.up');
    await until('the alert to be over', () =>
      gateway.events('alert.clear').some((line) => line['alert'] === 'ldap_down'),
    );
    assert.match(await send('zoe@example.org'), /^550 5\.1\.1/);
    assert.ok(!gateway.log.includes(Slapd.password), 'no secret in the log');
  } finally {
    await gateway.remove();
    await destination.stop();
    await slapd.remove();
  }
});
