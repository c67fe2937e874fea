/**
 * The house rules of docs/design.md, held against the import lines and the text of the sources:
 * who may import whom, file size, no clock, randomness, environment or reply number outside the
 * files they belong to.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';

const ROOT = join(import.meta.dirname, '..');

/** Room -> rooms it may import beside itself. `types:` marks rooms of which only types may come. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  mail: [],
  smtp: ['mail', 'base'],
  dns: ['mail', 'base'],
  config: ['mail', 'base'],
  directory: ['config', 'mail', 'base'],
  store: ['mail', 'base'],
  'plugin.ts': ['types:mail'],
  'plugin-host': ['plugin.ts', 'config', 'mail', 'base'],
  scanners: ['base'],
  delivery: ['smtp', 'dns', 'types:store', 'directory', 'mail', 'base'],
  outbound: ['types:store', 'directory', 'mail', 'base'],
  pipeline: [
    'plugin-host',
    'plugin.ts',
    'delivery',
    'outbound',
    'types:store',
    'types:smtp',
    'directory',
    'dns',
    'mail',
    'base',
  ],
  control: ['types:store', 'mail', 'base'],
  'gateway.ts': ['*'],
  gateway: ['*'],
  cli: ['gateway.ts', 'gateway', 'config', 'directory', 'plugin-host', 'control', 'mail', 'base'],
  'main.ts': ['cli'],
  plugins: [],
};

/** npm packages and the only places that may know them. */
const PACKAGES: Record<string, readonly string[]> = {
  pino: ['src/base/log.ts'],
  'prom-client': ['src/base/metrics.ts'],
  level: ['src/store/leveldb/'],
  'classic-level': ['src/store/leveldb/'],
  yaml: ['src/config/'],
  zod: ['src/config/'],
  fastify: ['src/control/'],
  commander: ['src/cli/'],
  'smtp-server': ['src/cli/sink.ts'],
};

const MAX_LINES = 350;
const BANNED_NAMES = /(^|\/)(utils?|helpers?|common|types|index|manager|misc)\.ts$/;

const files = globSync('{src,plugins}/**/*.ts', { cwd: ROOT }).map((file) => normalize(file));

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\b([^;'"]*?)\bfrom\s+['"]([^'"]+)['"]/gm)) {
    found.push({ file, target: match[2] ?? '', typeOnly: /^\s+type\b/.test(match[1] ?? '') });
  }
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) {
    found.push({ file, target: match[1] ?? '', typeOnly: false });
  }
  return found;
}

function roomOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'plugins' ? 'plugins' : (parts[1] ?? '');
}

test('there are sources to hold the rules against', () => {
  assert.ok(files.length > 20, `${files.length} files found`);
});

test('rooms import only what the design lets them', () => {
  const broken: string[] = [];
  for (const file of files) {
    const room = roomOf(file);
    const allowed = MAY_IMPORT[room];
    if (allowed === undefined) {
      broken.push(`${file}: room ${room} is not in the design`);
      continue;
    }
    for (const { target, typeOnly } of importsOf(file)) {
      if (!target.startsWith('.')) continue;
      const other = normalize(join(dirname(file), target));
      const otherRoom = roomOf(other);
      // A plugin's own client code lies in a folder of its name beside it.
      if (room === 'plugins') {
        const own = file.replace(/^plugins\/([^/.]+).*$/, '$1');
        if (!other.startsWith(`plugins/${own}`)) broken.push(`${file} imports ${other}`);
        continue;
      }
      if (otherRoom === room || allowed.includes('*') || allowed.includes(otherRoom)) continue;
      if (typeOnly && allowed.includes(`types:${otherRoom}`)) continue;
      broken.push(`${file} imports ${typeOnly ? 'types of ' : ''}${other}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('npm packages are known only where they belong', () => {
  const broken: string[] = [];
  for (const file of files) {
    for (const { target, typeOnly } of importsOf(file)) {
      if (target.startsWith('.') || target.startsWith('node:')) continue;
      if (target === 'sluice-mx/plugin' && typeOnly && file.startsWith('plugins/')) continue;
      const places = PACKAGES[target];
      if (places?.some((place) => file.startsWith(place)) !== true) {
        broken.push(`${file} imports ${target}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test('files hold one idea: short, with a header comment and a telling name', () => {
  const broken: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const lines = text.split('\n').length;
    if (lines > MAX_LINES) broken.push(`${file}: ${lines} lines`);
    if (!text.startsWith('/**')) broken.push(`${file}: no header comment`);
    if (BANNED_NAMES.test(file)) broken.push(`${file}: says nothing by its name`);
    if (!/^[a-z0-9/.-]+$/.test(file)) broken.push(`${file}: not in kebab-case`);
  }
  assert.deepEqual(broken, []);
});

/** What may stand only in the named files, so that it can be replaced, mocked or reviewed there. */
const ONLY_IN: readonly { what: RegExp; where: RegExp; why: string }[] = [
  {
    what: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|(?<!\.)\bset(?:Timeout|Interval)\(/,
    where: /^(src\/base\/clock\.ts|plugins\/|src\/cli\/)/,
    why: 'time comes from base/clock.ts',
  },
  {
    what: /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|\brandomInt\(/,
    where: /^src\/base\/ids\.ts$/,
    why: 'randomness comes from base/ids.ts',
  },
  {
    what: /\bprocess\.env\b/,
    where: /^src\/(cli|setup)\//,
    why: 'the environment is read by cli/',
  },
  {
    what: /\bprocess\.exit\(/,
    where: /^src\/(cli|setup|main)/,
    why: 'only the entry ends the process',
  },
  {
    what: /\bcode:\s*[245]\d\d\b|['"`][245]\d\d [245]\.\d\.\d/,
    where: /^src\/mail\/reply\.ts$/,
    why: 'reply numbers are written in mail/reply.ts',
  },
  { what: /(:|<|as) any\b/, where: /^$/, why: 'no any' },
  { what: /\bextends EventEmitter\b/, where: /^$/, why: 'modules call interfaces' },
];

test('clock, randomness, environment and reply numbers stay in their files', () => {
  const broken: string[] = [];
  for (const file of files) {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
    for (const { what, where, why } of ONLY_IN) {
      if (where.test(file)) continue;
      lines.forEach((line, index) => {
        const code = line.replace(/^\s*(\*|\/\/|\/\*).*$/, '');
        if (what.test(code)) broken.push(`${file}:${index + 1} ${why}: ${code.trim()}`);
      });
    }
  }
  assert.deepEqual(broken, []);
});
