/** What the doctor makes of disk, file system, owners, clock, limits and certificates. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { readCertificate } from '../../src/doctor/facts/certificate.ts';
import { readDataFolder } from '../../src/doctor/facts/data-folder.ts';
import { findMount } from '../../src/doctor/facts/mount.ts';
import { tryPort } from '../../src/doctor/facts/port.ts';
import { judgeCertificate } from '../../src/doctor/judge/certificate.ts';
import { judgeDataFolder, judgeDisk, judgeFileSystem } from '../../src/doctor/judge/data-folder.ts';
import { judgeClock, judgeNode, judgeOpenFiles } from '../../src/doctor/judge/system.ts';
import { makeCertificate } from '../../src/smtp/self-made-certificate.ts';
import { Destination } from '../support/destination.ts';
import { tempFolder } from '../support/temp-folder.ts';

const GIB = 1024 ** 3;
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 26);

test('file systems: where "on disk" means nothing or less is told', () => {
  const mounts = [
    '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '22 21 0:5 / /var/lib/old rw - ext4 /dev/sdb1 rw,barrier=0',
    '23 21 0:6 / /var/lib rw - xfs /dev/sdb1 rw',
    String.raw`24 21 0:7 / /srv/a\040b rw - nfs4 host:/x rw`,
    '25 21 0:8 / /run rw,nosuid - tmpfs tmpfs rw',
    '26 21 0:9 / /ro ro - ext4 /dev/sdc1 rw',
    '27 21 0:9 / /layer rw - overlay overlay rw',
    'garbage',
  ].join('\n');
  const told = (path: string) => judgeFileSystem(findMount(mounts, path)).status;
  assert.equal(told('/var/lib/sluice'), 'PASS');
  assert.equal(told('/running'), 'PASS', 'a name that begins like it is not below it');
  assert.equal(told('/var/lib/old/sluice'), 'WARN');
  assert.equal(told('/srv/a b/sluice'), 'WARN');
  assert.equal(told('/run/sluice'), 'FAIL');
  assert.equal(told('/ro'), 'FAIL');
  assert.equal(told('/layer/sluice'), 'WARN');
  assert.equal(judgeFileSystem(findMount('', '/')).status, 'SKIP');
});

test('room: below the watermark it fails, near it and without inodes it warns', () => {
  const told = (freeBytes: number, freeFiles: number | undefined) =>
    judgeDisk({ freeBytes, freeFiles }, GIB).status;
  assert.deepEqual(
    [told(GIB - 1, 1e6), told(GIB, 1e6), told(4 * GIB, 1e6), told(4 * GIB, 5000)],
    ['FAIL', 'WARN', 'PASS', 'WARN'],
  );
  assert.equal(told(4 * GIB, 10), 'FAIL');
  assert.equal(told(4 * GIB, undefined), 'PASS', 'btrfs makes them as it needs them');
  assert.equal(judgeDisk(undefined, GIB).isUnsure, true);
});

test('the data folder: missing, open to all, of another owner, with strangers in it', async (t) => {
  const folder = join(tempFolder(t), 'data');
  const owners = { me: process.getuid?.() ?? 0, folder: 'sluice', gateway: undefined };
  const told = async (more = {}) =>
    judgeDataFolder(folder, await readDataFolder(folder), { ...owners, ...more });
  assert.match((await told()).detail, /not there yet/);
  mkdirSync(folder, { mode: 0o700 });
  assert.equal((await told()).status, 'PASS');
  const other = { gateway: { uid: 4711, name: 'mail' } };
  assert.match((await told(other)).fix ?? '', /^chown -R mail /);
  chmodSync(folder, 0o705);
  assert.equal((await told()).status, 'WARN');
  const there = { kind: 'there', owner: -2, mode: 0o700, canWrite: true, strangers: [] } as const;
  const closed = { ...there, canWrite: false };
  assert.equal(judgeDataFolder(folder, closed, owners).isUnsure, true);
  const known = { ...owners, gateway: { uid: -2, name: 'sluice' } };
  assert.equal(judgeDataFolder(folder, closed, known).status, 'PASS', 'the gateway can');
  assert.equal(judgeDataFolder(folder, closed, { ...owners, me: -2 }).status, 'FAIL');
  const facts = { ...there, strangers: ['store/LOCK', 'ids'] };
  const finding = judgeDataFolder(folder, facts, owners);
  assert.equal(finding.status, 'FAIL');
  assert.match(finding.detail, /store\/LOCK, ids/);
});

test(
  'strangers in the data folder are found one level down',
  { skip: process.getuid?.() !== 0 && 'gives files away: root only' },
  async (t) => {
    const folder = tempFolder(t);
    mkdirSync(join(folder, 'store'));
    writeFileSync(join(folder, 'store', 'LOCK'), '');
    const { chownSync } = await import('node:fs');
    chownSync(join(folder, 'store', 'LOCK'), 65534, 65534);
    // What the gateway has given to its own clamd is no stranger's.
    mkdirSync(join(folder, 'scanners', 'clamd'), { recursive: true });
    chownSync(join(folder, 'scanners', 'clamd'), 65534, 65534);
    const facts = await readDataFolder(folder);
    assert.deepEqual(facts.kind === 'there' && facts.strangers, ['store/LOCK']);
  },
);

test('Node, clock and open files', () => {
  assert.deepEqual(
    ['v20.19.0', 'v22.18.0', 'v22.19.0', 'v23.1.0', 'v24.0.0'].map((v) => judgeNode(v).status),
    ['FAIL', 'FAIL', 'PASS', 'WARN', 'PASS'],
  );
  assert.equal(judgeClock(0, undefined).status, 'FAIL');
  assert.equal(judgeClock(NOW, undefined).status, 'PASS');
  assert.equal(judgeClock(NOW, NOW + 3_600_000).status, 'PASS', 'reserved an hour ahead');
  assert.equal(judgeClock(NOW, NOW + DAY_MS).status, 'WARN');
  const files = (limit: number | undefined, own = true) => judgeOpenFiles(limit, 2000, own).status;
  assert.deepEqual(
    [
      files(1024),
      files(1024, false),
      files(3000),
      files(65_536),
      files(Infinity),
      files(undefined),
    ],
    ['FAIL', 'WARN', 'WARN', 'PASS', 'PASS', 'SKIP'],
  );
});

test('a port: free, taken (by whom), of another machine', async () => {
  const server = await new Destination().start();
  try {
    const { port } = server;
    const taken = await tryPort({ address: '127.0.0.1', port });
    assert.equal(taken.kind, 'taken');
    if (process.platform === 'linux')
      assert.match(
        (taken.kind === 'taken' && taken.by) || '',
        new RegExp(`pid ${process.pid}\\)$`),
      );
    assert.equal((await tryPort({ address: '192.0.2.1', port })).kind, 'elsewhere');
    assert.equal((await tryPort({ address: '127.0.0.1', port: 0 })).kind, 'free');
  } finally {
    await server.stop();
  }
});

test('certificates: names, days left, who signed, who may read the key', async (t) => {
  const folder = tempFolder(t);
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const told = async (days: number, hostname: string, more = {}) => {
    const dates = { notBefore: NOW - DAY_MS, notAfter: NOW + days * DAY_MS };
    const pem = makeCertificate({ hostname: 'mx.sluice.test', ...dates });
    writeFileSync(files.cert, pem.cert);
    writeFileSync(files.key, pem.key, { mode: 0o600 });
    const use = { hostname, now: NOW, isSelfMade: false, hasLogins: false, keyFile: files.key };
    const found = judgeCertificate(await readCertificate(files, hostname), { ...use, ...more });
    return found.map(({ check, status }) => `${status} ${check}`);
  };
  const host = 'mx.sluice.test';
  assert.deepEqual(await told(21, host), ['PASS certificate', 'WARN certificate signer']);
  assert.equal((await told(20, host))[0], 'WARN certificate');
  assert.equal((await told(0, host))[0], 'FAIL certificate');
  assert.equal((await told(30, host, { now: NOW - 2 * DAY_MS }))[0], 'FAIL certificate');
  assert.equal((await told(30, 'mx2.sluice.test'))[2], 'WARN certificate name');
  const own = { isSelfMade: true };
  assert.equal((await told(30, host, own))[1], 'PASS certificate signer');
  assert.equal((await told(30, host, { ...own, hasLogins: true }))[1], 'WARN certificate signer');
  chmodSync(files.key, 0o644);
  assert.equal((await told(30, host)).at(-1), 'FAIL private key');
  writeFileSync(files.cert, 'nothing');
  const unread = judgeCertificate(await readCertificate(files, host), {
    ...{ hostname: host, now: NOW, isSelfMade: false, hasLogins: false, keyFile: files.key },
  });
  assert.equal(unread[0]?.status, 'FAIL');
});
