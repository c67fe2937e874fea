/**
 * `npm run build`: makes what is published. Node does not strip types below `node_modules`, so the
 * package carries JavaScript, declarations and source maps in `dist/`, always made anew.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
const done = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
process.exit(done.status ?? 1);
