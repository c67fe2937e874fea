/**
 * A process for the crash tests: it works on a store and kills itself before or after its n-th
 * batch. What it acknowledges it writes to standard output, each line at once. It also asserts that
 * every batch of the spool asks to be synced.
 */
import { writeSync } from 'node:fs';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { crashSteps } from './crash-steps.ts';
import { StillClock } from './still-clock.ts';

const [folder = '', when = '', nth = '0'] = process.argv.slice(2);
let batches = 0;

const store = await openLevelStore({
  folder,
  minFreeBytes: 0,
  clock: new StillClock(),
  log: new RecordedLog(),
  onFailure: (error) => say(`failed ${error.message}`),
  async open(place) {
    const database = await openDatabase(place);
    return {
      ...database,
      async batch(ops, options) {
        if (!options.sync) say(`unsynced ${ops.map(({ key }) => key).join(' ')}`);
        batches++;
        if (when === 'before' && batches === Number(nth)) process.kill(process.pid, 'SIGKILL');
        await database.batch(ops, options);
        if (when === 'after' && batches === Number(nth)) process.kill(process.pid, 'SIGKILL');
      },
    };
  },
});
await crashSteps(store, say);
await store.close();
say('done');

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
