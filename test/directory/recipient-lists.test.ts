/** Long lists of recipients in files: read once, read piece by piece, and never a stale one. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Directory } from '../../src/directory/domain.ts';
import { loadGatewayConfig } from '../../src/directory/load.ts';
import { tempFolder } from '../support/temp-folder.ts';

const NODE = `hostname: mx.example.net
tls: { self_made: true }
listeners: [{ name: mx, address: '127.0.0.1:2525' }]
`;

function folderWith(t: TestContext, list: string | Buffer) {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'domains'));
  writeFileSync(join(folder, 'sluice.yaml'), NODE);
  const file = join(folder, 'domains', 'list.txt');
  writeFileSync(file, list);
  const domain = (more = '') =>
    writeFileSync(
      join(folder, 'domains', 'x.yaml'),
      `domain: example.org\ndestination: 192.0.2.1:25\nrecipients: { file: ./list.txt }\n${more}`,
    );
  domain();
  const load = async (before?: Directory) => {
    const result = await loadGatewayConfig(join(folder, 'sluice.yaml'), { before });
    if (!result.ok)
      return { problems: result.problems.map(({ line, text }) => `${line}: ${text}`) };
    const recipients = result.directory.find('example.org')?.recipients;
    assert.ok(recipients?.kind === 'list');
    const warnings = result.warnings.map(({ text }) => text);
    return { directory: result.directory, addresses: recipients.addresses, warnings };
  };
  return { file, domain, load };
}

const people = (count: number) =>
  Array.from({ length: count }, (_, n) => `Person.${n}@example.org\n`).join('');

test('a long list that has not changed is not read again; one that has changed is', async (t) => {
  const { file, domain, load } = folderWith(t, people(5000));
  const first = await load();
  assert.equal(first.addresses?.size, 5000);
  const same = await load(first.directory);
  assert.equal(same.addresses, first.addresses, 'the very same');
  appendFileSync(file, 'new@example.org\n');
  const longer = await load(same.directory);
  assert.equal(longer.addresses?.has('new@example.org'), true);
  writeFileSync(`${file}.new`, people(5000).replace('Person.7@', 'Person.x@'));
  renameSync(`${file}.new`, file);
  const other = await load(longer.directory);
  assert.deepEqual(
    ['person.7', 'person.x'].map((local) => other.addresses?.has(`${local}@example.org`)),
    [false, true],
  );
  domain('aliases: [example.com]\n');
  const aliased = await load(other.directory);
  assert.equal(aliased.warnings?.length, 1, 'nobody of the alias is listed');
  assert.deepEqual((await load(aliased.directory)).warnings, aliased.warnings, 'said again');
  domain('case_sensitive_local_parts: true\n');
  assert.equal((await load(aliased.directory)).addresses?.has('Person.x@example.org'), true);
});

test('a list is the same however it falls into pieces, and its faults have their lines', async (t) => {
  const odd = ['# staff', 'jörg@example.org # new', '', '"a b"@example.org', 'x@EXAMPLE.ORG\r'];
  const { load } = folderWith(t, `\ufeff${odd.join('\n')}\n${people(3000)}last@example.org`);
  const { addresses } = await load();
  const locals = ['jörg', '"a b"', 'x', 'person.2999', 'last'];
  assert.equal(addresses?.size, 3004);
  for (const local of locals) assert.ok(addresses?.has(`${local}@example.org`), local);

  const long = `${'a'.repeat(65)}@example.org`;
  const wrong = folderWith(
    t,
    `${people(3000)}x@other.test\n${long}\n${'y'.repeat(200_000)}\n.@example.org\n`,
  );
  const { problems = [] } = await wrong.load();
  assert.deepEqual(
    problems.map((text) => text.slice(0, text.indexOf(':'))),
    ['3001', '3002', '3003', '3004'],
  );
  const bytes = folderWith(
    t,
    Buffer.concat([Buffer.from(people(3000)), Buffer.from([0xff, 0x0a])]),
  );
  assert.match((await bytes.load()).problems?.[0] ?? '', /list\.txt is not valid UTF-8/);
});
