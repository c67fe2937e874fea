/**
 * docs/configuration.md says what the schemas say: every key is in the table of its section and every
 * key there is one, with the default that it has.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as z from 'zod';
import { domainSchema } from '../../src/config/domain-schema.ts';
import { ldapSource } from '../../src/config/ldap-schema.ts';
import { nodeSchema } from '../../src/config/node-schema.ts';
import { leavesOf } from '../support/schema-leaves.ts';

const PAGE = readFileSync(
  join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'),
  'utf8',
);

interface Row {
  readonly names: readonly string[];
  /** Undefined: the table has no such column. */
  readonly byDefault: string | undefined;
}

/** The rows of all tables of a section whose first column is `key`. */
function rowsOf(section: string): Row[] {
  const start = PAGE.indexOf(`\n${section}\n`);
  assert.notEqual(start, -1, `section ${section}`);
  const text = PAGE.slice(start + section.length + 2);
  const body = text.slice(0, /^#{2,3} /m.exec(text)?.index);
  const rows: Row[] = [];
  let header: readonly string[] = [];
  for (const line of body.split('\n')) {
    const cells = line
      .replaceAll('\\|', '')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (cells.length === 0) header = [];
    else if (header.length === 0) header = cells;
    else if (header[0] === 'key' && !/^-+$/.test(cells[0] ?? '')) {
      const names = [...(cells[0] ?? '').matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name);
      rows.push({ names, byDefault: cells[header.indexOf('default')] });
    }
  }
  return rows;
}

function writtenForm(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`[${value.join(', ')}]\``;
  return `\`${String(value)}\``;
}

/** Where words say it better than the value would. */
const IN_WORDS: Readonly<Record<string, string>> = {
  listeners: 'one named `mx` on `0.0.0.0:25`',
  services: 'all four',
  filter: '`mail` or `proxyAddresses`, see below',
};

const destination = domainSchema.shape.destination.options.find(
  (form) => form instanceof z.ZodObject,
);
const { accounts } = domainSchema.shape.outgoing.unwrap().shape;
assert.ok(destination !== undefined);

for (const [section, schema] of [
  ['## sluice.yaml', nodeSchema],
  ['### listeners', nodeSchema.shape.listeners.unwrap().element],
  ['## Domain files', domainSchema],
  ['### destination', destination],
  ['### ldap', ldapSource],
] as const) {
  const rows = rowsOf(section);
  // A group with a section of its own is one row here.
  const documented = new Set(rows.flatMap(({ names }) => names));
  const leaves = leavesOf(schema).map((leaf) => {
    const group = leaf.name.split('.')[0] ?? '';
    return documented.has(group) && group !== leaf.name
      ? { name: group, byDefault: undefined }
      : leaf;
  });

  test(`docs/configuration.md, ${section}: exactly the keys that there are`, () => {
    const known = [...new Set(leaves.map(({ name }) => name))];
    assert.deepEqual([...documented].toSorted(), known.toSorted());
  });

  test(`docs/configuration.md, ${section}: the defaults that they have`, () => {
    for (const { names, byDefault = '' } of rows) {
      for (const name of names) {
        const value = leaves.find((leaf) => leaf.name === name)?.byDefault;
        const words = IN_WORDS[name];
        if (words !== undefined) assert.equal(byDefault, words, name);
        else if (value !== undefined) assert.equal(byDefault, writtenForm(value), name);
        else assert.doesNotMatch(byDefault, /^`/, `${name} has no default`);
      }
    }
  });
}

test('docs/configuration.md, accounts: every key has a row or stands in the text', () => {
  const known = leavesOf(accounts.unwrap().element).map(({ name }) => name.split('.')[0] ?? '');
  const inTable = rowsOf('### outgoing').flatMap(({ names }) => names);
  assert.deepEqual(
    inTable.filter((name) => !known.includes(name)),
    [],
  );
  const inText = ['ip', 'spf', 'user', 'domain', 'password', 'dkim_selector'];
  const missing = known.filter((name) => ![...inTable, ...inText].includes(name));
  assert.deepEqual(missing, []);
});

test('docs/configuration.md names every key at all depths', () => {
  const words = new Set(PAGE.split(/[^a-z_]+/));
  const deep = [nodeSchema, nodeSchema.shape.listeners.unwrap().element, domainSchema, destination]
    .flatMap((schema) => leavesOf(schema))
    .concat(leavesOf(accounts.unwrap().element))
    .flatMap(({ name }) => name.split('.'));
  const missing = deep.filter(
    (key) =>
      !words.has(key) && !words.has(key.replace(/^(?:connections|messages|recipients)_per/, '')),
  );
  assert.deepEqual(missing, []);
});
