/** `sluice account`: who may send, as the files say, and hashes that fit their passwords. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { isPassword, parsePasswordHash } from '../../src/base/password-hash.ts';
import { runCommand, runInside } from '../support/command.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('account hash: of the password that is piped in, without a trace of it', async () => {
  const ran = await runCommand(['account', 'hash'], { input: 'pass word\nmore\n' });
  assert.equal(ran.code, 0);
  assert.ok(!`${ran.out}${ran.err}`.includes('pass word'));
  const hash = parsePasswordHash(ran.out.trimEnd());
  assert.ok(hash);
  assert.equal(await isPassword(Buffer.from('pass word'), hash), true);
});

test('account hash: without input it makes a password and shows it once', async () => {
  const ran = await runInside(['account', 'hash'], {});
  const password = /^password \(shown only now\): (\w{24})\n$/.exec(ran.err)?.[1] ?? '';
  const hash = parsePasswordHash(ran.out.trimEnd());
  assert.ok(hash);
  assert.equal(await isPassword(Buffer.from(password), hash), true);
});

test('account hash: an empty password is none', async () => {
  assert.equal((await runInside(['account', 'hash'], { input: '' })).code, 64);
  assert.equal((await runInside(['account', 'hash'], { input: 'x'.repeat(256) })).code, 64);
});

test('I2 I5: account list: all three kinds in one list, with what is not in force', async (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'domains'));
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, 'hostname: mx.example.test\ntls: { self_made: true }\n');
  const hash =
    'scrypt:ln=15,r=8,p=1:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const domain = (name: string, outgoing: string) =>
    writeFileSync(
      join(folder, 'domains', `${name}.yaml`),
      `domain: ${name}\ndestination: 192.0.2.10\noutgoing: ${outgoing}\n`,
    );
  domain(
    'one.test',
    `{ enabled: true, accounts: [{ ip: 198.51.100.0/24 }, { user: Anna@one.test, password: "${hash}" }, { domain: true, password: "scrypt:..." }] }`,
  );
  const settings =
    'identity: sender, archive: true, quarantine_reply: accept, limits: { connections_per_hour: 9, recipients_per_day: 7 }';
  domain('two.test', `{ accounts: [{ ip: 192.0.2.1, ${settings} }] }`);
  const list = async (...more: string[]) => {
    const ran = await runInside(['account', 'list', '-c', file, '--json', ...more], {});
    const rows = ran.out.split('\n').filter(Boolean);
    return {
      code: ran.code,
      rows: rows.map((line) => {
        const { name, by, domain: of, state } = JSON.parse(line) as Record<string, string>; // ours
        return `${name} ${by} ${of} ${state}`;
      }),
    };
  };
  assert.deepEqual(await list(), {
    code: 0,
    rows: [
      '198.51.100.0/24 address one.test active',
      'anna@one.test user one.test active',
      'one.test domain one.test no password',
      '192.0.2.1 address two.test off',
    ],
  });
  assert.equal((await list('two.test')).rows.length, 1);
  const two = await runInside(['account', 'list', 'two.test', '-c', file, '--json'], {});
  const { file: _file, ...members } = JSON.parse(two.out) as Record<string, unknown>; // ours
  assert.deepEqual(members, {
    v: 1,
    kind: 'account',
    id: '192.0.2.1',
    name: '192.0.2.1',
    by: 'address',
    domain: 'two.test',
    state: 'off',
    identity_method: 'sender',
    limits: { connections: { hour: 9 }, messages: {}, recipients: { day: 7 }, new_recipients: {} },
    archive: true,
    quarantine_reply: 'accept',
  });
  assert.equal((await list('three.test')).code, 1);
  assert.ok(!(await runInside(['account', 'list', '-c', file], {})).out.includes('scrypt'));

  const set = (...more: string[]) =>
    runInside(['account', 'set', '192.0.2.1', ...more, '-c', file], {});
  assert.equal((await set()).code, 64, 'nothing to set');
  const enabled = await set('--enable');
  assert.equal(enabled.code, 0, enabled.err);
  assert.deepEqual((await list('two.test')).rows, ['192.0.2.1 address two.test active']);
});
