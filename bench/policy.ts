/**
 * `npm run corpus:policy`: what the shipped policy makes of all ham and spam of the corpus. Lists every
 * ham mail that is not simply passed on; ends with 1 when half a percent of the ham or more is refused.
 * `--config FILE` takes the `plugins` of another sluice.yaml, `--count N` a sample of each kind,
 * `--tests PREFIX` tells how many of each kind meet each test of such a name.
 */
import { parseArgs } from 'node:util';
import { sample } from '../test/support/corpus.ts';
import type { JudgedMail } from '../test/support/policy-run.ts';
import { labelledMails, runPolicy } from '../test/support/policy-run.ts';

const MAX_REFUSED_HAM = 0.005;

const { values } = parseArgs({
  options: {
    config: { type: 'string' },
    count: { type: 'string' },
    tests: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const all = labelledMails();
const count = values.count === undefined ? Infinity : Number(values.count);
const few = (files: readonly string[]) =>
  files.length <= count ? [...files] : sample(files, count);
const judged = await runPolicy(
  { ham: few(all.ham), spam: few(all.spam) },
  {
    sessions: 4,
    ...(values.config === undefined ? {} : { config: values.config }),
    onProgress: (done) => {
      if (done % 100 === 0) console.error(`${done} judged`);
    },
  },
);
const ham = judged.filter(({ kind }) => kind === 'ham');
if (values.json) for (const mail of judged) console.log(JSON.stringify(mail));
else {
  for (const mail of ham) if (mail.fate !== 'passed') console.log(line(mail));
}
for (const kind of ['ham', 'spam'] as const) {
  const fates = Map.groupBy(
    judged.filter((mail) => mail.kind === kind),
    ({ fate, why }) => (fate === 'passed' || fate === 'tagged' ? fate : `${fate} (${why})`),
  );
  const counts = [...fates].map(([fate, mails]) => `${mails.length} ${fate}`).toSorted();
  console.error(`${kind}: ${counts.join(', ')}`);
}
for (const row of testRows(values.tests)) console.error(row);
const refused = ham.filter(({ fate }) => fate === 'refused').length;
const share = refused / Math.max(1, ham.length);
console.error(`ham refused: ${refused} of ${ham.length}, ${(share * 100).toFixed(2)} %`);
process.exitCode = share < MAX_REFUSED_HAM ? 0 : 1;

/** Each test whose name begins so, with how many ham and spam mails met it, ham first. */
function testRows(prefix: string | undefined): string[] {
  if (prefix === undefined) return [];
  const met = judged.flatMap(({ kind, tests }) => tests.map((name) => ({ kind, name })));
  const byName = Map.groupBy(
    met.filter(({ name }) => name.startsWith(prefix)),
    ({ name }) => name,
  );
  const rows = [...byName].map(([name, all]) => {
    const ofHam = all.filter(({ kind }) => kind === 'ham').length;
    return `${name}: ${ofHam} ham, ${all.length - ofHam} spam`;
  });
  return rows.toSorted();
}

function line({ file, fate, why, score, tests }: JudgedMail): string {
  return `${fate}\t${score}\t${file}\t${fate === 'tagged' ? '' : why}\t${tests.join(' ')}`;
}
