/**
 * What the spool does when it opens: it refuses a layout it does not know, takes a new epoch for its
 * tokens (a synced write, so a folder that cannot be written is found here), reads the tallies and the
 * first place of each destination. It reads no record and no content, and nothing for each message
 * that waits, unless another version that keeps no tallies has worked on the store: then it counts
 * the indexes once.
 */
import { CodedError } from '../../base/errors.ts';
import type { Database } from './database.ts';
import type { DueIndex } from './due-index.ts';
import { EPOCH_KEY, FORMAT, FORMAT_KEY, TALLIED_KEY } from './keys.ts';
import { recount, recountAll } from './recount.ts';
import type { Tallies } from './tallies.ts';

/** Returns the epoch. */
export async function openSpool(
  database: Database,
  due: DueIndex,
  tallies: Tallies,
): Promise<number> {
  const { epoch, isTallied } = await newEpoch(database);
  const damaged = await tallies.load(database);
  if (!isTallied) {
    const ops = await recountAll(database, tallies);
    ops.push({ type: 'put', key: TALLIED_KEY, value: Buffer.from(String(epoch)) });
    await database.batch(ops, { sync: true });
  }
  const waiting = await due.open((dest) => tallies.of(dest).queued);
  // Whose tally and index contradict each other: a message that is not seen would wait for ever.
  const doubtful = new Set(damaged);
  for (const dest of waiting) if (tallies.of(dest).queued === 0) doubtful.add(dest);
  for (const dest of tallies.dests())
    if (tallies.of(dest).queued > 0 && !waiting.has(dest)) doubtful.add(dest);
  for (const dest of doubtful) {
    await database.batch([await recount(database, tallies, dest)], { sync: true });
    due.recounted(dest, tallies.of(dest).queued);
  }
  return epoch;
}

/** `isTallied`: the last one who worked on the store kept the tallies. */
async function newEpoch(database: Database): Promise<{ epoch: number; isTallied: boolean }> {
  const [format, last, tallied] = await database.getMany([FORMAT_KEY, EPOCH_KEY, TALLIED_KEY]);
  if (format !== undefined && asText(format) !== FORMAT) {
    const message = `the store has layout ${asText(format)}, this version reads ${FORMAT}`;
    throw new CodedError('STORE_DAMAGED', message);
  }
  const lastEpoch = last === undefined ? 0 : Number(asText(last));
  const epoch = lastEpoch + 1;
  if (!Number.isSafeInteger(epoch)) throw new CodedError('STORE_DAMAGED', 'the epoch is no number');
  const isTallied = tallied === undefined ? last === undefined : asText(tallied) === `${lastEpoch}`;
  const value = Buffer.from(String(epoch));
  await database.batch(
    [
      { type: 'put', key: FORMAT_KEY, value: Buffer.from(FORMAT) },
      { type: 'put', key: EPOCH_KEY, value },
      ...(isTallied ? [{ type: 'put', key: TALLIED_KEY, value } as const] : []),
    ],
    { sync: true },
  );
  return { epoch, isTallied };
}

function asText(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1').slice(0, 20);
}
