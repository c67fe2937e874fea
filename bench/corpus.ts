/**
 * `npm run corpus`: all ham and spam of the corpus through the gateway, clamd and spamd into a
 * Postfix. Prints what became of them; ends with 1 when a message was altered, lost or unanswered.
 */
import { parseArgs } from 'node:util';
import { corpusFiles, sample } from '../test/support/corpus.ts';
import { runCorpus } from '../test/support/corpus-run.ts';

const { values } = parseArgs({ options: { count: { type: 'string' }, set: { type: 'string' } } });
const all = corpusFiles(values.set ?? 'sa-public-corpus', /\.eml$/);
const files = values.count === undefined ? all : sample(all, Number(values.count));
const report = await runCorpus(files, {
  sessions: 4,
  onProgress: (done) => {
    if (done % 50 === 0) console.error(`${done} of ${files.length}`);
  },
});
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.altered.length + report.unanswered.length > 0 ? 1 : 0;
