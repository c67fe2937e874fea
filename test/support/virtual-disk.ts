/**
 * A database without a disk, for simulations: what a batch with `sync` wrote survives a crash,
 * anything else may not, as LevelDB promises no more. Takes virtual time for each batch, so that
 * commits meet and share one.
 */
import type { Clock } from '../../src/base/clock.ts';
import type { FileAccess } from '../../src/store/leveldb/content-files.ts';
import type { Database, KeyValue, Range, WriteOp } from '../../src/store/leveldb/database.ts';

export class VirtualDisk {
  /** What a crash leaves. */
  readonly durable = new Map<string, Uint8Array>();
}

export interface VirtualDatabaseOptions {
  readonly disk: VirtualDisk;
  readonly clock: Clock;
  /** How long the next batch takes, in milliseconds. */
  readonly takesMs: () => number;
  /** Called when the batch is about to be written, and when it is; what it throws fails the batch. */
  readonly fault: (when: 'before' | 'after') => Promise<void> | void;
}

export function virtualDatabase(options: VirtualDatabaseOptions): Database {
  const { disk, clock, takesMs, fault } = options;
  const visible = new Map(disk.durable);
  const sorted = ({ lt, limit, ...from }: Range): KeyValue[] =>
    [...visible]
      .filter(([key]) => key < lt && ('gt' in from ? key > from.gt : key >= from.gte))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit);
  return {
    async batch(ops, { sync }) {
      const ms = takesMs();
      if (ms > 0) await clock.sleep(ms);
      await fault('before');
      apply(visible, ops);
      if (sync) apply(disk.durable, ops);
      await fault('after');
    },
    get: async (key) => visible.get(key),
    getMany: async (keys) => keys.map((key) => visible.get(key)),
    has: async (key) => visible.has(key),
    async *keys(range) {
      const page = sorted(range).map(([key]) => key);
      if (page.length > 0) yield page;
    },
    async *entries(range) {
      const page = sorted(range);
      if (page.length > 0) yield page;
    },
    async *firstKeys(range, skipTo) {
      let from = 'gt' in range ? range.gt : range.gte;
      for (const [key] of sorted(range)) {
        if (key < from) continue;
        yield key;
        from = skipTo(key);
      }
    },
    compact: async () => undefined,
    close: async () => undefined,
  };
}

function apply(map: Map<string, Uint8Array>, ops: readonly WriteOp[]): void {
  for (const op of ops) {
    if (op.type === 'put') map.set(op.key, op.value);
    else map.delete(op.key);
  }
}

/** No content of a simulation is so large that it would lie in a file. */
export const NO_FILES: FileAccess = {
  prepare: async () => [],
  create: () => Promise.reject(new Error('there are no files here')),
  openFolder: () => Promise.reject(new Error('there are no files here')),
};
