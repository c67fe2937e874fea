/** The published package for tests: packed as npm would publish it, put where it can be run. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** Builds and packs; returns the tarball. */
export function pack(folder: string): string {
  const done = run('npm', ['pack', '--silent', '--pack-destination', folder], ROOT);
  return join(folder, done.trim().split('\n').at(-1) ?? '');
}

/** What the tarball holds, without the folder `package/` that npm puts around it. */
export function contentsOf(tarball: string): string[] {
  return run('tar', ['-tzf', tarball], dirname(tarball))
    .split('\n')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^package\//, ''));
}

/**
 * Puts the package into `node_modules` of a folder, beside links to those packages of this checkout
 * that its users get: no registry is asked. Returns the package's folder.
 */
export function unpackBesideLinks(tarball: string, folder: string): string {
  const modules = join(folder, 'node_modules');
  const place = join(modules, 'sluice-mx');
  mkdirSync(place, { recursive: true });
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', place], folder);
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>; // npm's own file
  };
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
    if (name === undefined || dev === true) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, path), join(modules, name));
  }
  return place;
}

/** Installs it into an empty folder, as a person would. Returns the package's folder. */
export function install(tarball: string, folder: string): string {
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], folder);
  return join(folder, 'node_modules', 'sluice-mx');
}

function run(program: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (done.status === 0) return done.stdout;
  throw new Error(`${program} ${args.join(' ')} failed: ${done.stdout}${done.stderr}`);
}
