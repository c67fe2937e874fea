/**
 * The command line: exit codes, places, streams, the launcher. A process of its own is only where the
 * process is what matters, and once for each kind of exit.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { expandWords } from '../../src/cli/words.ts';
import { ControlServer } from '../../src/control/server.ts';
import { runCommand, runInside } from '../support/command.ts';
import { FakeGateway, queued } from '../support/fake-gateway.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const LAUNCHER = join(import.meta.dirname, '../../src/sluice.mjs');
const MAIN = join(import.meta.dirname, '../../src/main.ts');
const NOBODY = 65534;
const CHECKOUT = join(import.meta.dirname, '../..');

async function running(t: TestContext, data = tempFolder(t)) {
  const gateway = new FakeGateway();
  const socket = join(data, 'control.sock');
  const options = { socket, address: undefined, gateway: gateway.view(), clock: systemClock };
  const server = new ControlServer({ ...options, log: new RecordedLog() });
  await server.start();
  t.after(() => server.stop());
  return { gateway, socket };
}

const at = (socket: string) => ({ env: { SLUICE_SOCKET: socket, TZ: 'UTC' } });

test('no gateway: 69 and a sentence that says where it was looked for', async (t) => {
  const socket = join(tempFolder(t), 'control.sock');
  for (const args of [['status'], ['queue', 'list'], ['mailq'], ['trace', 'x'], ['stop']]) {
    const ran = await runInside(args, at(socket));
    assert.equal(ran.code, 69, args.join(' '));
    assert.equal(ran.err, `sluice: no gateway is running: nobody answers on ${socket}\n`);
    assert.equal(ran.out, '');
    if (args[0] === 'status') assert.deepEqual(await runCommand(args, at(socket)), ran);
  }
});

test('a socket that may not be opened: 77', async (t) => {
  const data = tempFolder(t);
  const { socket } = await running(t, data);
  spawnSync('chmod', ['755', data]);
  spawnSync('chmod', ['000', socket]);
  // Root may open everything, so it steps down for this one.
  const other = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const ran = spawnSync(process.execPath, [MAIN, 'status'], {
    ...other,
    env: { ...process.env, SLUICE_SOCKET: socket },
    encoding: 'utf8',
  });
  assert.equal(ran.status, 77, ran.stderr);
});

test('usage: 64, and what belongs to a later version is told apart', async () => {
  for (const [line, pattern] of [
    ['', /Usage: sluice/],
    ['nosuch', /unknown command "nosuch"; there is start, /],
    ['queue nosuch', /unknown command "queue nosuch"; there is queue list, /],
    ['queue lst', /unknown command "queue lst"; did you mean "queue list"\?/],
    ['help nosuch', /unknown command "nosuch"; there is start, /],
    ['help queu lst', /unknown command "queue lst"; did you mean "queue list"\?/],
    ['help user', /"user" is not in this version/],
    ['queue list --colour', /unknown option '--colour'/],
    ['user add anna', /"user" is not in this version/],
    ['user list', /"user" is not in this version/],
  ] as const) {
    const { code, err } = await runInside(line.split(' ').filter(Boolean), {});
    assert.equal(code, 64, line);
    assert.match(err, pattern);
  }
  assert.equal((await runCommand(['nosuch'])).code, 64);
  for (const line of ['--help', 'help', 'help queue', 'help queue list'])
    assert.equal((await runInside(line.split(' '), {})).code, 0, line);
  assert.match((await runInside(['help', 'que', 'li'], {})).out, /^Usage: sluice queue list /);
  assert.match((await runCommand(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
});

test('words may be shortened while they stay unambiguous', () => {
  const known = new Map([
    ['start', []],
    ['status', []],
    ['queue', ['list', 'release', 'retry']],
    ['trace', []],
  ]);
  const expand = (line: string) => expandWords(line.split(' '), { known, later: ['queue shape'] });
  for (const [line, expected] of [
    ['q li --from @x', 'queue list --from @x'],
    ['-c sta q rel', '-c sta queue release'],
    ['status', 'status'],
    ['trace q', 'trace q'],
    ['queue list re', 'queue list re'],
  ] as const) {
    assert.deepEqual(expand(line), { ok: true, args: expected.split(' ') }, line);
  }
  for (const [line, problem] of [
    ['sta', '"sta" may mean start, status'],
    ['q re', '"queue re" may mean release, retry'],
    ['queue shape', '"queue shape" is not in this version'],
  ] as const) {
    assert.deepEqual(expand(line), { ok: false, problem }, line);
  }
});

test('the socket is found through the configuration, a broken one too', async (t) => {
  const folder = tempFolder(t);
  const data = join(folder, 'state');
  mkdirSync(data);
  await running(t, data);
  const config = join(folder, 'sluice.yaml');
  writeFileSync(config, 'hostname: [broken\ndata: ./state   # here\n');
  const env = { SLUICE_SOCKET: '', SLUICE_CONFIG: '' };
  assert.equal((await runInside(['queue', 'count', '-c', config], { env })).out, '0\n');
  const byEnvironment = { ...env, SLUICE_CONFIG: config };
  assert.equal((await runCommand(['queue', 'count'], { env: byEnvironment })).out, '0\n');
  // What is named on the command line wins over the environment.
  const other = { ...env, SLUICE_SOCKET: join(folder, 'none.sock') };
  assert.equal((await runInside(['queue', 'count', '-c', config], { env: other })).out, '0\n');
  const none = await runCommand(['queue', 'count'], { env, cwd: folder });
  assert.equal(none.code, 78);
  const places = /no configuration at \S+\/config\/sluice\.yaml or \/etc\/sluice\/sluice\.yaml; /;
  assert.match(none.err, places);
  assert.match(none.err, /; name it with -c FILE or SLUICE_CONFIG\n$/);
  for (const command of ['start', 'check', 'status', 'doctor']) {
    const missing = join(folder, 'none.yaml');
    // What starts listens to signals of its process.
    const run = command === 'start' ? runCommand : runInside;
    const named = await run([command, '-c', missing], { env });
    const text = `sluice: no configuration at ${missing}; named with -c\n`;
    assert.deepEqual(named, { code: 78, out: '', err: text });
    const other = await run([command], { env: { ...env, SLUICE_CONFIG: missing } });
    assert.match(other.err, /none\.yaml; named by SLUICE_CONFIG\n$/);
  }
});

test('accounts are those in force while the files have errors', async (t) => {
  const folder = tempFolder(t);
  const data = join(folder, 'data');
  mkdirSync(data);
  const { gateway } = await running(t, data);
  const file = '/etc/sluice/domains/a.test.yaml';
  gateway.accounts = [
    {
      name: '192.0.2.1/32',
      by: 'address',
      domain: 'a.test',
      state: 'active',
      file,
      identity: undefined,
      limits: { newRecipients: {} },
      isArchived: false,
      quarantineReply: 'reject',
    },
  ];
  const config = join(folder, 'sluice.yaml');
  writeFileSync(config, 'hostname: mx.a.test\nlistenerz: []\n');
  const env = { SLUICE_SOCKET: '', SLUICE_CONFIG: config };
  const ran = await runInside(['account', 'list', 'A.test', '-H', '-o', 'account'], { env });
  assert.deepEqual([ran.code, ran.out], [0, '192.0.2.1/32\n'], ran.err);
  assert.match(ran.err, /^sluice: note: the files have errors \(sluice check\); this is what the /);
  assert.equal((await runInside(['account', 'list', 'b.test'], { env })).code, 1);
});

test('ids come from standard input with -', async (t) => {
  const { gateway, socket } = await running(t);
  gateway.messages = [queued('4K7QZ2M9XT.1'), queued('4K7QZ2M9XT.2')];
  const input = '4K7QZ2M9XT.1\n4K7QZ2M9XT.2\n';
  const ran = await runCommand(['queue', 'delete', '-'], { ...at(socket), input });
  assert.deepEqual(ran, {
    code: 0,
    out: '4K7QZ2M9XT.1  deleted\n4K7QZ2M9XT.2  deleted\n',
    err: '',
  });
  assert.equal(gateway.messages.length, 0);
});

test('a reader that leaves early is no failure', async (t) => {
  const { gateway, socket } = await running(t);
  gateway.messages = Array.from({ length: 20_000 }, (_, n) => queued(`4K7QZ2M9XT.${n + 10_000}`));
  const script = `"${process.execPath}" "${LAUNCHER}" queue list --json | head -1`;
  const child = spawn('bash', ['-c', `set -o pipefail; ${script}`], {
    env: { ...process.env, ...at(socket).env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.deepEqual([code, err, out.split('\n').length], [0, '', 2]);
});

const LOG = [
  '{"level":"info","time":"2026-06-02T06:42:41.402Z","host":"mx1","evt":"msg.in","ip":"203.0.113.9","id":"4K7QZ2M9XT.1","dir":"in","res":"accept","from":"news@shop.example","to":"anna@example.org","size":12033}',
  'Jun  2 06:42:41 mx1 kernel: something else {"a":1}',
  'not json at all {',
  'Jun 02 06:42:41 mx1 sluice[1]: {"level":"info","time":"2026-06-02T06:42:41.403Z","evt":"rcpt.sent","id":"4K7QZ2M9XT.1","rip":"192.0.2.10","code":250,"text":"250 Ok"}',
  '{"level":"info","time":"2026-06-02T06:42:41.404Z","evt":"msg.done","id":"4K7QZ2M9XT.1","res":"delivered","delay":0.5}',
].join('\n');
const SENT =
  '06:42:41 in  SENT   4K7QZ2M9XT.1 news@shop.example > anna@example.org       12K 0.5s 192.0.2.10 250 Ok\n';

test('tail reads an old log from a file or a pipe, and needs no gateway for it', async (t) => {
  const file = join(tempFolder(t), 'old.log');
  writeFileSync(file, LOG);
  for (const script of ['tail < "$LOG"', 'tail anna@ < "$LOG"']) {
    const ran = spawnSync('bash', ['-c', `"${process.execPath}" "${LAUNCHER}" ${script}`], {
      env: { ...process.env, LOG: file, TZ: 'UTC', SLUICE_SOCKET: '/nonexistent' },
      encoding: 'utf8',
    });
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, SENT, ''], script);
  }
  const piped = spawnSync('bash', ['-c', `cat "$LOG" | "${process.execPath}" "${LAUNCHER}" tail`], {
    env: { ...process.env, LOG: file, TZ: 'UTC' },
    encoding: 'utf8',
  });
  assert.equal(piped.stdout, SENT);
});

test('tail follows the gateway', async (t) => {
  const { gateway, socket } = await running(t);
  const child = spawn(process.execPath, [LAUNCHER, 'tail'], {
    env: { ...process.env, ...at(socket).env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const message = { id: '4K7QZ2M9XT.1', from: 'x@spam.example', to: 'a@example.org' };
  await until('a line comes', () => {
    gateway.see('msg.in', { ...message, res: 'reject', why: 'spam', code: 550, enh: '5.7.1' });
    return out.includes('\n');
  });
  assert.match(
    out,
    /^[\d:]{8} in {2}REJECT 4K7QZ2M9XT\.1 x@spam\.example > a@example\.org .*550 5\.7\.1 spam\n/,
  );
});

/** A stand-in for the sources that says which Node runs it. */
const STAND_IN = `
process.on('SIGTERM', () => process.exit(7));
console.log(process.versions.node, process.argv.slice(2).join(' '));
if (process.argv[2] === 'wait') setInterval(() => {}, 1000);
else process.exitCode = 5;
`;

