/**
 * The single node's store: one LevelDB in one folder, with the spool, the counters and the values
 * that expire. Opened and ready, or an error with its reason; closed when everything begun has ended.
 */
import type { Clock } from '../../base/clock.ts';
import { FolderRoom } from '../../base/disk-room.ts';
import type { CodedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { CounterStore, KeyBounds } from '../counter-store.ts';
import type { SpoolStore } from '../spool-store.ts';
import type { TtlMap } from '../ttl-map.ts';
import type { FileAccess } from './content-files.ts';
import { LevelCounterStore } from './counters.ts';
import { openDatabase } from './database.ts';
import type { Database } from './database.ts';
import { DiskWatermark } from './disk-watermark.ts';
import { guard } from './guard.ts';
import { proveLogs } from './log-proof.ts';
import { LevelSpool } from './spool.ts';
import { LevelTtlMap } from './ttl-map.ts';

export interface LevelStoreOptions {
  readonly folder: string;
  /** Below this much free disk space no mail is taken. */
  readonly minFreeBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once, when a write failed: from then on the store takes nothing until a restart. */
  readonly onFailure: (error: CodedError) => void;
  /** Hears how long each batch took, in milliseconds. */
  readonly onWrite?: (ms: number) => void;
  /** Seams for tests. */
  readonly open?: (folder: string) => Promise<Database>;
  readonly access?: FileAccess;
  readonly keyBounds?: KeyBounds | undefined;
}

export interface LevelStore {
  readonly spool: SpoolStore;
  readonly ttl: TtlMap;
  readonly counters: CounterStore;
  /** Where it lies: on a disk of its own it may be, and that is the one that counts. */
  readonly room: FolderRoom;
  /** Resolves when so many bytes may be written on its disk beside it, else rejects with STORE_FULL. */
  readonly admit: (bytes: number) => Promise<void>;
  close(): Promise<void>;
}

/** Rejects with STORE_LOCKED, STORE_DAMAGED or STORE_FAILED. */
export async function openLevelStore(options: LevelStoreOptions): Promise<LevelStore> {
  const { folder, clock, log, open = openDatabase } = options;
  await proveLogs(folder);
  const database = guard(await open(folder), {
    clock,
    onFailure(error) {
      log.emit('store.error', { folder, msg: error.message }, 'fatal');
      options.onFailure(error);
    },
    onSilence: ({ message: msg }) => log.emit('store.error', { folder, msg }),
    onWrite: (ms) => options.onWrite?.(ms),
    onSlow: (ms) => log.emit('store.slow', { folder, ms: Math.round(ms) }),
  });
  const room = new FolderRoom(folder, clock);
  const watermark = new DiskWatermark({ ...options, room });
  const spool = new LevelSpool({ ...options, database, watermark });
  const ttl = new LevelTtlMap({ database, clock });
  const counters = new LevelCounterStore({ database, clock, log, bounds: options.keyBounds });
  try {
    await spool.start();
    await counters.start();
  } catch (error) {
    await database.close();
    throw error;
  }
  return {
    spool,
    ttl,
    counters,
    room,
    admit: (bytes) => watermark.admit(bytes),
    async close() {
      await Promise.all([spool.stop(), ttl.stop(), counters.stop()]);
      await database.close();
    },
  };
}
