/**
 * The spool in LevelDB. Every change of state is one group of the group commit, so one synced batch;
 * the schedule in memory changes when that batch is on disk, before the next one starts. While a
 * step on a message is being written, nobody else may begin one. See spool-store.ts for the
 * promises and keys.ts for the layout.
 */
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { backlogUnderHold } from '../destination-hold.ts';
import type { DestinationHold } from '../destination-hold.ts';
import type {
  AdminStep,
  ClaimOptions,
  Completion,
  DamagedDest,
  DestinationBacklog,
  Held,
  Lease,
  NewMail,
  QuarantineTotals,
  ScanOptions,
  SpoolStep,
  SpoolStore,
  SpoolTotals,
  Summary,
} from '../spool-store.ts';
import { Administration } from './administration.ts';
import { Changes } from './changes.ts';
import type { Change } from './changes.ts';
import { Compaction } from './compaction.ts';
import { ContentFiles } from './content-files.ts';
import type { FileAccess } from './content-files.ts';
import { DamagedMessages } from './damaged-messages.ts';
import { DestinationHolds } from './destination-holds.ts';
import type { DiskWatermark } from './disk-watermark.ts';
import { DueIndex, storedSize } from './due-index.ts';
import { GroupCommit } from './group-commit.ts';
import type { GuardedDatabase } from './guard.ts';
import { Intake } from './intake.ts';
import { JoinedIntake } from './joined-intake.ts';
import type { LeaseEnd } from './joined-intake.ts';
import { recordKey } from './keys.ts';
import type { ActiveLease } from './leases.ts';
import { indexKey, newRecord } from './message-ops.ts';
import type { StoredContent, StoredRecord } from './record-codec.ts';
import { Records } from './records.ts';
import { Schedule } from './schedule.ts';
import type { Standing } from './schedule.ts';
import { openSpool } from './spool-start.ts';
import { StoredContents } from './stored-contents.ts';
import { Tallies } from './tallies.ts';

export interface LevelSpoolOptions {
  readonly database: GuardedDatabase;
  readonly clock: Clock;
  readonly log: Log;
  readonly watermark: Pick<DiskWatermark, 'admit'>;
  /** Of the database; large contents lie in a folder below it. */
  readonly folder: string;
  /** A seam for tests. */
  readonly access?: FileAccess;
}

export class LevelSpool implements SpoolStore {
  readonly #database: GuardedDatabase;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #damagedDests = new Map<string, number>();
  readonly #pump: GroupCommit;
  readonly #files: ContentFiles;
  readonly #contents: StoredContents;
  readonly #tallies = new Tallies();
  readonly #damaged = new DamagedMessages();
  readonly #changes: Changes;
  readonly #administration: Administration;
  readonly #intake: Intake;
  readonly #joined: JoinedIntake;
  readonly #records: Records;
  readonly #compaction: Compaction;
  readonly #holds: DestinationHolds;
  #schedule: Schedule;
  #open = false;

