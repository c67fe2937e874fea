/**
 * `npm run corpus:walk`: the MIME walk over every file of the corpus. Prints the slowest and the largest;
 * ends with 1 when one takes 200 ms or 64 MiB.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORPUS, corpusFiles, wireForm } from '../test/support/corpus.ts';
import type { WalkCost } from '../test/support/walk-run.ts';
import { walkCost } from '../test/support/walk-run.ts';

const MAX_MS = 200;
const MAX_BYTES = 64 * 1024 * 1024;
const SHOWN = 5;

const costs = corpusFiles('.').map((file) => {
  const mail = wireForm(readFileSync(join(CORPUS, file)));
  // Of three the fastest: what else the machine does is not the walk's.
  const runs = [1, 2, 3].map(() => walkCost(mail));
  return { file, ...runs.reduce((best, run) => (run.ms < best.ms ? run : best)) };
});
const most = (key: keyof WalkCost) => costs.toSorted((a, b) => b[key] - a[key]).slice(0, SHOWN);
for (const key of ['ms', 'bytes', 'parts'] as const) {
  console.log(`most ${key}`);
  for (const cost of most(key)) {
    const mib = (cost.bytes / 1024 / 1024).toFixed(1);
    console.log(`  ${cost.ms.toFixed(1)} ms  ${mib} MiB  ${cost.parts} parts  ${cost.file}`);
  }
}
const over = costs.filter(({ ms, bytes }) => ms >= MAX_MS || bytes >= MAX_BYTES);
console.log(`${costs.length} files, ${over.length} of them over ${MAX_MS} ms or 64 MiB`);
process.exitCode = over.length === 0 ? 0 : 1;
