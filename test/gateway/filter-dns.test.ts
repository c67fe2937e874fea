/** What a plugin hears from `host.dns`: real answers of the configured servers, each asked for once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { filterDns } from '../../src/gateway/filter-dns.ts';
import { loadPlugins } from '../../src/plugin-host/load.ts';
import { DnsServer } from '../support/dns-server.ts';
import { ANY_DOMAIN, filterView, NEVER } from '../support/filter-view.ts';
import { memoryBooks } from '../support/memory-books.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-dns-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const ASKER = `export default { name: 'asker', setup({ dns }) {
  return { hooks: { async content() {
    const name = 'example.test';
    const answers = [
      await dns.a(name), await dns.aaaa(name), await dns.mx(name), await dns.txt(name),
      await dns.ptr('192.0.2.7'), await dns.a('missing.test'), await dns.a('broken.test'),
    ];
    const told = answers.map(({ kind, records }) => records ? JSON.stringify(records) : kind);
    return { kind: 'pass', tests: told };
  } } };
} }`;

test('a plugin asks the configured servers; the cache answers when it asks again', async () => {
  const server = await new DnsServer({
    'example.test': { a: ['192.0.2.7'], mx: ['10 mx.example.test'], txt: [['v=spf1', ' -all']] },
    '7.2.0.192.in-addr.arpa': { ptr: ['example.test'] },
    'broken.test': 'servfail',
  }).start();
  after(() => server.stop());
  writeFileSync(join(folder, 'asker.mjs'), ASKER);
  const port = Number(server.address.split(':')[1]);
  const loaded = await loadPlugins([{ name: 'asker', options: {} }], {
    hostname: 'mx.example',
    pluginFolder: folder,
    dns: filterDns([{ host: '127.0.0.1', port }], systemClock),
    books: memoryBooks(systemClock),
    clock: systemClock,
    log: new RecordedLog(),
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const ask = async () =>
    (await loaded.host.content(filterView(Buffer.from('')), ANY_DOMAIN, NEVER)).verdict;

  const { tests } = await ask();
  assert.deepEqual(tests, [
    '["192.0.2.7"]',
    'none',
    '[{"preference":10,"exchange":"mx.example.test"}]',
    '["v=spf1 -all"]',
    '["example.test"]',
    'no-domain',
    'unsure',
  ]);
  const asked = server.asked.filter((question) => !question.endsWith('broken.test'));
  assert.deepEqual(asked.toSorted(), [
    'A example.test',
    'A missing.test',
    'AAAA example.test',
    'MX example.test',
    'PTR 7.2.0.192.in-addr.arpa',
    'TXT example.test',
  ]);
  assert.deepEqual((await ask()).tests, tests);
  const again = server.asked.filter((question) => !question.endsWith('broken.test'));
  assert.equal(again.length, asked.length);
});