  constructor(options: LevelSpoolOptions) {
    const { database, clock, log } = options;
    this.#database = database;
    this.#clock = clock;
    this.#log = log;
    this.#pump = new GroupCommit(database, { sync: true, tallies: this.#tallies });
    const arrived = (standing: Standing) => this.#schedule.committed(standing);
    this.#compaction = new Compaction({ ...options, liveBytes: () => this.totals().bytes });
    const folder = join(options.folder, 'content');
    this.#files = new ContentFiles({ ...options, folder });
    const dead = (bytes: number) => this.#compaction.note(bytes);
    this.#contents = new StoredContents(database, this.#files, dead);
    this.#joined = new JoinedIntake({ ...options, contents: this.#contents });
    this.#intake = new Intake({
      ...options,
      pump: this.#pump,
      contents: this.#contents,
      tallies: this.#tallies,
      arrived,
    });
    this.#records = new Records(database, (id) => {
      const msg = 'the record is damaged and is left where it is';
      if (this.#damaged.note(id)) log.emit('store.error', { id, msg });
    });
    this.#holds = new DestinationHolds(clock, this.#pump);
    this.#schedule = new Schedule(clock, this.#dueIndex(), 0);
    const parts = {
      database,
      clock,
      pump: this.#pump,
      records: this.#records,
      damaged: this.#damaged,
      schedule: () => this.#schedule,
      contents: this.#contents,
      tallies: this.#tallies,
      compaction: this.#compaction,
    };
    this.#changes = new Changes(parts);
    const joined = this.#joined;
    this.#administration = new Administration({ ...parts, changes: this.#changes, joined });
  }

  async start(): Promise<void> {
    const due = this.#dueIndex();
    await this.#files.open();
    const epoch = await openSpool(this.#database, due, this.#tallies);
    this.#schedule = new Schedule(this.#clock, due, epoch);
    await this.#holds.open(this.#database);
    this.#compaction.start();
    this.#open = true;
    this.#files.sweep((id) => this.#database.has(recordKey(id)));
  }

  async stop(): Promise<void> {
    this.#open = false;
    await this.#compaction.stop();
    await this.#pump.stop();
    await this.#files.stop();
  }

  async commit(...message: Parameters<SpoolStore['commit']>): Promise<void> {
    this.#assertReady();
    await this.#intake.commit(...message);
  }

  async claim(options: ClaimOptions): Promise<Lease[]> {
    this.#assertReady();
    if (this.#holds.of(options.dest) !== undefined) return [];
    const granted = await this.#schedule.claim(options, (work) => this.#pump.exclusive(work));
    const ids = granted.map(({ place }) => place.id);
    const records = await this.#records.getMany(ids).catch((error: unknown) => {
      for (const lease of granted) this.#schedule.giveBack(lease);
      throw error;
    });
    const leases: Lease[] = [];
    const read: { id: string; content: StoredContent }[] = [];
    for (const [index, lease] of granted.entries()) {
      const { id, dueAt } = lease.place;
      const record = records[index];
      if (record === undefined || record === 'damaged') {
        await this.#withdraw(lease, record === undefined);
        continue;
      }
      lease.content = record.content;
      read.push({ id, content: record.content });
      leases.push({ id, token: lease.token, entry: record.entry, dueAt });
    }
    this.#contents.readAhead(read);
    return leases;
  }

  /**
   * A place in the index without a message goes. One whose record is damaged stays where it is and is
   * not given out again in this run: it waits for a person.
   */
  async #withdraw(lease: ActiveLease, isMissing: boolean): Promise<void> {
    if (!isMissing) return this.#schedule.end(lease);
    this.#schedule.settle(lease);
    const key = indexKey({ ...lease.place, dest: lease.dest, bytes: 0 });
    const size = await this.#database.get(key);
    const standing = { ...lease.place, dest: lease.dest, bytes: size ? storedSize(size) : 0 };
    const applied = () => {
      this.#schedule.end(lease);
      this.#schedule.left(standing);
    };
    const counted = [this.#tallies.change(standing, undefined)];
    await this.#pump.write([{ type: 'del', key }], applied, counted);
  }

  async *readContent(id: string): AsyncIterable<Uint8Array> {
    this.#assertReady();
    const content = this.#schedule.contentOf(id) ?? (await this.#records.get(id))?.content;
    if (content === undefined)
      throw new CodedError('STORE_DAMAGED', `no message ${id} in the spool`);
    yield* this.#contents.read(id, content);
  }

  async renew(held: readonly Held[], leaseMs: number): Promise<boolean[]> {
    this.#assertReady();
    return held.map((one) => this.#schedule.renew(one, leaseMs));
  }

  async release(held: readonly Held[]): Promise<boolean[]> {
    this.#assertReady();
    return held.map((one) => {
      const lease = this.#schedule.find(one);
      if (lease !== undefined) this.#schedule.giveBack(lease);
      return lease !== undefined;
    });
  }

  async reschedule(steps: readonly SpoolStep[]): Promise<boolean[]> {
    return this.#endLeases(
      steps.map(({ held, entry, dueAt, mail }) => ({ held, next: { entry, dueAt }, mail })),
    );
  }

  complete(held: readonly Completion[]): Promise<boolean[]> {
    return this.#endLeases(held.map((one) => ({ held: one, mail: one.mail })));
  }

  /** Ends leases in one batch: each message becomes `next`, or goes with its content. */
  async #endLeases(ends: readonly LeaseEnd[]): Promise<boolean[]> {
    this.#assertReady();
    // With nothing to wait for, the first of two steps with one token is the one that counts.
    const brings = ends.some(({ mail = [] }) => mail.length > 0);
    const prepared = brings ? await this.#joined.prepare(ends.map(({ mail = [] }) => mail)) : [];
    const ended = new Map<ActiveLease, Change>();
    const results = ends.map(({ held, next }, index) => {
      const joined = prepared[index] ?? [];
      const lease = this.#schedule.find(held);
      if (lease?.content === undefined || ended.has(lease)) {
        this.#joined.drop(joined);
        return false;
      }
      const { dest, place, content } = lease;
      const old = { ...place, dest, bytes: content.bytes };
      if (next !== undefined && next.entry.id !== old.id)
        throw new TypeError('an id never changes');
      const record = next && newRecord(next.entry, next.dueAt, content);
      ended.set(lease, { old, content, record, joined });
      return true;
    });
    if (ended.size === 0) return results;
    for (const lease of ended.keys()) this.#schedule.settle(lease);
    await this.#changes.write([...ended.values()], () => {
      for (const lease of ended.keys()) this.#schedule.end(lease);
    });
    return results;
  }

  async administer(id: string, step: AdminStep, mail: readonly NewMail[] = []): Promise<boolean> {
    this.#assertReady();
    return this.#administration.take(id, step, mail);
  }

  damaged(): string[] {
    return this.#damaged.list();
  }

  damagedDests(): DamagedDest[] {
    return [...this.#damagedDests].map(([dest, since]) => ({ dest, since }));
  }

  #dueIndex(): DueIndex {
    return new DueIndex(this.#database, (dest) => {
      if (this.#damagedDests.has(dest)) return;
      this.#damagedDests.set(dest, this.#clock.now());
      const msg =
        'a part of the index cannot be read: some messages wait until "sluice store repair"';
      this.#log.emit('store.error', { dest, msg });
    });
  }

  backlog(): DestinationBacklog[] {
    return this.#schedule
      .backlog()
      .map((backlog) => backlogUnderHold(backlog, this.#holds.of(backlog.dest)));
  }

  async holdDest(hold: DestinationHold): Promise<void> {
    this.#assertReady();
    await this.#holds.set(hold);
  }

  async resumeDest(dest: string): Promise<boolean> {
    this.#assertReady();
    return this.#holds.end(dest);
  }

  heldDests(): DestinationHold[] {
    return this.#holds.all();
  }

  totals(dest?: string): SpoolTotals {
    return this.#tallies.totals(dest);
  }

  quarantined(dest?: string): QuarantineTotals {
    return this.#tallies.quarantined(dest);
  }

  async get(id: string): Promise<Summary | undefined> {
    this.#assertReady();
    const record = await this.#records.get(id);
    return record && this.#summary(record);
  }

  async scan(options: ScanOptions): Promise<Summary[]> {
    this.#assertReady();
    const records = await this.#records.page(options);
    return records.map((record) => this.#summary(record));
  }

  #summary({ entry, dueAt }: StoredRecord): Summary {
    return { entry, dueAt, active: this.#schedule.isActive(entry.id) };
  }

  #assertReady(): void {
    const failure = this.#database.failure();
    if (failure !== undefined) throw failure;
    if (!this.#open) throw new CodedError('STOPPING', 'the spool is not open');
  }
}
