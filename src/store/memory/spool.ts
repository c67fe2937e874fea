/**
 * The spool in memory: the model. As simple as can be, so that it is obviously right; every other
 * engine must behave as it does. What survives a restart is the disk, a plain map that the next
 * MemorySpool may be given. Not durable, so never used by the gateway itself.
 */
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { Content } from '../../mail/content.ts';
import type { SpoolEntry } from '../../mail/spool-entry.ts';
import { isQuarantined } from '../../mail/spool-entry.ts';
import { afterStep, editOf, isMeantFor } from '../admin-step.ts';
import type { Scheduled } from '../admin-step.ts';
import { backlogUnderHold, isOver, MAX_HOLDS } from '../destination-hold.ts';
import type { DestinationHold } from '../destination-hold.ts';
import type {
  AdminStep,
  ClaimOptions,
  Completion,
  DamagedDest,
  DestinationBacklog,
  Edit,
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

interface StoredMessage extends Scheduled {
  readonly content: Uint8Array;
  readonly edit?: Edit | undefined;
}

interface MemoryLease {
  readonly token: bigint;
  /** By the monotonic clock. */
  endsAt: number;
}

export class MemoryDisk {
  readonly messages = new Map<string, StoredMessage>();
  readonly holds = new Map<string, DestinationHold>();
  lastToken = 0n;
}

/** The steps a test may have fail or wait. */
export type MemoryStep =
  'commit' | 'claim' | 'renew' | 'reschedule' | 'complete' | 'administer' | 'holdDest';

export interface MemorySpoolOptions {
  readonly clock: Clock;
  readonly disk?: MemoryDisk;
  /** Called twice for each step; what it throws the caller gets, with the step not done or done. */
  readonly fault?: (step: MemoryStep, when: 'before' | 'after') => Promise<void> | void;
}

export class MemorySpool implements SpoolStore {
  readonly #clock: Clock;
  readonly #disk: MemoryDisk;
  readonly #fault: NonNullable<MemorySpoolOptions['fault']>;
  readonly #leases = new Map<string, MemoryLease>();
  /** New mail that nobody has touched, with a number that grows. */
  readonly #fresh = new Map<string, number>();
  #commits = 0;

  constructor(options: MemorySpoolOptions) {
    this.#clock = options.clock;
    this.#disk = options.disk ?? new MemoryDisk();
    this.#fault = options.fault ?? (() => undefined);
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async commit(entry: SpoolEntry, dueAt: number, content: Content): Promise<void> {
    const bytes = await bytesIn(content);
    await this.#fault('commit', 'before');
    if (!this.#disk.messages.has(entry.id)) {
      const message = { ...scheduled(entry, dueAt), content: bytes };
      this.#disk.messages.set(entry.id, message);
      const isDue = message.dueAt !== undefined && message.dueAt <= this.#clock.now();
      if (isDue) this.#fresh.set(entry.id, ++this.#commits);
    }
    await this.#fault('commit', 'after');
  }

  async claim(options: ClaimOptions): Promise<Lease[]> {
    await this.#fault('claim', 'before');
    const now = this.#clock.now();
    const waiting = this.#holdOf(options.dest) === undefined ? this.#waiting(options.dest) : [];
    for (const { entry } of waiting) if (!this.#isActive(entry.id)) this.#leases.delete(entry.id);
    const leases = waiting
      .filter(({ entry }) => !this.#leases.has(entry.id))
      .filter(({ dueAt }) => options.early === true || dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt || (a.entry.id < b.entry.id ? -1 : 1))
      .sort((a, b) => (options.fresh === true ? this.#age(a) - this.#age(b) : 0))
      .slice(0, options.n)
      .map(({ entry, dueAt }) => {
        const token = ++this.#disk.lastToken;
        this.#fresh.delete(entry.id);
        this.#leases.set(entry.id, { token, endsAt: this.#clock.mono() + options.leaseMs });
        return { id: entry.id, token, entry, dueAt };
      });
    await this.#fault('claim', 'after');
    return leases;
  }

  async *readContent(id: string): AsyncIterable<Uint8Array> {
    const message = this.#disk.messages.get(id);
    if (message === undefined) throw new CodedError('STORE_DAMAGED', `no message ${id}`);
    const bytes = edited(message);
    if (bytes.length > 0) yield bytes;
  }

  async renew(held: readonly Held[], leaseMs: number): Promise<boolean[]> {
    await this.#fault('renew', 'before');
    const results = held.map((one) => {
      const lease = this.#find(one);
      if (lease !== undefined) lease.endsAt = this.#clock.mono() + leaseMs;
      return lease !== undefined;
    });
    await this.#fault('renew', 'after');
    return results;
  }

  async reschedule(steps: readonly SpoolStep[]): Promise<boolean[]> {
    const joined = await Promise.all(steps.map(({ mail }) => read(mail)));
    await this.#fault('reschedule', 'before');
    const results = steps.map(({ held, entry, dueAt }, index) => {
      const message = this.#disk.messages.get(held.id);
      if (!this.#end(held) || message === undefined) return false;
      this.#join(joined[index]);
      this.#disk.messages.set(held.id, { ...message, ...scheduled(entry, dueAt) });
      return true;
    });
    await this.#fault('reschedule', 'after');
    return results;
  }

  async complete(held: readonly Completion[]): Promise<boolean[]> {
    const joined = await Promise.all(held.map(({ mail }) => read(mail)));
    await this.#fault('complete', 'before');
    const results = held.map((one, index) => {
      const isEnded = this.#end(one) && this.#disk.messages.delete(one.id);
      if (isEnded) this.#join(joined[index]);
      return isEnded;
    });
    await this.#fault('complete', 'after');
    return results;
  }

  async release(held: readonly Held[]): Promise<boolean[]> {
    return held.map((one) => this.#end(one));
  }

  backlog(): DestinationBacklog[] {
    const offset = this.#clock.now() - this.#clock.mono();
    const dests = new Set([...this.#disk.messages.values()].map(({ entry }) => entry.dest));
    return [...dests].flatMap((dest) => {
      const times = this.#waiting(dest).map(({ entry, dueAt }) => {
        const lease = this.#leases.get(entry.id);
        return lease === undefined ? dueAt : lease.endsAt + offset;
      });
      if (times.length === 0) return [];
      const backlog = { dest, messages: times.length, nextDueAt: Math.min(...times) };
      return [backlogUnderHold(backlog, this.#holdOf(dest))];
    });
  }

  totals(dest?: string): SpoolTotals {
    const messages = this.#of(dest).filter(({ entry }) => !isQuarantined(entry));
    const held = messages.filter(({ dueAt }) => dueAt === undefined).length;
    return { queued: messages.length - held, held, bytes: bytesOf(messages) };
  }

  quarantined(dest?: string): QuarantineTotals {
    const messages = this.#of(dest).filter(({ entry }) => isQuarantined(entry));
    return { messages: messages.length, bytes: bytesOf(messages) };
  }

  #of(dest: string | undefined): StoredMessage[] {
    const all = [...this.#disk.messages.values()];
    return dest === undefined ? all : all.filter(({ entry }) => entry.dest === dest);
  }

  async get(id: string): Promise<Summary | undefined> {
    const message = this.#disk.messages.get(id);
    return message && this.#summary(message);
  }

  async scan({ after = '', limit, only }: ScanOptions): Promise<Summary[]> {
    const isMeant = ({ entry, dueAt }: StoredMessage) =>
      entry.id > after && (only === undefined || (dueAt === undefined) === (only === 'held'));
    return [...this.#disk.messages.values()]
      .filter(isMeant)
      .sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1))
      .slice(0, Math.max(limit, 0))
      .map((message) => this.#summary(message));
  }

  async administer(id: string, step: AdminStep, mail?: readonly NewMail[]): Promise<boolean> {
    const joined = await read(mail);
    await this.#fault('administer', 'before');
    const message = this.#disk.messages.get(id);
    if (message === undefined || this.#isActive(id) || !isMeantFor(message, step)) return false;
    this.#leases.delete(id);
    this.#fresh.delete(id);
    this.#join(joined);
    const after = afterStep(message, step, this.#clock.now());
    if (after === undefined) this.#disk.messages.delete(id);
    else {
      const edit = editOf(message, step) ?? message.edit;
      this.#disk.messages.set(id, { ...message, ...after, edit });
    }
    await this.#fault('administer', 'after');
    return true;
  }

  damaged(): string[] {
    return [];
  }

  damagedDests(): DamagedDest[] {
    return [];
  }

  async holdDest(hold: DestinationHold): Promise<void> {
    await this.#fault('holdDest', 'before');
    const { holds } = this.#disk;
    if (!holds.has(hold.dest) && holds.size >= MAX_HOLDS)
      throw new CodedError('LIMIT', 'too many holds');
    holds.set(hold.dest, hold);
    await this.#fault('holdDest', 'after');
  }

  async resumeDest(dest: string): Promise<boolean> {
    const wasHeld = this.#holdOf(dest) !== undefined;
    this.#disk.holds.delete(dest);
    return wasHeld;
  }

  heldDests(): DestinationHold[] {
    return [...this.#disk.holds.keys()].flatMap((dest) => this.#holdOf(dest) ?? []);
  }

  #holdOf(dest: string): DestinationHold | undefined {
    const hold = this.#disk.holds.get(dest);
    return hold === undefined || isOver(hold, this.#clock.now()) ? undefined : hold;
  }

  #waiting(dest: string): (StoredMessage & { readonly dueAt: number })[] {
    return [...this.#disk.messages.values()].flatMap((message) =>
      message.dueAt !== undefined && message.entry.dest === dest
        ? [{ ...message, dueAt: message.dueAt }]
        : [],
    );
  }

  /** How many came after it; what is not new comes behind all that is. */
  #age({ entry }: StoredMessage): number {
    return this.#commits - (this.#fresh.get(entry.id) ?? 0);
  }

  #summary({ entry, dueAt }: StoredMessage): Summary {
    return { entry, dueAt, active: this.#isActive(entry.id) };
  }

  #isActive(id: string): boolean {
    const lease = this.#leases.get(id);
    return lease !== undefined && lease.endsAt > this.#clock.mono();
  }

  #join(joined: readonly StoredMessage[] = []): void {
    for (const message of joined) {
      const { id } = message.entry;
      if (!this.#disk.messages.has(id)) this.#disk.messages.set(id, message);
    }
  }

  #find(held: Held): MemoryLease | undefined {
    const lease = this.#leases.get(held.id);
    return lease?.token === held.token ? lease : undefined;
  }

  #end(held: Held): boolean {
    return this.#find(held) !== undefined && this.#leases.delete(held.id);
  }
}

function scheduled(entry: SpoolEntry, dueAt: number): Scheduled {
  return { entry, dueAt: entry.hold === undefined ? dueAt : undefined };
}

async function bytesIn(content: Content): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(chunk);
  const bytes = new Uint8Array(Buffer.concat(chunks));
  if (bytes.length !== content.sizeBytes) throw new Error('content of another length');
  return bytes;
}

function read(mail: readonly NewMail[] = []): Promise<StoredMessage[]> {
  return Promise.all(
    mail.map(async ({ entry, dueAt, content }) => ({
      ...scheduled(entry, dueAt),
      content: await bytesIn(content),
    })),
  );
}

function edited({ content, edit }: StoredMessage): Uint8Array {
  if (edit === undefined) return content;
  let at = 0;
  const kept: Uint8Array[] = [edit.top];
  for (const { start, end } of edit.cuts) {
    kept.push(content.subarray(at, start));
    at = end;
  }
  return new Uint8Array(Buffer.concat([...kept, content.subarray(at)]));
}

function bytesOf(messages: readonly StoredMessage[]): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}
