/** Loading: the operator's file is found first, and everything that is wrong is told in a sentence. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { PluginSpec } from '../../src/plugin-host/load.ts';
import { GatheredEvidence } from '../../src/plugin-host/gathered-evidence.ts';
import { loadPlugins } from '../../src/plugin-host/load.ts';
import { ANY_DOMAIN, filterView, NEVER } from '../support/filter-view.ts';
import { memoryBooks } from '../support/memory-books.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tableDns } from '../support/table-dns.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-plugins-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');

function put(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function load(specs: readonly PluginSpec[], pluginFolder = folder, log = new RecordedLog()) {
  const books = memoryBooks(systemClock);
  const environment = { hostname: 'mx.example', dns: tableDns(), books, clock: systemClock };
  return loadPlugins(specs, { ...environment, pluginFolder, log });
}

async function problemOf(name: string, options = {}, pluginFolder = folder): Promise<string> {
  const loaded = await load([{ name, options }], pluginFolder);
  assert.ok(!loaded.ok, 'it loaded');
  const [problem, ...more] = loaded.problems;
  assert.deepEqual(more, []);
  return `${problem?.name} ${problem?.path.join('.')}: ${problem?.text}`;
}

const FAULTS: readonly [name: string, text: string, problem: RegExp][] = [
  ['no-export', 'export const x = 1;', /no-export\.ts: has no default export$/],
  ['a-class', 'export default class X {}', /default export must be an object$/],
  ['other-name', 'export default { name: "x", hooks: {} }', /name must be "other-name"/],
  ['nothing', 'export default { name: "nothing" }', /must have either hooks or setup$/],
  ['no-hooks', 'export default { name: "no-hooks", hooks: {} }', /has no hook$/],
  ['stage', 'export default { name: "stage", hooks: { body() {} } }', /no stage body; the stages/],
  [
    'a-hook',
    'export default { name: "a-hook", hooks: { content: 1 } }',
    /content must be a function/,
  ],
  ['member', 'export default { name: "member", hook: {} }', /unknown member hook$/],
  ['service', 'export default { name: "service", service: "mail", hooks: {} }', /service must be/],
  [
    'no-type',
    'export default { name: "no-type", options: { a: { doc: "" } }, hooks: { data() {} } }',
    /option a must have a type/,
  ],
  ['top-level', 'throw new Error("at the top")', /top-level\.ts cannot be loaded: at the top$/],
  ['syntax', 'export default {', /syntax\.ts cannot be loaded/],
  ['an-enum', 'enum A { B } export default { name: "an-enum" }', /no enum, namespace/],
  [
    'setup-throws',
    'export default { name: "setup-throws", setup() { throw new Error("no key") } }',
    /setup failed: no key$/,
  ],
  [
    'setup-empty',
    'export default { name: "setup-empty", setup: () => ({ hooks: {} }) }',
    /what setup returned has no hook$/,
  ],
];

for (const [name, text, problem] of FAULTS) {
  test(`plugin refused: ${name}`, async () => {
    put(`${name}.ts`, text);
    assert.match(await problemOf(name), problem);
  });
}

test('a name that leads elsewhere is no name', async () => {
  for (const name of ['../clamav', 'a/b', '', 'Upper', '.hidden']) {
    assert.match(await problemOf(name), /lower-case letters/);
  }
});

test('a plugin that is not there is told with the places that were looked in', async () => {
  const absent = await problemOf('absent');
  assert.match(absent, /: there is no plugin absent \(there are: .*\bclamav,/);
  assert.match(absent, new RegExp(`no file absent\\..* in ${folder} or `));
  assert.match(await problemOf('clamv'), /: there is no plugin clamv; did you mean "clamav"\?/);
});

test('below a commonjs package the problem recommends .mts and .mjs', async () => {
  put('common/package.json', '{ "type": "commonjs" }');
  put('common/typed.ts', 'export default { name: "typed", hooks: { data() {} } }');
  put('common/plain.js', 'export default { name: "plain", hooks: { data() {} } }');
  const common = join(folder, 'common');
  assert.match(await problemOf('typed', {}, common), /"commonjs": call the file \.mts$/);
  assert.match(await problemOf('plain', {}, common), /"commonjs": call the file \.mjs$/);
});

test('options are checked against the schema and problems carry their paths', async () => {
  assert.match(
    await problemOf('clamav', { max_size: 'large' }),
    /^clamav max_size: expected a size/,
  );
  assert.match(await problemOf('clamav', { adress: 'x:1' }), /^clamav adress: .*"address"/);
});

test('problems of all plugins are told at once, with their places', async () => {
  const loaded = await load([
    { name: 'clamav', options: { nope: 1 } },
    { name: 'absent', options: {} },
    { name: 'clamav', options: {} },
  ]);
  assert.ok(!loaded.ok);
  const told = loaded.problems.map(({ index, name, path }) => [index, name, path.join('.')]);
  assert.deepEqual(told, [
    [0, 'clamav', 'nope'],
    [1, 'absent', ''],
    [2, 'clamav', ''],
  ]);
});

test('every ending loads, and the operator comes before us', async () => {
  const text = (name: string) => `export default { name: '${name}', hooks: { data() {} } };`;
  put('one.ts', `const x: number = 1; ${text('one')}`);
  put('two.mts', text('two'));
  put('three.js', text('three'));
  put('four.mjs', text('four'));
  put('clamav.ts', text('clamav'));
  const log = new RecordedLog();
  const names = ['one', 'two', 'three', 'four', 'clamav', 'spamassassin'];
  const loaded = await load(
    names.map((name) => ({ name, options: {} })),
    folder,
    log,
  );
  rmSync(join(folder, 'clamav.ts'));
  assert.ok(loaded.ok);
  const files = log.of('plugin.load').map((fields) => String(fields['file']));
  assert.deepEqual(
    files.map((file) => file.startsWith(folder)),
    [true, true, true, true, true, false],
  );
});

test('a changed file is seen at the next load', async () => {
  const text = (word: string) =>
    `export default { name: 'changing', hooks: { data: () =>
      ({ kind: 'refuse', reason: 'policy', text: '${word}' }) } };`;
  const answer = async () => {
    const loaded = await load([{ name: 'changing', options: {} }]);
    assert.ok(loaded.ok);
    const verdict = await loaded.host.data(
      filterView(Buffer.alloc(0)),
      ANY_DOMAIN,
      new GatheredEvidence(),
      NEVER,
    );
    return verdict.kind === 'refuse' ? verdict.text : verdict.kind;
  };
  put('changing.ts', text('old'));
  assert.equal(await answer(), 'old');
  put('changing.ts', text('new'));
  utimesSync(join(folder, 'changing.ts'), 1, 1);
  assert.equal(await answer(), 'new');
});

test('when one plugin has a problem, those set up already are stopped', async () => {
  put(
    'stopped.ts',
    `import { writeFileSync } from 'node:fs';
     export default { name: 'stopped', setup: () => ({ hooks: { data() {} },
       stop: () => writeFileSync(${JSON.stringify(join(folder, 'was-stopped'))}, '') }) };`,
  );
  const loaded = await load([
    { name: 'stopped', options: {} },
    { name: 'absent', options: {} },
  ]);
  assert.ok(!loaded.ok);
  rmSync(join(folder, 'was-stopped')); // throws when it is not there
});
