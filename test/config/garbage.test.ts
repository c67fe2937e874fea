/** Whatever the files hold, reading them ends in a configuration or in problems, never in a throw. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { parseDomainFile } from '../../src/config/domain-file.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { Problem } from '../../src/config/problem.ts';
import { parseYaml } from '../../src/config/yaml-source.ts';
import { loadGatewayConfig } from '../../src/directory/load.ts';
import { cpuMs } from '../support/cpu-time.ts';

const RUNS = 300;

/** Keys and punctuation that reach deeper than letters at random. */
const token = fc.oneof(
  fc.constantFrom(
    ...['hostname', 'domain', 'destination', 'hosts', 'listeners', 'address', 'plugins', 'queue'],
    ...[
      'retry',
      'recipients',
      'list',
      'file',
      'spam',
      'tag',
      'outgoing',
      'accounts',
      'tls',
      'cert',
    ],
    ...[
      'services',
      'aliases',
      '__proto__',
      'constructor',
      'toString',
      '<<',
      'null',
      'true',
      '.inf',
    ],
    ...[
      '192.0.2.1:25',
      '[::1]:25',
      'mx.example.test',
      'a@example.test',
      '5m',
      '10MiB',
      '-1',
      '0x1',
    ],
    ...[
      ': ',
      ':\n',
      '\n',
      '\n  ',
      '\n    ',
      '\n- ',
      '- ',
      ', ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '|\n',
    ],
    ...[
      '&a ',
      '*a',
      '!!map ',
      '!x ',
      '? ',
      '# ',
      '---\n',
      '...\n',
      '%TAG ! x\n',
      '\t',
      '\r\n',
      '\0',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const garbage = fc.array(token, { maxLength: 40 }).map((parts) => parts.join(''));

/** Any tree of values, as YAML, under names the schema knows. */
const settings = fc
  .dictionary(
    fc.constantFrom('domain', 'destination', 'recipients', 'aliases', 'spam', 'outgoing', 'tls'),
    fc.jsonValue(),
  )
  .map((value) => JSON.stringify(value));

function assertLines(problems: readonly Problem[]) {
  for (const problem of problems) {
    assert.ok(problem.line >= 1 && problem.col >= 1);
    assert.match(formatProblem(problem, '/etc'), /^x\.yaml:\d+:\d+ (error|warning) \S+: [^\n]+$/);
  }
}

test('a domain file of any content gives a value or problems', () => {
  fc.assert(
    fc.property(fc.oneof(garbage, settings), (text) => {
      const { domainFile, problems } = parseDomainFile('/etc/x.yaml', text, ['clamav', 'spf']);
      assert.ok(domainFile !== undefined || problems.length > 0);
      assertLines(problems);
    }),
    { numRuns: RUNS * 5 },
  );
});

test('YAML that is made to hurt is a problem, not a fall', () => {
  const lol = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [now, before] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg']) {
    lol.push(`${now}: &${now} [${`*${before}, `.repeat(10)}]`);
  }
  const cases = {
    laughs: lol.join('\n'),
    nesting: '['.repeat(20_000),
    'nested maps': Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    'an alias of itself': 'a: &a { b: *a }\n',
    'a key that is a list': '? [a, b]\n: c\n',
  };
  for (const [name, text] of Object.entries(cases)) {
    const { problems } = parseDomainFile('/etc/x.yaml', text, []);
    assert.ok(problems.length > 0, name);
    assertLines(problems);
  }
});

test('YAML that is nested without end is told at once, in words; brackets in text are none', () => {
  const deep = {
    flow: '['.repeat(200_000),
    groups: '{a: '.repeat(100_000),
    dashes: '- '.repeat(20_000),
  };
  for (const [name, text] of Object.entries(deep)) {
    const startedAt = cpuMs();
    const { problems } = parseYaml('/etc/x.yaml', text);
    assert.match(problems[0]?.text ?? '', /stand too deep in each other$/, name);
    assert.ok(cpuMs() - startedAt < 1000, `${name} took too long`);
    // Brackets are seen before anything is parsed, which is what takes the time.
    assert.equal(problems[0]?.path, name === 'dashes' ? 'yaml' : 'file', name);
  }
  const shallow = Array.from({ length: 200 }, (_, at) => `k${at}: "[" # {`).join('\n');
  assert.deepEqual(parseYaml('/etc/x.yaml', shallow).problems, []);
});

test('YAML of aliases or keys alone is read in the time of other files of its length', () => {
  const many = (count: number, line: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => line(at)).join('\n');
  const cases: Readonly<Record<string, readonly [text: string, problem: string | undefined]>> = {
    'one anchor': [`a: &a 1\nb: [${'*a, '.repeat(20_000)}]`, 'more than 100 aliases ("*...")'],
    'many anchors': [
      `${many(20_000, (at) => `a${at}: &a${at} 1`)}\n${many(20_000, (at) => `b${at}: *a${at}`)}`,
      'more than 100 aliases ("*...")',
    ],
    'no anchor': [`b: [${'*a, '.repeat(20_000)}]`, 'nothing is called "&a" above'],
    keys: [many(60_000, (at) => `k${at}: 1`), undefined],
    'one key': [many(60_000, () => 'a: 1'), 'this key is given twice'],
    'anchors of all kinds': ['a: &a 1\nb: &b [x]\nc: &c { d: 1 }\ne: [*a, *b, *c]', undefined],
  };
  for (const [name, [text, problem]] of Object.entries(cases)) {
    const startedAt = cpuMs();
    const { problems } = parseYaml('/etc/x.yaml', text);
    // Some seconds on a machine that is busy; minutes where the time grows with the square.
    assert.ok(cpuMs() - startedAt < 20_000, name);
    assert.equal(problems[0]?.text, problem, name);
  }
});

test('places lie within the file', () => {
  fc.assert(
    fc.property(garbage, fc.array(fc.oneof(fc.nat(3), fc.string())), (text, path) => {
      const { source } = parseYaml('/etc/x.yaml', text);
      const problem = source?.problemAt(path, 'text');
      if (problem === undefined) return;
      assert.ok(problem.line <= text.split('\n').length);
    }),
    { numRuns: RUNS },
  );
});

test('a whole configuration of garbage gives a value or problems', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-garbage-'));
  const file = join(folder, 'sluice.yaml');
  mkdirSync(join(folder, 'domains'));
  try {
    await fc.assert(
      fc.asyncProperty(garbage, garbage, async (node, domain) => {
        writeFileSync(file, `hostname: mx.example.test\n${node}`);
        writeFileSync(
          join(folder, 'domains', 'a.yaml'),
          `domain: a.example\ndestination: 192.0.2.1\n${domain}`,
        );
        const result = await loadGatewayConfig(file);
        assert.ok(result.ok || result.problems.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: RUNS },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