/** A Node that is too old, if this machine has one. */
function oldNode(): string | undefined {
  const found = spawnSync('bash', ['-c', 'type -ap node'], { encoding: 'utf8' });
  return found.stdout.split('\n').find((node) => {
    if (node === '') return false;
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout;
    const [major = 99, minor = 0] = version.slice(1).split('.').map(Number);
    return major >= 20 && (major < 22 || (major === 22 && minor < 19));
  });
}

/** A launcher with a program of ours behind it, and a Node of today where it may be found. */
function standIn(t: TestContext, kind: 'checkout' | 'package', withNode: boolean): string {
  const root = tempFolder(t);
  const folder = kind === 'checkout' ? root : join(root, 'node_modules/sluice-mx');
  const program = kind === 'checkout' ? 'src/main.ts' : 'dist/src/main.js';
  mkdirSync(join(folder, 'src'), { recursive: true });
  mkdirSync(join(folder, program, '..'), { recursive: true });
  copyFileSync(LAUNCHER, join(folder, 'src/sluice.mjs'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, program), STAND_IN);
  if (withNode) {
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  }
  return join(folder, 'src/sluice.mjs');
}

const old = oldNode();
const needsOld = { skip: old === undefined ? 'no Node older than 22.19 on this machine' : false };

for (const kind of ['checkout', 'package'] as const) {
  const name = `an old Node hands over to the one of the ${kind}, with exit code and signals`;
  test(name, needsOld, async (t) => {
    const launcher = standIn(t, kind, true);
    const ran = spawnSync(old ?? '', [launcher, 'a', 'b'], { encoding: 'utf8' });
    assert.deepEqual([ran.status, ran.stdout], [5, `${process.versions.node} a b\n`]);
    const child = spawn(old ?? '', [launcher, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await until('it runs', () => out !== '');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    assert.equal(await ended, 7);
  });
}

test('an old Node alone says what is needed', needsOld, (t) => {
  const ran = spawnSync(old ?? '', [standIn(t, 'package', false)], { encoding: 'utf8' });
  assert.equal(ran.status, 64);
  assert.match(ran.stderr, /needs Node 22\.19 or newer/);
});

test('npx sluice works in the checkout', { skip: !existsSync(join(CHECKOUT, '.git')) }, () => {
  const ran = spawnSync('npx', ['--no-install', 'sluice', '--version'], {
    cwd: CHECKOUT,
    encoding: 'utf8',
  });
  assert.match(ran.stdout, /^\d+\.\d+\.\d+\n$/);
});
