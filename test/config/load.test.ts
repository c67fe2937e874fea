/** What the files say is what the program gets: units, paths, defaults, places for later problems. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { check } from '../../src/cli/check.ts';
import type { Config } from '../../src/config/config.ts';
import { needsRestart } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadGatewayConfig } from '../../src/directory/load.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SMALLEST = 'hostname: mx.example.test\n';

/** A folder with the given files, gone after the test. */
function folderOf(context: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function configOf(file: string): Promise<Config> {
  const result = await loadConfig(file);
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

async function configFrom(context: TestContext, text: string): Promise<Config> {
  const folder = folderOf(context, { 'sluice.yaml': text, 'domains/.keep': '' });
  return configOf(join(folder, 'sluice.yaml'));
}

test('the shipped configuration is without error and warning', async () => {
  let output = '';
  const config = join(ROOT, 'config', 'sluice.yaml');
  assert.equal(await check({ config, folder: ROOT, write: (text) => void (output += text) }), 0);
  assert.equal(output, '0 errors, 0 warnings\n');
});

test('the shipped configuration is what the contract promises', async () => {
  const file = join(ROOT, 'config', 'sluice.yaml');
  const result = await loadGatewayConfig(file);
  assert.ok(result.ok);
  const { config, directory } = result;
  assert.deepEqual(
    config.listeners.map(({ name, address, port, auth }) => [name, address, port, auth]),
    [
      ['mx', '127.0.0.1', 2525, 'off'],
      ['submission', '127.0.0.1', 2587, 'required'],
    ],
  );
  assert.deepEqual(config.control, { address: '127.0.0.1', port: 8625 });
  assert.equal(config.scanners.managed, true);
  assert.equal(config.data, join(ROOT, 'data'));
  assert.deepEqual(
    config.plugins.map(({ name }) => name),
    ['clamav', 'spamassassin'],
  );
  assert.equal(directory.find('example.test')?.destination.key, '127.0.0.1:2526');
});

test('the examples lack nothing but the certificate of the machine', async () => {
  const result = await loadGatewayConfig(join(ROOT, 'config', 'examples', 'sluice.yaml'));
  const problems = result.ok ? result.warnings : result.problems;
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['tls.cert', 'tls.key'],
  );
});

test("the contract's example is read as it is meant", async () => {
  const folder = join(ROOT, 'test', 'configs', 'warn-contract-examples');
  const file = join(folder, 'sluice.yaml');
  const { domainFiles, plugins, ...config } = await configOf(file);
  assert.deepEqual(config, {
    file,
    hostname: 'mx1.example.net',
    data: join(folder, 'data'),
    domainsFolder: join(folder, 'domains'),
    listeners: [
      listener('mx', 25, 'starttls', 'off'),
      listener('submission', 587, 'starttls', 'required'),
      listener('submissions', 465, 'implicit', 'required'),
    ],
    complaints: { addresses: [] },
    control: { address: '127.0.0.1', port: 8625 },
    tls: { certFile: join(folder, 'tls/cert.pem'), keyFile: join(folder, 'tls/key.pem') },
    dkimKeys: join(folder, 'dkim'),
    arcSeal: undefined,
    archive: { keepMs: 365 * 86_400_000 },
    dnsServers: [{ host: '127.0.0.1', port: 53 }],
    scanners: { managed: false },
    limits: {
      messageSizeBytes: 50 * 1024 * 1024,
      recipients: 200,
      connections: 2000,
      connectionsPerClient: 50,
      headerBytes: 256 * 1024,
      hops: 30,
      unknownRecipients: 100,
      unknownRecipientsPerHour: 500,
      harvestExempt: [],
      minFreeSpaceBytes: 512 * 1024 * 1024,
    },
    reload: 'watch',
    notices: { limit_near: {}, limit_reached: {}, account_locked: {}, identity_locked: {} },
    reports: { failed: {}, delayed: {}, relayed: {} },
    alerts: {
      afterMs: 120_000,
      remindMs: 86_400_000,
      queueAgeMs: 14_400_000,
      queueMessages: 10_000,
      heldAgeMs: 86_400_000,
      freeSpaceBytes: 2 * 1024 ** 3,
      blockLists: [],
      webhook: undefined,
      command: undefined,
      mail: undefined,
    },
    queue: {
      retryMs: [60_000, 300_000, 600_000, 1_200_000, 2_400_000, 3_600_000],
      lifetimeMs: 432_000_000,
      delayWarningMs: 14_400_000,
      probeMs: 30_000,
      maxMessages: undefined,
      maxBytes: undefined,
    },
    quarantine: {
      keepMs: 14 * 86_400_000,
      maxMessages: 100_000,
      maxBytes: 10 * 1024 ** 3,
      requests: undefined,
    },
    records: {
      keepMs: 30 * 86_400_000,
      maxBytes: 10 * 1024 ** 3,
      subject: false,
      pseudonymiseAfterMs: undefined,
    },
    delivery: {
      cutThrough: true,
      finalReplyTimeoutMs: 60_000,
      privateNetworks: [],
      remoteTls: {},
      sources: [],
      providers: [],
    },
    smarthost: undefined,
    log: { level: 'info', file: null },
  });
  assert.deepEqual(
    plugins.map(({ name, options }) => [name, options]),
    [
      ['sender-auth', {}],
      ['clamav', { address: '/run/clamav/clamd.ctl', on_error: 'defer' }],
      ['spamassassin', { address: '127.0.0.1:783', on_error: 'defer' }],
    ],
  );
  assert.equal(domainFiles[0]?.settings.outgoing?.accounts.length, 3);
});

function listener(name: string, port: number, tls: string, auth: string) {
  return {
    name,
    address: '0.0.0.0',
    port,
    tls,
    auth,
    authWithoutTls: false,
    proxyProtocol: [],
    xclient: [],
  };
}

test('one line is a configuration, and the defaults are those of the contract', async (context) => {
  const smallest = await configFrom(context, SMALLEST);
  const contract = await configOf(
    join(ROOT, 'test', 'configs', 'warn-contract-examples', 'sluice.yaml'),
  );
  for (const key of ['limits', 'records', 'delivery', 'log', 'scanners', 'control'] as const) {
    assert.deepEqual(smallest[key], contract[key], key);
  }
  // Sooner than the example: the first mail goes out within a second after an outage.
  assert.deepEqual(smallest.queue, { ...contract.queue, probeMs: 500 });
  assert.deepEqual(smallest.listeners, [
    { ...listener('0.0.0.0:25', 25, 'starttls', 'off'), name: 'mx' },
  ]);
  assert.deepEqual(smallest.plugins, []);
  assert.equal(smallest.tls, undefined);
});

test('values are taken in the forms people write them', async (context) => {
  const config = await configFrom(
    context,
    `hostname: MX.Example.Test
data: /var/lib/sluice
listeners:
  - address: "[::1]:0"
  - { name: local, address: localhost:2525, proxy_protocol: ["192.0.2.0/24"] }
control: { address: "[::1]:0" }
plugins: [one, two:, three: { a: [1] }]
log: { file: ../log }
`,
  );
  assert.equal(config.hostname, 'mx.example.test');
  assert.equal(config.data, '/var/lib/sluice');
  assert.deepEqual(config.control, { address: '::1', port: 0 });
  assert.deepEqual(
    config.listeners.map(({ name, address, port }) => [name, address, port]),
    [
      ['[::1]:0', '::1', 0],
      ['local', '127.0.0.1', 2525],
    ],
  );
  assert.deepEqual(config.listeners[1]?.proxyProtocol, ['192.0.2.0/24']);
  assert.deepEqual(
    config.plugins.map(({ name, options }) => [name, options]),
    [
      ['one', {}],
      ['two', {}],
      ['three', { a: [1] }],
    ],
  );
  assert.equal(config.log.file, join(dirname(dirname(config.file)), 'log'));
});

test('options of plugins keep their place for whoever checks them', async (context) => {
  const folder = folderOf(context, {
    'sluice.yaml': `${SMALLEST}plugins:\n  - clamav:\n      address: 5\n  - other\n`,
    'domains/a.yaml':
      'domain: a.example\ndestination: 192.0.2.1\nclamav: { on_error: perhaps }\nother:\n',
  });
  const config = await configOf(join(folder, 'sluice.yaml'));
  const [clamav, other] = config.plugins;
  const place = (problem: { line: number; col: number; path: string } | undefined) =>
    problem && [problem.line, problem.col, problem.path];
  assert.deepEqual(place(clamav?.problemAt(['address'], '')), [4, 16, 'plugins[0].clamav.address']);
  assert.deepEqual(place(clamav?.problemAt(['gone'], '')), [4, 7, 'plugins[0].clamav.gone']);
  assert.deepEqual(place(other?.problemAt([], '')), [5, 5, 'plugins[1].other']);
  const [domainFile] = config.domainFiles;
  assert.deepEqual(domainFile?.pluginOptions, { clamav: { on_error: 'perhaps' } });
  assert.deepEqual(place(domainFile?.problemAt(['clamav', 'on_error'], '')), [
    3,
    21,
    'clamav.on_error',
  ]);
});

test('the further checks of the caller are printed and counted with the others', async (context) => {
  const folder = folderOf(context, {
    'sluice.yaml': `${SMALLEST}tls: { self_made: true }\nplugins: [clamav]\n`,
    'domains/a.yaml': 'domain: a.example\ndestination: 192.0.2.1:x\n',
  });
  let output = '';
  const exitCode = await check({
    config: join(folder, 'sluice.yaml'),
    folder,
    write: (text) => void (output += text),
    moreChecks: async ({ plugins }) =>
      plugins.map(({ problemAt }) => problemAt([], 'no such plugin')),
  });
  assert.equal(exitCode, 78);
  assert.deepEqual(output.split('\n'), [
    'sluice.yaml:3:11 error plugins[0].clamav: no such plugin',
    'domains/a.yaml:2:14 error destination: the port must be a number up to 65535, found "192.0.2.1:x"',
    '2 errors, 0 warnings',
    '',
  ]);
});

test('with json each problem is one object', async () => {
  let output = '';
  const folder = join(ROOT, 'test', 'configs', 'bad-hostname-missing');
  const config = join(folder, 'sluice.yaml');
  await check({ config, json: true, write: (text) => void (output += text) });
  assert.deepEqual(JSON.parse(output), {
    v: 1,
    kind: 'problem',
    file: config,
    line: 1,
    col: 1,
    severity: 'error',
    path: 'hostname',
    code: 'missing',
    text: 'is missing',
  });
});

test('what kind of fault it is, and what was meant, is there for scripts', async (context) => {
  const folder = folderOf(context, {
    'sluice.yaml': `${SMALLEST}reload: wach\nlimts: {}\ntls: { self_made: true }\n`,
    'domains/a.yaml': 'domain: [\n',
    'domains/b.yaml': 'domain: b.test\noutage: perhaps\n',
    'domains/c.yaml': 'domain: c.test\ndestination: 192.0.2.1\nrecipients: any\n',
    'domains/d.yaml': 'domain: c.test\ndestination: 192.0.2.1\nrecipients: any\n',
  });
  let output = '';
  const config = join(folder, 'sluice.yaml');
  await check({ config, json: true, write: (text) => void (output += text) });
  const told = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { code: string; hint?: string; file: string }); // our own
  assert.deepEqual(
    told.map(({ file, code, hint }) => [basename(file), code, hint]),
    [
      ['sluice.yaml', 'value', 'did you mean "watch"?'],
      ['sluice.yaml', 'unknown_key', 'did you mean "limits"?'],
      ['a.yaml', 'syntax', undefined],
      ['b.yaml', 'missing', undefined],
      ['b.yaml', 'value', undefined],
      ['d.yaml', 'rule', undefined],
    ],
  );
});

test('a reload knows what only a new start can change', async (context) => {
  const before = await configFrom(context, SMALLEST);
  const same = await configOf(before.file);
  assert.deepEqual(needsRestart(before, same), []);
  writeFileSync(
    before.file,
    `${SMALLEST}data: ./elsewhere\nlimits: { hops: 5 }\nlog: { level: debug }\nlisteners: [{ address: "127.0.0.1:0" }]\n`,
  );
  assert.deepEqual(needsRestart(before, await configOf(before.file)), ['data', 'listeners']);
});
