/**
 * package-lock.json is whole: `npm ci` refuses one in which the packages of other platforms are
 * missing, and npm leaves those out when it writes the file beside a node_modules of one platform.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

interface Locked {
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
const { packages } = read('package-lock.json') as { packages: Readonly<Record<string, Locked>> };
const manifest = read('package.json') as Locked;

/** As Node looks it up: beside the package that wants it, or in a folder further up. */
function isLocked(name: string, from: string): boolean {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('node_modules')))) {
    const folder = place === '' || place.endsWith('/') ? place : `${place}/`;
    if (packages[`${folder}node_modules/${name}`] !== undefined) return true;
    if (place === '') return false;
  }
}

test('each package that a locked one wants is locked, for every platform', () => {
  const missing = Object.entries(packages).flatMap(([place, locked]) =>
    Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })
      .filter((name) => !isLocked(name, place))
      .map((name) => `${name}, for ${place}`),
  );
  assert.deepEqual(missing, []);
});

test('the lockfile is of this package.json', () => {
  const root = packages[''] ?? {};
  assert.deepEqual(root.dependencies, manifest.dependencies);
  assert.deepEqual(root.devDependencies, manifest.devDependencies);
});

test('the lockfile names no registry, so that a mirror serves as well', () => {
  const named = Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined);
  assert.deepEqual(
    named.map(([place]) => place),
    [],
  );
});
