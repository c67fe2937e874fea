import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import { CodedError } from '../../src/base/errors.ts';
import { TlsContexts } from '../../src/smtp/tls-contexts.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a self-made certificate is for our name, is kept, and its key is private', async () => {
  await inFolder(async (parent) => {
    const folder = join(parent, 'tls');
    const view = await new TlsContexts({ folder, clock: systemClock }).load('mx.test', undefined);
    assert.equal(view.selfMade, true);
    assert.match(view.names, /DNS:mx\.test/);
    const cert = await readFile(join(folder, 'self-made.cert.pem'), 'utf8');
    assert.equal(new X509Certificate(cert).checkHost('mx.test'), 'mx.test');
    assert.equal((await stat(join(folder, 'self-made.key.pem'))).mode & 0o777, 0o600);

    const again = new TlsContexts({ folder, clock: systemClock });
    await again.load('mx.test', undefined);
    assert.equal(await readFile(join(folder, 'self-made.cert.pem'), 'utf8'), cert);

    // Another name, a damaged file, or an end in sight: it is made anew.
    await again.load('other.test', undefined);
    const other = await readFile(join(folder, 'self-made.cert.pem'), 'utf8');
    assert.equal(new X509Certificate(other).checkHost('other.test'), 'other.test');
    await writeFile(join(folder, 'self-made.key.pem'), 'damaged');
    await again.load('other.test', undefined);
    assert.match(await readFile(join(folder, 'self-made.key.pem'), 'utf8'), /PRIVATE KEY/);
    const later: Clock = { ...systemClock, now: () => systemClock.now() + 3640 * 86_400_000 };
    const renewed = await new TlsContexts({ folder, clock: later }).load('other.test', undefined);
    assert.ok(renewed.expiresAt > later.now() + 3000 * 86_400_000);
  });
});

test('configured files are used; what cannot be used leaves the old ones in force', async () => {
  await inFolder(async (folder) => {
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await writeFile(files.cert, SELF_SIGNED.cert);
    await writeFile(files.key, SELF_SIGNED.key);
    const contexts = new TlsContexts({ folder, clock: systemClock });
    assert.throws(() => contexts.current(), CodedError);
    const view = await contexts.load('mx.test', files);
    assert.equal(view.selfMade, false);
    assert.equal(view.subject, 'CN=peer.test');
    const before = contexts.current();

    for (const [file, text] of [
      [files.key, 'no key'],
      [files.cert, 'no certificate'],
    ] as const) {
      const good = await readFile(file, 'utf8');
      await writeFile(file, text);
      await assert.rejects(contexts.load('mx.test', files), (error: unknown) => {
        assert.ok(error instanceof CodedError);
        assert.equal(error.code, 'CONFIG_INVALID');
        return true;
      });
      assert.equal(contexts.current(), before);
      assert.deepEqual(contexts.view, view);
      await writeFile(file, good);
    }
    await assert.rejects(
      contexts.load('mx.test', { ...files, cert: join(folder, 'none.pem') }),
      /none\.pem/,
    );
    await contexts.load('mx.test', files);
    assert.notEqual(contexts.current(), before);
  });
});
