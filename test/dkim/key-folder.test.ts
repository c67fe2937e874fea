/** Keys in files: found by their names, and of no use where others can get at them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeyFolder } from '../../src/dkim/key-folder.ts';
import { makeKey } from '../../src/dkim/signing-key.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('the keys of a domain, the newest first', async (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'example.org'));
  const write = async (name: string, age: number) => {
    const file = join(folder, 'example.org', name);
    writeFileSync(file, await makeKey('ed25519'), { mode: 0o600 });
    utimesSync(file, 1000 - age, 1000 - age);
  };
  await write('old.pem', 20);
  await write('new.pem', 10);
  await write('notes.txt', 0);
  const keys = await KeyFolder.open(folder);
  const { keys: found, faults } = await keys.read('example.org');
  assert.deepEqual(faults, []);
  assert.deepEqual(
    found.map(({ selector }) => selector),
    ['new', 'old'],
  );
  assert.deepEqual(await keys.read('other.test'), { keys: [], faults: [] });
  assert.deepEqual(await (await KeyFolder.open(join(folder, 'gone'))).read('example.org'), {
    keys: [],
    faults: [],
  });
});

test('a file that is no safe key is a fault with a word for what to do', async (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'example.org'));
  const pem = await makeKey('ed25519');
  const rsa = (bits: number) => {
    const pair = generateKeyPairSync('rsa', { modulusLength: bits });
    return pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  };
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const files: Readonly<Record<string, readonly [string, number]>> = {
    'group.pem': [pem, 0o640],
    'all.pem': [pem, 0o604],
    'empty.pem': ['', 0o600],
    'public.pem': [pem.replaceAll('PRIVATE', 'PUBLIC'), 0o600],
    'large.pem': [`${pem}${' '.repeat(20_000)}`, 0o600],
    'short.pem': [rsa(768), 0o600],
    'curve.pem': [ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600],
    'No Selector.pem': [pem, 0o600],
    'pkcs1.pem': [rsa(1024), 0o600],
  };
  for (const [name, [text, mode]] of Object.entries(files)) {
    const file = join(folder, 'example.org', name);
    writeFileSync(file, text);
    chmodSync(file, mode);
  }
  mkdirSync(join(folder, 'example.org', 'folder.pem'), { mode: 0o700 });
  const { keys, faults } = await (await KeyFolder.open(folder)).read('example.org');
  assert.deepEqual(
    keys.map(({ selector, key }) => [selector, key.algorithm, key.bits]),
    [['pkcs1', 'rsa-sha256', 1024]],
    'the form that opendkim-genkey writes',
  );
  const told = Object.fromEntries(faults.map(({ file, text }) => [file.split('/').at(-1), text]));
  assert.deepEqual(told, {
    'No Selector.pem': 'its name is no selector such as s2026.pem',
    'all.pem': 'is open to others: chmod 600',
    'curve.pem': 'is neither RSA nor Ed25519',
    'empty.pem': 'is no private key in PEM without a passphrase',
    'folder.pem': 'is no file',
    'group.pem': 'is open to others: chmod 600',
    'large.pem': 'is too large for a key',
    'public.pem': 'is no private key in PEM without a passphrase',
    'short.pem': 'has 768 bits: receivers take RSA keys of 1024 to 4096',
  });
});
