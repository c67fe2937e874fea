/**
 * What the spool does when it opens: it refuses a layout it does not know, takes a new epoch for its
 * tokens (a synced write, so a folder that cannot be written is found here) and counts the indexes.
 * It reads no record and no content.
 */
import { CodedError } from '../../base/errors.ts';
import type { SpoolTotals } from '../spool-store.ts';
import type { Database } from './database.ts';
import { storedSize } from './due-index.ts';
import type { DueIndex } from './due-index.ts';
import { endOf, EPOCH_KEY, FORMAT, FORMAT_KEY } from './keys.ts';

export interface OpenedSpool {
  readonly epoch: number;
  readonly totals: SpoolTotals;
}

export async function openSpool(database: Database, due: DueIndex): Promise<OpenedSpool> {
  const epoch = await newEpoch(database);
  const queued = await due.open();
  const held = await countHeld(database);
  return {
    epoch,
    totals: {
      queued: queued.messages,
      held: held.messages,
      bytes: queued.bytes + held.bytes,
    },
  };
}

async function newEpoch(database: Database): Promise<number> {
  const [format, last] = await database.getMany([FORMAT_KEY, EPOCH_KEY]);
  if (format !== undefined && asText(format) !== FORMAT) {
    const message = `the store has layout ${asText(format)}, this version reads ${FORMAT}`;
    throw new CodedError('STORE_DAMAGED', message);
  }
  const epoch = (last === undefined ? 0 : Number(asText(last))) + 1;
  if (!Number.isSafeInteger(epoch)) throw new CodedError('STORE_DAMAGED', 'the epoch is no number');
  await database.batch(
    [
      { type: 'put', key: FORMAT_KEY, value: Buffer.from(FORMAT) },
      { type: 'put', key: EPOCH_KEY, value: Buffer.from(String(epoch)) },
    ],
    { sync: true },
  );
  return epoch;
}

async function countHeld(database: Database): Promise<{ messages: number; bytes: number }> {
  let messages = 0;
  let bytes = 0;
  for await (const page of database.entries({ gte: 'h!', lt: endOf('h!') })) {
    messages += page.length;
    for (const [, size] of page) bytes += storedSize(size);
  }
  return { messages, bytes };
}

function asText(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1').slice(0, 20);
}
