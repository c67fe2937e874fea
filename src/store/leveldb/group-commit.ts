/**
 * The group commit: one batch is in flight, what comes meanwhile is written by the next, so that
 * concurrent writers share one fsync. It starts at the end of the turn of the event loop, for whoever
 * writes in the same turn, and never waits for a timer. A group is written whole in one batch or not
 * at all; groups are written in the order they came, and the tallies that they change together once
 * for all of them. `applied` runs before the next batch starts, so what a writer keeps in memory is
 * never behind what later groups or `exclusive` work see on disk.
 */
import { CodedError } from '../../base/errors.ts';
import type { BatchWriter, WriteOp } from './database.ts';
import type { Tallies, TallyChange } from './tallies.ts';

/** A batch lies in memory twice while it is written; beyond these it only gets slower. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_BATCH_OPS = 1000;

interface Group {
  readonly ops: readonly WriteOp[];
  readonly bytes: number;
  readonly counted: readonly TallyChange[];
  readonly applied: (() => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface GroupCommitOptions {
  readonly sync: boolean;
  /** Of whoever hands changes of them to `write`. */
  readonly tallies?: Pick<Tallies, 'opsOf'>;
}

export class GroupCommit {
  readonly #writer: BatchWriter;
  readonly #options: GroupCommitOptions;
  #groups: Group[] = [];
  #sections: (() => Promise<void>)[] = [];
  #waitingBytes = 0;
  /** The pump while it runs. */
  #pump: Promise<void> | undefined;
  #stopped = false;

  constructor(writer: BatchWriter, options: GroupCommitOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Bytes of values that are not on disk yet: the measure of how far the disk is behind. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  write(
    ops: readonly WriteOp[],
    applied?: () => void,
    counted: readonly TallyChange[] = [],
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) {
        reject(new CodedError('STOPPING', 'the store is closed'));
        return;
      }
      let bytes = 0;
      for (const op of ops) if (op.type === 'put') bytes += op.value.length;
      this.#waitingBytes += bytes;
      this.#groups.push({ ops, bytes, counted, applied, resolve, reject });
      this.#start();
    });
  }

  /** Runs `work` while no batch is in flight; batches wait for it, so it must be short. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) {
        reject(new CodedError('STOPPING', 'the store is closed'));
        return;
      }
      this.#sections.push(() => work().then(resolve, reject));
      this.#start();
    });
  }

  /** Takes nothing new; resolves when everything taken before has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#pump;
  }

  #start(): void {
    this.#pump ??= this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      const section = this.#sections.shift();
      if (section !== undefined) await section();
      else if (this.#groups.length === 0) break;
      else {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        await this.#writeNext();
      }
    }
    this.#pump = undefined;
  }

  async #writeNext(): Promise<void> {
    const groups = this.#nextGroups();
    const { sync, tallies } = this.#options;
    const bytes = groups.reduce((sum, group) => sum + group.bytes, 0);
    const ops = groups.flatMap((group) => group.ops);
    if (tallies !== undefined) ops.push(...tallies.opsOf(groups.flatMap(({ counted }) => counted)));
    try {
      await this.#writer.batch(ops, { sync });
    } catch (error) {
      this.#waitingBytes -= bytes;
      for (const group of groups) group.reject(error as Error); // rejections here are all errors
      return;
    }
    this.#waitingBytes -= bytes;
    for (const group of groups) {
      group.applied?.();
      group.resolve();
    }
  }

  /** At least one group, then as many as the bounds allow. */
  #nextGroups(): Group[] {
    let bytes = 0;
    let ops = 0;
    let count = 0;
    for (const group of this.#groups) {
      bytes += group.bytes;
      ops += group.ops.length;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || ops > MAX_BATCH_OPS)) break;
      count++;
    }
    if (count === this.#groups.length) {
      const all = this.#groups;
      this.#groups = [];
      return all;
    }
    return this.#groups.splice(0, count);
  }
}
