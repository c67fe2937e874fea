/** `sluice doctor` on real installations: before a gateway runs, beside one that does, and broken ones. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { customer, doctor, made } from '../support/doctor.ts';
import { domainFile } from '../support/domain-file.ts';

test('before the first start: who has the port is told, nothing is made or changed', async (t) => {
  const server = await customer(t);
  const listeners = `[{ name: mx, address: "127.0.0.1:${server.port}", tls: starttls }]`;
  const gateway = await made(t, { domains: { example: domainFile(2526) }, listeners });
  const told = await doctor(gateway);
  assert.equal(told.code, 2);
  const port = told.row(`port ${server.port} (mx)`);
  assert.equal(port.status, 'FAIL');
  assert.match(port.detail, new RegExp(`\\(pid ${process.pid}\\) has 127.0.0.1:${server.port}$`));
  assert.equal(told.status('control'), 'SKIP');
  assert.match(told.row('data folder').detail, /not there yet/);
  assert.match((await doctor(gateway)).row('data folder').detail, /not there yet/, 'as it was');
  const quiet = await gateway.cli('doctor', '--quiet');
  assert.doesNotMatch(quiet.stdout, /PASS/);
  assert.match(quiet.stdout, /^ports +FAIL .* {2}→ stop it: ss /m);
});

test('beside a running gateway: bound, greeting, in force; a change of a file is told', async (t) => {
  const server = await customer(t);
  const gateway = await made(t, { domains: { example: domainFile(server.port) } });
  await gateway.start();
  const well = await doctor(gateway);
  assert.match(well.row('control').detail, new RegExp(`^pid ${gateway.pid}, up .*, ready$`));
  assert.deepEqual(
    ['in force', 'version', 'data folder', 'disk', 'port 0 (mx)', 'certificate'].map(well.status),
    ['PASS', 'PASS', 'PASS', 'PASS', 'PASS', 'PASS'],
  );
  assert.match(well.row('port 0 (mx)').detail, /greets: 220 mx\.sluice\.test/);

  writeFileSync(join(gateway.folder, 'domains', 'late.yaml'), domainFile(2526, {}, 'late.test'));
  const later = await doctor(gateway);
  assert.equal(later.status('in force'), 'WARN');
  assert.match(later.row('in force').detail, /late\.yaml/);
  await gateway.cli('reload');
  assert.equal((await doctor(gateway)).status('in force'), 'PASS');

  writeFileSync(join(gateway.folder, 'domains', 'bad.yaml'), 'domain: [');
  await gateway.cli('reload');
  const broken = await doctor(gateway);
  assert.equal(broken.code, 78);
  assert.match(broken.row('files').detail, /bad\.yaml:1:\d+ error/);
  assert.equal(broken.status('control'), 'PASS', 'the gateway that still runs is looked at');
  const { detail } = broken.row('left out');
  assert.equal(detail, `nothing of 1 domain file is looked at: ${detail.split(': ')[1]}`);
  assert.match(detail, /domains\/bad\.yaml$/);
  assert.equal(broken.status(`127.0.0.1:${server.port}`), 'PASS', 'and so are the sound files');
  const one = await doctor(gateway, 'late.test');
  assert.deepEqual([one.code, one.status('files')], [78, 'FAIL']);
  assert.ok(one.rows.some(({ group }) => group === 'dest'));
  const records = await gateway.cli('doctor', '--records', 'late.test');
  assert.deepEqual(
    [records.code, /left out for errors: .*bad\.yaml/.test(records.stderr)],
    [78, true],
  );

  await gateway.configure({ node: 'nonsense: 1' });
  const all = await doctor(gateway);
  assert.equal(all.code, 78);
  assert.match(all.row('the rest').detail, /not looked at .* domains, destinations/);
});

test('a control socket that takes the question and never answers keeps nobody waiting', async (t) => {
  const gateway = await made(t, { domains: { example: domainFile(2526) } });
  await mkdir(join(gateway.folder, 'data'), { mode: 0o700 });
  const mute = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    mute.listen(join(gateway.folder, 'data', 'control.sock'), resolve);
  });
  t.after(() => mute.close());
  const startedAt = Date.now();
  const told = await doctor(gateway);
  assert.ok(Date.now() - startedAt < 20_000);
  assert.deepEqual([told.code, told.status('control')], [2, 'FAIL']);
});

test('a store that is open while no control socket answers is told with its process', async (t) => {
  const server = await customer(t);
  const gateway = await made(t, { domains: { example: domainFile(server.port) } });
  await gateway.start();
  await rm(join(gateway.folder, 'data', 'control.sock'));
  const told = await doctor(gateway);
  assert.equal(told.status('control'), 'FAIL');
  assert.match(
    told.row('control').detail,
    new RegExp(`^process ${gateway.pid} has the store open`),
  );
});

test('secrets, accounts and contacts', async (t) => {
  const outgoing =
    '{ enabled: true, accounts: [{ user: anna@example.org, password: "scrypt:broken" }] }';
  const domains = { example: domainFile(2526, { outgoing }) };
  const gateway = await made(t, { domains });
  const file = join(gateway.folder, 'domains', 'example.yaml');
  chmodSync(file, 0o644);
  const told = await doctor(gateway);
  assert.match(told.row('secrets').detail, /example\.yaml$/);
  assert.match(told.row('accounts').detail, /anna@example\.org/);
  assert.match(
    told.row('contacts').detail,
    /^nobody hears of held mail of example\.org \(1 of 1\)$/,
  );
  chmodSync(file, 0o640);
  assert.equal((await doctor(gateway)).status('secrets'), 'PASS');
});
