/** `sluice domain add|remove` beside a running gateway and without one: files, refusals, mail. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const MAIL = 'Subject: x\r\n\r\nx\r\n';

test('a domain whose file cannot be written whole leaves none, and the gateway starts', async (t) => {
  const gateway = await Gateway.make({ domains: { 'old.test': domainFile(1, {}, 'old.test') } });
  t.after(() => gateway.remove());
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
  const words = [main, 'domain', 'add', 'new.test', '192.0.2.1', '-c', gateway.configFile];
  // No file may grow: who writes one dies, or hears that there is no room.
  const limited = ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, ...words];
  const { status } = spawnSync('sh', limited, { timeout: 30_000 });
  assert.notEqual(status, 0);
  assert.ok(!existsSync(join(gateway.folder, 'domains', 'new.test.yaml')));
  const sluice = (line: string) => runInside([...line.split(' '), '-c', gateway.configFile], {});
  assert.equal((await sluice('check')).code, 0);
  assert.equal((await sluice('domain add new.test 192.0.2.1')).code, 0);
  assert.deepEqual(readdirSync(join(gateway.folder, 'domains')).toSorted(), [
    'new.test.yaml',
    'old.test.yaml',
  ]);
});

test('a domain is added, its mail waits while it is removed, and goes on when it is back', async (t) => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    domains: { 'old.test': domainFile(destination.port, {}, 'old.test') },
  });
  t.after(async () => {
    await gateway.remove();
    await destination.stop();
  });
  const sluice = (line: string, answer?: string) =>
    runInside(
      [...line.split(' '), '-c', gateway.configFile],
      answer === undefined ? {} : { answer },
    );
  const send = () => sendMail(gateway.port(), 'a@b.example', ['anna@new.test'], MAIL);
  const file = join(gateway.folder, 'domains', 'new.test.yaml');
  const server = `127.0.0.1:${destination.port}`;

  const dry = await sluice(`domain add New.test ${server} --dry-run`);
  assert.match(dry.out, /^domain: new\.test$/m);
  assert.equal(existsSync(file), false);

  const added = await sluice(`domain add New.test ${server} --recipients any --alias also.test`);
  assert.equal(added.code, 0, added.err);
  assert.equal(added.out, `${file} written\nnew.test is served\n`);
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.equal((await sluice('domain show also.test')).code, 0);

  for (const [line, problem] of [
    [`domain add new.test ${server}`, /new\.test is served already: .*new\.test\.yaml/],
    [`domain add third.test ${server} --alias old.test`, /old\.test is served already/],
    ['domain add ../x 192.0.2.1', /nothing was written: domain: /],
    ['domain add third.test nowhere:99999', /nothing was written: destination/],
    [`domain add third.test ${server} --recipients /nonexistent`, /nothing was written: /],
    [`domain add third.test ${server} --contact nobody`, /nothing was written: contact: /],
    ['domain remove also.test', /alias of new\.test/],
    ['domain remove third.test', /third\.test is not served here/],
    ['domain remove new.test', /this would remove new\.test; say --yes/],
  ] as const) {
    const ran = await sluice(line);
    assert.notEqual(ran.code, 0, line);
    assert.match(ran.err, problem, line);
  }
  assert.deepEqual(readdirSync(join(gateway.folder, 'domains')).toSorted(), [
    'new.test.yaml',
    'old.test.yaml',
  ]);

  await destination.stop();
  assert.match(await send(), /^250 .* queued/);
  const asked = await sluice('domain remove new.test', 'n');
  assert.match(asked.err, /nothing was done/);
  const removed = await sluice('domain remove new.test --yes');
  assert.equal(removed.code, 0, removed.err);
  assert.match(removed.out, /\.removed\nnew\.test is no longer served\n$/);
  assert.match(await send(), /^550 5\.7\.1/);
  assert.equal((await sluice('queue count')).out, '1\n');
  await sluice('queue retry ALL --yes');
  const tried = () => sluice('queue list --state deferred --reason served');
  await until('it to be tried', async () =>
    (await tried()).out.includes('not served here any more'),
  );

  await destination.start();
  assert.equal((await sluice(`domain add new.test ${server} --recipients any`)).code, 0);
  await until('its mail has arrived', () => destination.arrived.length === 1);

  const before = readFileSync(`${file}.removed`, 'utf8');
  writeFileSync(`${file}.removed-2`, 'kept');
  const next = await sluice('domain remove new.test --dry-run');
  assert.match(next.out, /becomes \S+\.removed-3\n$/);
  const again = await sluice('domain remove new.test --yes');
  assert.match(again.out, /\.removed-3\nnew\.test is no longer served\n$/);
  assert.equal(readFileSync(`${file}.removed`, 'utf8'), before, 'what was put aside stays');
  assert.equal(readFileSync(`${file}.removed-2`, 'utf8'), 'kept');
});

test('without a gateway the file is for its next start; a broken configuration is mended first', async (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'domains'));
  const config = join(folder, 'sluice.yaml');
  writeFileSync(config, 'hostname: mx.example.test\ntls: { self_made: true }\n');
  const sluice = (line: string) => runInside([...line.split(' '), '-c', config], {});
  const ran = await sluice('domain add six.test [2001:db8::1]:2525 192.0.2.1');
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /no gateway is running; six\.test is served when it starts\n$/);
  const text = readFileSync(join(folder, 'domains', 'six.test.yaml'), 'utf8');
  assert.match(text, /^destination: \{ hosts: \["\[2001:db8::1\]:2525", "192\.0\.2\.1"\] \}$/m);
  assert.equal((await sluice('check')).code, 0);
  writeFileSync(join(folder, 'domains', 'bad.yaml'), 'domain: bad.test\n');
  const refused = await sluice('domain add seven.test 192.0.2.1');
  assert.equal(refused.code, 78);
  assert.match(
    refused.err,
    /has errors: correct them or move a broken domain file away, "sluice check" has all of them \(.*bad\.yaml:1:1 error/,
  );

  writeFileSync(join(folder, 'domains', 'torn.test.yaml'), 'domain: "torn.test');
  writeFileSync(join(folder, 'domains', 'else.test.yaml'), 'domain: other.test\n');
  assert.equal((await sluice('domain remove six.test --yes')).code, 78, 'it has no fault itself');
  assert.equal((await sluice('domain remove else.test --yes')).code, 78, 'another domain is in it');
  for (const name of ['bad.test', 'torn.test', 'other.test']) {
    const removed = await sluice(`domain remove ${name} -y`);
    assert.equal(removed.code, 0, removed.err);
  }
  assert.deepEqual(readdirSync(join(folder, 'domains')).toSorted(), [
    'bad.yaml.removed',
    'else.test.yaml.removed',
    'six.test.yaml',
    'torn.test.yaml.removed',
  ]);
});
