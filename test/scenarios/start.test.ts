/** What whoever starts a gateway sees, and that a second one on the same data folder does no harm. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';

test('with a log file the first lines are on standard output, and a second start leaves the log alone', async () => {
  const gateway = await Gateway.make({
    log: '{ level: info, file: ./sluice.log }',
    domains: { 'example.org': domainFile(1) },
  });
  const logFile = join(gateway.folder, 'sluice.log');
  try {
    await gateway.spawn();
    await until(`ready; ${gateway.stderr}`, () => gateway.said.includes('ready'), 60_000);
    const [first, smtp, control, domains, scanners] = gateway.said;
    assert.equal(first?.endsWith(`its log is ${logFile}`), true, first);
    assert.match(smtp ?? '', /^SMTP: mx on 127\.0\.0\.1:\d+$/);
    assert.match(control ?? '', /http:\/\/127\.0\.0\.1:\d+\/livez/);
    assert.equal(domains, 'domains served: example.org');
    assert.equal(scanners, 'scanners: none configured');
    assert.deepEqual(gateway.lines, [], 'the log itself is in its file');
    const before = await readFile(logFile, 'utf8');
    assert.match(before, /"evt":"srv\.ready"/);

    const second = await gateway.cliProcess('start');
    assert.equal(second.code, 2);
    assert.match(
      second.stderr,
      new RegExp(`^sluice: store ${join(gateway.folder, 'data/store')} `),
    );
    assert.match(second.stderr, new RegExp(` is in use by process ${gateway.pid}: `));
    assert.match(
      second.stderr,
      new RegExp(`: a gateway runs on the data folder ${gateway.folder}/data already [^\n]*\n$`),
    );
    assert.equal(await readFile(logFile, 'utf8'), before, 'the log is that of the one that runs');

    // A rotation waits for nobody who mends a file.
    await gateway.configure({ domains: { broken: 'domain: [' } });
    await rename(logFile, `${logFile}.1`);
    gateway.signal('SIGHUP');
    await until('the log goes on in a new file', async () =>
      (await readFile(logFile, 'utf8').catch(() => '')).includes('"evt":"cfg.error"'),
    );
  } finally {
    await gateway.remove();
  }
});

test('a log that is rotated while it starts does not end it', async () => {
  const gateway = await Gateway.make({
    plugins: '[hup: {}]',
    domains: { 'example.org': domainFile(1) },
  });
  const plugin =
    "process.kill(process.pid, 'SIGHUP'); export default { name: 'hup', hooks: { connect: () => undefined } };\n";
  try {
    await mkdir(join(gateway.folder, 'plugins'));
    await writeFile(join(gateway.folder, 'plugins', 'hup.mjs'), plugin);
    await gateway.start();
  } finally {
    await gateway.remove();
  }
});

test('without a log file a second start says one line and logs no crash', async () => {
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(1) } });
  try {
    const { code, stdout, stderr } = await gateway.cliProcess('start');
    assert.equal(code, 2);
    assert.doesNotMatch(stdout, /crash/);
    assert.match(stderr, /^sluice: store \S+ is in use by process \d+: [^\n]+\n$/);
  } finally {
    await gateway.remove();
  }
});

test('a start that fails for another reason is told in the log file too', async () => {
  const gateway = await Gateway.make({
    log: '{ level: info, file: ./sluice.log }',
    listeners: '[{ name: mx, address: "192.0.2.1:0", tls: starttls }]',
    domains: { 'example.org': domainFile(1) },
  });
  try {
    const { code, stderr } = await gateway.cliProcess('start');
    assert.equal(code, 2);
    assert.match(stderr, /^sluice: .*192\.0\.2\.1/);
    const log = await readFile(join(gateway.folder, 'sluice.log'), 'utf8');
    assert.match(log, /"evt":"srv\.failed".*192\.0\.2\.1/);
  } finally {
    await gateway.remove();
  }
});
