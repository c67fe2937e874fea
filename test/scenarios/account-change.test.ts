/** `sluice account add|set|passwd|remove` beside a running gateway: what is changed is in force at once. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createTransport } from 'nodemailer';
import { runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';

test('I2 I4 I5 I8 I14 I16: accounts are added, get a new password, and are removed while the gateway runs', async (t) => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    listeners: '[{ name: mx, address: "127.0.0.1:0", auth: optional }]',
    domains: {
      'one.test': `# a customer\n${domainFile(destination.port, { aliases: '[eins.test]' }, 'one.test')}# the end\n`,
      'two.test': domainFile(
        destination.port,
        { outgoing: '{ enabled: true, accounts: [{ ip: 198.51.100.0/24 }] }' },
        'two.test',
      ),
    },
  });
  t.after(async () => {
    await gateway.remove();
    await destination.stop();
  });
  const file = join(gateway.folder, 'domains', 'one.test.yaml');
  chmodSync(file, 0o640);
  const sluice = (line: string, input?: string) => {
    const options = input === undefined ? {} : { input };
    return runInside([...line.split(' '), '-c', gateway.configFile], options);
  };
  const logsIn = async (user: string, pass: string) => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: gateway.port(),
      requireTLS: true,
      tls: { rejectUnauthorized: false },
      auth: { user, pass },
    });
    try {
      return await transport.verify().catch(() => false);
    } finally {
      transport.close();
    }
  };

  const added = await sluice('account add --user Anna@eins.test --enable archive=true');
  assert.equal(added.code, 0, added.err);
  const made = /\(shown only now\): (\w{24})\n/.exec(added.out)?.[1] ?? '';
  assert.match(added.out, /Anna@eins\.test may send\n$/);
  assert.equal(await logsIn('anna@eins.test', made), true);
  assert.equal(statSync(file).mode & 0o777, 0o640);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^# a customer\n[^]*# the end\n/);
  assert.ok(!text.includes(made));

  const whole = await sluice('account add --domain one.test --password-stdin --json', 'pass word');
  assert.equal(JSON.parse(whole.out).password, undefined);
  assert.equal(await logsIn('one.test', 'pass word'), true);

  const open = createTransport({
    ...{ host: '127.0.0.1', port: gateway.port(), pool: true, maxConnections: 1 },
    ...{ requireTLS: true, tls: { rejectUnauthorized: false } },
    auth: { user: 'anna@eins.test', pass: made },
  });
  const mail = { from: 'anna@eins.test', to: 'eve@two.test', text: 'Hello' };
  assert.match((await open.sendMail(mail)).response, /^250/);
  assert.equal((await sluice('account passwd anna@eins.test --password-stdin', 'other')).code, 0);
  // A session that is open shows the new one too, or it ends.
  await assert.rejects(open.sendMail(mail), /421 4\.7\.0 .* log in again|535 5\.7\.8/);
  open.close();
  const over = await gateway.event('smtp.reject.mail');
  assert.deepEqual([over['code'], over['why']], [421, 'auth']);
  assert.equal(await logsIn('anna@eins.test', made), false);
  assert.equal(await logsIn('anna@eins.test', 'other'), true);

  const set = await sluice('account set anna@eins.test archive= limits.recipients_per_day=7');
  assert.equal(set.code, 0, set.err);
  const shown = await sluice('account show ANNA@eins.test --json');
  assert.deepEqual(JSON.parse(shown.out).settings, { limits: { recipients_per_day: 7 } });
  assert.ok(!shown.out.includes('scrypt'));

  assert.equal((await sluice('account add --ip 203.0.113.16/28 --domain one.test')).code, 0);
  const list = await sluice('account list one.test --json');
  const names = list.out
    .trimEnd()
    .split('\n')
    .map((line) => String(JSON.parse(line).name));
  assert.deepEqual(names, ['anna@eins.test', 'one.test', '203.0.113.16/28']);
  assert.equal((await sluice('account passwd 203.0.113.16/28')).code, 64);

  const before = readFileSync(file, 'utf8');
  for (const [line, code, problem] of [
    [
      'account add --ip 198.51.100.7 --domain one.test',
      64,
      /lies within .* see two\.test\.yaml:\d+:\d+/,
    ],
    ['account add --user anna@eins.test', 64, /is the login of outgoing\.accounts\[0\] already/],
    ['account add --user bob@three.test', 1, /three\.test is not served here/],
    ['account add --user nobody', 64, /--user nobody: /],
    ['account add --ip 203.0.113.1', 64, /of which domain/],
    ['account add archive=true', 64, /say one of --user/],
    ['account add --user bob@one.test --password-stdin', 64, /no password on standard input/],
    ['account set anna@eins.test archve=true', 64, /unknown key; did you mean "archive"/],
    ['account set anna@eins.test password=x', 64, /sluice account passwd/],
    ['account set anna@eins.test archive=maybe', 64, /archive: expected true or false/],
    ['account set eve@one.test archive=true', 1, /no account eve@one\.test/],
    ['account remove one.test', 64, /this would remove account one\.test; say --yes/],
  ] as const) {
    const ran = await sluice(line);
    assert.equal(ran.code, code, `${line}: ${ran.err}`);
    assert.match(ran.err, problem, line);
  }
  writeFileSync(join(gateway.folder, 'domains', '.one.test.yaml.new'), '');
  assert.equal((await sluice('account remove one.test --yes')).code, 75);
  assert.equal(readFileSync(file, 'utf8'), before);
  rmSync(join(gateway.folder, 'domains', '.one.test.yaml.new'));

  const both = await Promise.all(
    ['bob', 'eve'].map((name) => sluice(`account add --user ${name}@one.test`)),
  );
  const done = both.filter(({ code }) => code === 0).length;
  assert.equal(readFileSync(file, 'utf8').match(/(bob|eve)@/g)?.length, done);
  assert.equal((await sluice('account remove one.test --yes')).code, 0);
  assert.equal(await logsIn('one.test', 'pass word'), false);
  assert.deepEqual(readdirSync(join(gateway.folder, 'domains')).toSorted(), [
    'one.test.yaml',
    'two.test.yaml',
  ]);
});
