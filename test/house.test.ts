/**
 * The house rules of docs/design.md, held against the import lines and the text of the sources:
 * who may import whom, file size, no clock, randomness, environment or reply number outside the
 * files they belong to, nothing that changes at the level of a module.
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
  dkim: ['dns', 'types:store', 'mail', 'base'],
  directory: ['config', 'dkim', 'mail', 'base'],
  store: ['mail', 'base'],
  'plugin.ts': ['types:mail'],
  'plugin-host': ['plugin.ts', 'types:store', 'config', 'mail', 'base'],
  scanners: ['base'],
  records: ['types:store', 'mail', 'base'],
  delivery: ['smtp', 'dns', 'types:store', 'directory', 'mail', 'base'],
  outbound: ['types:store', 'directory', 'mail', 'base'],
  quarantine: ['types:store', 'mail', 'base'],
  archive: ['types:store', 'mail', 'base'],
  pipeline: [
    'types:archive',
    'plugin-host',
    'plugin.ts',
    'delivery',
    'outbound',
    'dkim',
    'types:store',
    'types:smtp',
    'directory',
    'dns',
    'mail',
    'base',
  ],
  alerts: ['delivery', 'types:store', 'directory', 'mail', 'base'],
  control: ['types:store', 'types:records', 'mail', 'base'],
  doctor: ['delivery', 'dkim', 'dns', 'directory', 'config', 'mail', 'base'],
  'gateway.ts': ['*'],
  gateway: ['*'],
  cli: [
    'gateway.ts',
    'gateway',
    'doctor',
    'dkim',
    'dns',
    'config',
    'directory',
    'plugin-host',
    'control',
    'mail',
    'base',
  ],
  'main.ts': ['cli'],
  plugins: [],
};

/** What of a room others may see, where that is less than all of it. */
const FACES: Record<string, { readonly what: RegExp; readonly to: readonly string[] }> = {
  // An engine is chosen in gateway.ts; everybody else knows the interfaces.
  store: {
    what: /^src\/store\/[a-z-]+\.ts$/,
    to: [
      'delivery',
      'pipeline',
      'plugin-host',
      'outbound',
      'dkim',
      'quarantine',
      'archive',
      'records',
      'alerts',
      'control',
    ],
  },
  smtp: { what: /^src\/smtp\/client[a-z-]*\.ts$/, to: ['delivery'] },
};

/** npm packages and the only places that may know them. */
const PACKAGES: Record<string, readonly string[]> = {
  pino: ['src/base/log.ts'],
  'prom-client': [
    'src/base/metrics.ts',
    'src/base/metric-levels.ts',
    'src/base/event-meter.ts',
    'src/base/labelled-counter.ts',
  ],
  level: ['src/store/leveldb/'],
  'classic-level': ['src/store/leveldb/'],
  yaml: ['src/config/'],
  zod: ['src/config/'],
  fastify: ['src/control/'],
  commander: ['src/cli/'],
  'smtp-server': ['src/cli/sink.ts'],
  ldapts: ['src/directory/ldap/'],
  tldts: ['plugins/shared/uris/place.ts'],
  mailauth: ['plugins/sender-auth', 'plugins/greylist', 'src/doctor/facts/spf.ts'],
};

