/**
 * `npm run build`: makes what is published. Node does not strip types below `node_modules`, so the
 * package carries JavaScript, declarations and source maps in `dist/`, always made anew. Each file
 * keeps its header comment: that of a plugin is its manual page.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const DIST = join(ROOT, 'dist');
rmSync(DIST, { recursive: true, force: true });
const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
const done = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
if (done.status === 0) keepHeaders();
process.exit(done.status ?? 1);

/** tsc drops a header comment together with the type import that follows it. */
function keepHeaders() {
  for (const name of readdirSync(DIST, { recursive: true })) {
    const made = join(DIST, name);
    const source = join(ROOT, name.replace(/\.js$/, '.ts'));
    if (!name.endsWith('.js') || !existsSync(source)) continue;
    const header = /^\/\*\*[\s\S]*?\*\/\n/.exec(readFileSync(source, 'utf8'))?.[0] ?? '';
    const script = readFileSync(made, 'utf8');
    if (header === '' || script.startsWith(header)) continue;
    writeFileSync(made, header + script);
    const map = JSON.parse(readFileSync(`${made}.map`, 'utf8'));
    // Each `;` of the mappings is a line of the script.
    map.mappings = ';'.repeat(header.split('\n').length - 1) + map.mappings;
    writeFileSync(`${made}.map`, JSON.stringify(map));
  }
}
