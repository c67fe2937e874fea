/**
 * A process for the crash test of the counters: 200 takers at once, until nothing is left. Each grant
 * is a letter on standard output, written before anything else happens.
 */
import { writeSync } from 'node:fs';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { StillClock } from './still-clock.ts';

const [folder = '', limit = '0'] = process.argv.slice(2);
const store = await openLevelStore({
  folder,
  minFreeBytes: 0,
  clock: new StillClock(),
  log: new RecordedLog(),
  onFailure(error) {
    throw error;
  },
});
const demand = { key: 'acct:1', timeZone: 'UTC', limits: { day: Number(limit) } };
const taker = async () => {
  while ((await store.counters.take([demand], 1)).kind === 'granted') writeSync(1, 'g');
};
await Promise.all(Array.from({ length: 200 }, taker));
await store.close();