/** 300 is long; a file that comes here holds two ideas. */
const MAX_LINES = 330;
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
  const others = /\bimport\(\s*['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]/gm;
  for (const match of text.matchAll(others)) {
    found.push({ file, target: match[1] ?? match[2] ?? '', typeOnly: false });
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
      // A plugin's own client code lies in a folder of its name beside it, or is shared by several.
      if (room === 'plugins') {
        const own = file.replace(/^plugins\/([^/.]+).*$/, '$1');
        const isNear = other.startsWith(`plugins/${own}`) || other.startsWith('plugins/shared/');
        if (!isNear) broken.push(`${file} imports ${other}`);
        continue;
      }
      if (otherRoom === room || allowed.includes('*')) continue;
      const face = FACES[otherRoom];
      const isSeen = face?.to.includes(room) !== true || face.what.test(other);
      const isAllowed = allowed.includes(otherRoom);
      if (isSeen && (isAllowed || (typeOnly && allowed.includes(`types:${otherRoom}`)))) continue;
      broken.push(`${file} imports ${typeOnly ? 'types of ' : ''}${other}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('engines of the store know nothing of each other', () => {
  const broken = files
    .filter((file) => /^src\/store\/[a-z]+\//.test(file))
    .flatMap((file) => importsOf(file))
    .filter(({ file, target }) => {
      if (!target.startsWith('.')) return false;
      const other = normalize(join(dirname(file), target));
      return /^src\/store\/[a-z]+\//.test(other) && dirname(other) !== dirname(file);
    });
  assert.deepEqual(broken, []);
});

test('the table of the design page says the same', () => {
  const page = readFileSync(join(ROOT, 'docs/design.md'), 'utf8');
  const table = page.slice(
    page.indexOf('### Who may import whom'),
    page.indexOf('`test/house.test'),
  );
  const written = new Map<string, readonly string[]>();
  for (const [, rooms = '', cell = ''] of table.matchAll(/^\| (`.*?) +\| (.*?) +\|$/gm)) {
    const named = [...cell.matchAll(/`([a-z-]+(?:\.ts)?)`/g)].map(([, name]) => name ?? '');
    for (const [, room = ''] of rooms.matchAll(/`([^`]+?)\/?`/g)) written.set(room, named);
  }
  assert.ok(written.size > 10, 'the table was read');
  for (const [room, allowed] of Object.entries(MAY_IMPORT)) {
    // What is put together there, and where the process begins, are told in words.
    if (allowed.includes('*') || room === 'main.ts' || room === 'plugins') continue;
    const names = allowed.map((other) => other.replace('types:', '')).toSorted();
    const told = (written.get(room) ?? []).filter((name) => !name.startsWith('gateway'));
    const ours = names.filter((name) => !name.startsWith('gateway'));
    assert.deepEqual(told.toSorted(), ours, `row of ${room}`);
  }
});

test('each npm package has its place and its reason', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const reasons = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8');
  for (const [name, version] of Object.entries(dependencies)) {
    assert.ok(Object.hasOwn(PACKAGES, name), `${name} has no place`);
    assert.ok(reasons.includes(`| \`${name}\` `), `${name} has no reason in docs/dependencies.md`);
    assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`);
  }
});

test('what runs before anything is installed knows Node and its own room only', () => {
  const early = globSync('src/**/*.mjs', { cwd: ROOT }).map((file) => normalize(file));
  assert.ok(early.length > 0);
  const broken = early
    .flatMap((file) => importsOf(file))
    .filter(({ target }) => !target.startsWith('node:') && !/^\.\/[a-z-]+\.mjs$/.test(target));
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
    if (/\bTODO\b(?! #\d)/.test(text))
      broken.push(`${file}: a TODO without the number of its issue`);
    if (BANNED_NAMES.test(file)) broken.push(`${file}: says nothing by its name`);
    if (!/^[a-z0-9/.-]+$/.test(file)) broken.push(`${file}: not in kebab-case`);
  }
  assert.deepEqual(broken, []);
});

/** What may stand only in the named files, so that it can be replaced, mocked or reviewed there. */
const ONLY_IN: readonly { what: RegExp; where: RegExp; why: string }[] = [
  {
    what: /\bDate\.now\b|\bDate\(\)|\bperformance\.now\b|(?<!\.)\bset(?:Timeout|Interval)\(|\bhrtime\b|\bAbortSignal\.timeout\b/,
    where: /^(src\/base\/clock\.ts|plugins\/|src\/cli\/)/,
    why: 'time comes from base/clock.ts',
  },
  {
    what: /\bMath\.random\b|\brandom(?:Bytes|UUID|Int|Fill|FillSync)\(|\bgetRandomValues\b/,
    where: /^src\/base\/ids\.ts$/,
    why: 'randomness comes from base/ids.ts',
  },
  {
    what: /\bprocess\.(?:env|argv|cwd)\b/,
    where: /^src\/(cli\/|setup\/|main\.ts)/,
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
  {
    what: /\bcode\b\??\s*(?:[!=]==|[<>]=?)\s*[2-5]\d\d\b/,
    // The command line is a client of its own.
    where: /^src\/(mail\/reply\.ts|cli\/)/,
    why: 'what a reply number means is asked in mail/reply.ts',
  },
  { what: /(:|<|as) any\b/, where: /^$/, why: 'no any' },
  { what: /\bconsole\./, where: /^src\/cli\//, why: 'the log is base/log.ts' },
  {
    what: /^export default\b/,
    where: /^plugins\/[a-z0-9-]+\.ts$/,
    why: 'only plugins have a default',
  },
  { what: /^export \*/, where: /^$/, why: 'no barrels' },
  {
    what: /^(?:export )?(?:let|var) /,
    where: /^$/,
    why: 'nothing changes at the level of a module',
  },
  {
    what: /^(?:export )?const \w+ = new (?:Map|Set|WeakMap|WeakSet)\b/,
    where: /^$/,
    why: 'a collection of a module is written down as read-only',
  },
  { what: /\bfrom 'node:/, where: /^(?!src\/mail\/|src\/plugin\.ts)/, why: 'mail/ does no I/O' },
  { what: /\bfrom 'node:/, where: /^(?!src\/doctor\/judge\/)/, why: 'a judge is told the facts' },
  { what: /^import \{.* from 'node:http'/, where: /^plugins\//, why: 'see base/http-request.ts' },
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
