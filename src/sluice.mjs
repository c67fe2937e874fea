#!/usr/bin/env node
/**
 * The command `sluice`, startable with any Node from 20. Runs the TypeScript sources of a checkout,
 * or the JavaScript of a published package. When this Node is too old, it runs itself again with the
 * npm package "node" of the checkout, or the one that is installed beside this package, handing on
 * signals and the exit code; without one it says what is needed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SELF = fileURLToPath(import.meta.url);
const HERE = dirname(SELF);
const NEEDED = [22, 19];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) {
  const source = join(HERE, 'main.ts');
  const isCheckout = existsSync(source);
  // Compiled code is kept from run to run: every command starts in two thirds of the time. Only in the
  // checkout's own folder; a place that others may write to must not say what the gateway runs.
  if (isCheckout) module.enableCompileCache(join(HERE, '..', 'node_modules', '.cache', 'compile'));
  const entry = isCheckout ? source : join(HERE, '..', 'dist', 'src', 'main.js');
  await import(pathToFileURL(entry).href);
} else {
  const modules = [join(HERE, '..', 'node_modules'), join(HERE, '..', '..')];
  const node = modules
    .map((folder) => join(folder, '.bin', 'node'))
    .find((file) => existsSync(file));
  if (node !== undefined) runWith(node);
  else {
    console.error(
      `sluice: needs Node ${NEEDED.join('.')} or newer; this is ${process.versions.node}. ` +
        'In a checkout "npm install" brings the right one, elsewhere "npm install node@24" beside it.',
    );
    process.exit(64);
  }
}

function runWith(node) {
  const child = spawn(node, [SELF, ...process.argv.slice(2)], { stdio: 'inherit' });
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C reaches the child from the terminal already; twice would mean "at once".
      if (signal !== 'SIGINT' || !onTerminal) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`sluice: cannot run ${node}: ${error.message}`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}
