/**
 * The published package runs without the checkout it came from, and holds what it should. The long
 * form, with npm's own installation and real scanners, is `npm run test:package`.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { contentsOf, pack, unpackBesideLinks } from '../support/packed.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { storedZip } from '../support/stored-zip.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('the published package', async (t) => {
  const folder = tempFolder(t);
  const tarball = pack(folder);
  const place = unpackBesideLinks(tarball, folder);

  await t.test('holds what is run and read, and nothing else', () => {
    const names = contentsOf(tarball);
    const stray = names.filter(
      (name) =>
        !/^(dist|docs|config|contrib|plugins|src)\/|^[A-Za-z]+\.(md|json)$|^LICENSE$/.test(name),
    );
    assert.deepEqual(stray, []);
    assert.deepEqual(names.filter((name) => /^(src|plugins)\//.test(name)).toSorted(), [
      'plugins/README.md',
      'src/sluice.mjs',
    ]);
    assert.deepEqual(
      names.filter((name) => name.startsWith('config/domains/')),
      ['config/domains/example.test.yaml'],
      'no domain of whoever packed it',
    );
  });

  await t.test('keeps the header comment of each file', () => {
    const scripts = globSync('dist/**/*.js', { cwd: place });
    assert.ok(scripts.length > 100, `${scripts.length} scripts`);
    for (const script of scripts) {
      const source = readFileSync(join(ROOT, script.replace(/^dist\/(.*)\.js$/, '$1.ts')), 'utf8');
      const header = source.slice(0, source.indexOf('*/') + 2);
      assert.ok(readFileSync(join(place, script), 'utf8').startsWith(header), script);
    }
  });

  await t.test('links only to pages that are in it', () => {
    for (const page of globSync('**/*.md', { cwd: place })) {
      const text = readFileSync(join(place, page), 'utf8').replaceAll(/```[\s\S]*?```/g, '');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
        if (/^https?:/.test(target)) continue;
        assert.ok(existsSync(join(place, page, '..', target)), `${page} links to ${target}`);
      }
    }
  });

  await t.test('checks, takes mail, hands it on and answers its commands', async () => {
    const destination = await new Destination().start();
    const gateway = await Gateway.run({
      program: join(place, 'src', 'sluice.mjs'),
      plugins: '[attachments]',
      domains: { 'example.org': domainFile(destination.port) },
    });
    try {
      const checked = await gateway.cliProcess('check');
      assert.deepEqual([checked.code, checked.stdout], [0, '0 errors, 0 warnings\n']);
      const mail = 'Subject: x\r\nFrom: a@b.example\r\n\r\nHello\r\n';
      const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail);
      assert.match(reply, /^250 2\.0\.0 .* delivered/);
      assert.equal(destination.arrived.length, 1);
      // A thread is started from a file of its own.
      const macro = storedZip({ 'word/vbaProject.bin': Buffer.from('x') }).toString('base64');
      const document = `Content-Transfer-Encoding: base64\r\n\r\n${macro}\r\n`;
      assert.match(
        await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], document),
        /^550 .* VBA macros are not accepted/,
      );
      const status = await gateway.cliProcess('status', '--json');
      assert.equal(status.code, 0, status.stderr);
      const { version } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
        version: string; // ours
      };
      assert.equal(JSON.parse(status.stdout).version, version);
    } finally {
      await gateway.remove();
      await destination.stop();
    }
  });
});
