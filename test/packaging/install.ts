/**
 * `npm run test:package`: the package as its users meet it. Packed, installed by npm into an empty
 * folder, with the configuration that comes with it and scanners of its own; then the demo. Not in
 * `npm test`, for it asks the registry and may load a full signature base.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFile, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { missing } from '../support/real-component.ts';
import { missingScanners } from '../support/real-scanners.ts';
import { install, pack } from '../support/packed.ts';
import { Destination } from '../support/destination.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-installed-'));
const command = join(folder, 'node_modules', '.bin', 'sluice');
// The command is found by its name, and runs on the Node of this test.
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`,
};
let place = '';

before(() => {
  place = install(pack(folder), folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number | string | null | undefined;
  readonly out: string;
}

/** Not waited for in one piece: the destination of these tests must be able to answer meanwhile. */
function sluice(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: folder, env }, (error, out) => {
      resolve({ code: error === null ? 0 : error.code, out });
    });
  });
}

test('the command says its version', async () => {
  assert.match((await sluice('--version')).out, /^\d+\.\d+\.\d+\n$/);
});

test('with the configuration that comes with it: clean mail passes, EICAR and GTUBE are refused', async (t) => {
  const lacks = missingScanners();
  if (lacks !== undefined) {
    missing(t, lacks);
    return;
  }
  const destination = await new Destination().start();
  cpSync(join(place, 'config'), join(folder, 'config'), { recursive: true });
  edit('sluice.yaml', (text) => text.replaceAll(/'127\.0\.0\.1:\d+'/g, "'127.0.0.1:0'"));
  edit('domains/example.test.yaml', (text) => text.replace(':2526', `:${destination.port}`));
  assert.equal((await sluice('check')).out, '0 errors, 0 warnings\n');

  const gateway = spawn(command, ['start'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  gateway.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => gateway.once('exit', resolve));
  try {
    await until('ready', () => log.includes('"evt":"srv.ready"'), 150_000);
    const sent = (...args: string[]) =>
      sluice('test-message', '--to', 'anna@example.test', ...args);
    assert.equal((await sent()).code, 0);
    assert.equal(destination.arrived.length, 1);
    assert.match((await sent('--virus')).out, /554 5\.7\.1 .*\(virus\)/);
    assert.match((await sent('--spam')).out, /550 5\.7\.1 .*\(spam\)/);
    assert.equal(destination.arrived.length, 1);
    assert.equal((await sluice('status')).code, 0);
    assert.equal((await sluice('stop')).code, 0);
    assert.equal(await ended, 0);
  } finally {
    gateway.kill();
    await destination.stop();
  }
});

test('the demo goes as told', async (t) => {
  const lacks = missingScanners();
  if (lacks !== undefined) {
    missing(t, lacks);
    return;
  }
  const told = await sluice('demo');
  assert.equal(told.code, 0, told.out);
  assert.match(told.out, /All of it went as told\./);
});

function edit(name: string, change: (text: string) => string): void {
  const file = join(folder, 'config', name);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}
