/** Options: each value is read by its type, each fault told with its path, defaults filled in. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkOptions, commonOptions, fullSchema } from '../../src/plugin-host/options.ts';
import type { OptionSchema } from '../../src/plugin.ts';

const SCHEMA: OptionSchema = {
  mode: { type: 'string', oneOf: ['fast', 'slow'], default: 'fast', doc: '' },
  label: { type: 'string', doc: '' },
  level: { type: 'number', min: 1, max: 5, default: 3, doc: '' },
  strict: { type: 'boolean', default: false, doc: '' },
  wait: { type: 'duration', default: '2s', doc: '' },
  most: { type: 'size', default: '1MiB', doc: '' },
  zones: { type: 'strings', default: ['a', 'b'], doc: '' },
  sorts: { type: 'strings', oneOf: ['red', 'green'], default: ['red'], doc: '' },
  address: { type: 'endpoints', port: 783, default: ['127.0.0.1:783'], doc: '' },
  forged: { type: 'action', default: 3, doc: '' },
  zone: { type: 'string', form: { pattern: /^[a-z.]+$/, hint: 'a zone' }, doc: '' },
  lists: {
    type: 'table',
    columns: {
      zone: { type: 'string', required: true, doc: '' },
      wait: { type: 'duration', default: '5s', doc: '' },
      score: { type: 'number', max: 9, doc: '' },
    },
    doc: '',
  },
};

const GOOD: readonly [what: string, raw: Record<string, unknown>, key: string, value: unknown][] = [
  ['default of a text', {}, 'mode', 'fast'],
  ['no default', {}, 'label', undefined],
  ['default of a duration in ms', {}, 'wait', 2000],
  ['default of a size in bytes', {}, 'most', 1024 * 1024],
  ['default of a list', {}, 'zones', ['a', 'b']],
  ['default of an address', {}, 'address', [{ host: '127.0.0.1', port: 783 }]],
  ['null means the default', { level: null }, 'level', 3],
  ['a text', { mode: 'slow' }, 'mode', 'slow'],
  ['a number at its bound', { level: 5 }, 'level', 5],
  ['a truth value', { strict: true }, 'strict', true],
  ['a duration', { wait: '5m' }, 'wait', 300_000],
  ['a size', { most: '64KiB' }, 'most', 65_536],
  ['one text as a list', { zones: 'c' }, 'zones', ['c']],
  ['words of a closed list', { sorts: ['green', 'red'] }, 'sorts', ['green', 'red']],
  ['a socket', { address: '/run/x.sock' }, 'address', [{ path: '/run/x.sock' }]],
  [
    'a host without a port',
    { address: 'spam.example' },
    'address',
    [{ host: 'spam.example', port: 783 }],
  ],
  [
    'several addresses',
    { address: ['[::1]:1', '/x'] },
    'address',
    [{ host: '::1', port: 1 }, { path: '/x' }],
  ],
  ['points', { forged: 1.5 }, 'forged', 1.5],
  ['a refusal in place of points', { forged: 'reject' }, 'forged', 'reject'],
  ['a text of its form', { zone: 'a.b' }, 'zone', 'a.b'],
  ['no table', {}, 'lists', undefined],
  ['an empty table', { lists: [] }, 'lists', []],
  [
    'a table',
    { lists: [{ zone: 'a' }, { zone: 'b', wait: '1m', score: 1 }] },
    'lists',
    [
      { zone: 'a', wait: 5000 },
      { zone: 'b', wait: 60_000, score: 1 },
    ],
  ],
  ['one entry as a table', { lists: { zone: 'a' } }, 'lists', [{ zone: 'a', wait: 5000 }]],
  ['common options', {}, 'on_error', 'defer'],
  ['common options in ms', { timeout: '1m' }, 'timeout', 60_000],
];

for (const [what, raw, key, value] of GOOD) {
  test(`option: ${what}`, () => {
    const { options, problems } = checkOptions(fullSchema(SCHEMA), raw);
    assert.deepEqual(problems, []);
    assert.deepEqual(options[key], value);
  });
}

const BAD: readonly [raw: Record<string, unknown>, path: readonly unknown[], text: RegExp][] = [
  [{ levle: 3 }, ['levle'], /^unknown key; did you mean "level"\?$/],
  [{ constructor: 1 }, ['constructor'], /^unknown key/],
  [{ level: 0 }, ['level'], /^must be at least 1$/],
  [{ level: 6 }, ['level'], /^must be at most 5$/],
  [{ level: '3' }, ['level'], /^expected a number$/],
  [{ level: Number.NaN }, ['level'], /^expected a number$/],
  [{ strict: 'yes' }, ['strict'], /^expected true or false$/],
  [{ wait: 5 }, ['wait'], /^expected a duration/],
  [{ wait: '5 minutes' }, ['wait'], /^expected a duration/],
  [{ most: '1MB' }, ['most'], /^expected a size/],
  [{ sorts: ['red', 'gren'] }, ['sorts', 1], /^expected red, green; did you mean "green"\?$/],
  [{ mode: 'fats' }, ['mode'], /^expected fast, slow; did you mean "fast"\?$/],
  [{ mode: ['fast'] }, ['mode'], /^expected a text$/],
  [{ forged: 'refuse' }, ['forged'], /^expected off, reject or a number of points$/],
  [{ forged: 1001 }, ['forged'], /^must be at most 1000$/],
  [{ zone: 'A' }, ['zone'], /^expected a zone$/],
  [{ lists: 'a' }, ['lists', 0], /^expected { zone, wait, score }$/],
  [{ lists: [{ zone: 'a' }, ['b']] }, ['lists', 1], /^expected { zone/],
  [{ lists: [{ zone: 'a' }, { score: 1 }] }, ['lists', 1, 'zone'], /^is missing$/],
  [
    { lists: [{ zone: 'a', scroe: 1 }] },
    ['lists', 0, 'scroe'],
    /^unknown key; did you mean "score"/,
  ],
  [{ lists: [{ zone: 'a', score: 10 }] }, ['lists', 0, 'score'], /^must be at most 9$/],
  [{ lists: Array(101).fill({ zone: 'a' }) }, ['lists'], /^expected at most 100 entries$/],
  [{ zones: [] }, ['zones'], /^expected 1 to 100 entries$/],
  [{ zones: ['a', 7] }, ['zones', 1], /^expected a text$/],
  [{ address: ['127.0.0.1:1', 'a:b:c'] }, ['address', 1], /./],
  [{ address: 'host:99999' }, ['address'], /port/],
  [{ address: `/${'x'.repeat(200)}` }, ['address'], /at most 107 bytes/],
  [{ timeout: '1ms' }, ['timeout'], /at least 10ms/],
  [{ on_error: 'ignore' }, ['on_error'], /^expected defer, accept, hold, reject/],
];

for (const [raw, path, text] of BAD) {
  test(`option refused: ${JSON.stringify(raw).slice(0, 60)}`, () => {
    const { problems } = checkOptions(fullSchema(SCHEMA), raw);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.deepEqual(problems[0]?.path, path);
    assert.match(problems[0]?.text ?? '', text);
  });
}

test('all problems are told at once', () => {
  const { problems } = checkOptions(fullSchema(SCHEMA), { level: 9, wait: 1, nope: 1 });
  const keys = problems.map((problem) => String(problem.path[0]));
  assert.deepEqual(new Set(keys), new Set(['level', 'nope', 'wait']));
});

test('a plugin may give a common option another default', () => {
  const schema = fullSchema({ timeout: { type: 'duration', default: '60s', doc: '' } });
  assert.equal(commonOptions(checkOptions(schema, {}).options).timeout, 60_000);
});
