/** The version of this program, from its package.json: one folder up from `src/` or from `dist/src/`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function readVersion(): string {
  for (const up of ['../..', '../../..']) {
    try {
      const text = readFileSync(join(import.meta.dirname, up, 'package.json'), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown }; // ours
      if (name === 'sluice-mx' && typeof version === 'string') return version;
    } catch {
      // not there: one folder further up
    }
  }
  return 'unknown';
}
