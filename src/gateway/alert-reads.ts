/**
 * What alerts read from the store. What a damaged store does not give any more, or a silent disk not
 * in time, stays as it was read last: nobody is told that it is over, and all other alerts go on.
 */
import type { Present } from '../alerts/conditions.ts';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { oldestWaiting } from '../delivery/queue-age.ts';
import { laneName } from '../delivery/route.ts';
import type { Directory } from '../directory/domain.ts';
import type { Locks } from '../outbound/locks.ts';
import type { SpoolStore } from '../store/spool-store.ts';

interface ReadParts {
  readonly spool: Pick<SpoolStore, 'scan' | 'totals'>;
  readonly locks: Pick<Locks, 'automatic'>;
  readonly directory: () => Directory;
  readonly clock: Clock;
}

/** All alerts of a round wait for a read; one that goes on longer is for the rounds behind it. */
const READ_MS = 2000;

type Stored = Pick<Present, 'oldest' | 'lockedAccounts'>;

export class AlertReads {
  readonly #parts: ReadParts;
  #stored: Stored = { oldest: undefined, lockedAccounts: [] };
  readonly #faults = new Map<keyof Stored, string>();
  /** Reads that are not over: each has one at a time, for a silent disk keeps the thread of each. */
  readonly #under = new Map<keyof Stored, Promise<void>>();

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  async look(): Promise<Stored & Pick<Present, 'unread'>> {
    await this.#read('oldest', () => this.#oldest());
    await this.#read('lockedAccounts', () => this.#lockedAccounts());
    return { ...this.#stored, unread: this.unread };
  }

  /** Why some of it could not be read when it was last looked at. */
  get unread(): string | undefined {
    const [first] = this.#faults.values();
    return first;
  }

  async #read<K extends keyof Stored>(what: K, read: () => Promise<Stored[K]>): Promise<void> {
    const under =
      this.#under.get(what) ?? this.#renew(what, read).finally(() => this.#under.delete(what));
    this.#under.set(what, under);
    try {
      await withDeadline(this.#parts.clock, READ_MS, 'what alerts read', () => under);
    } catch (error) {
      if (!isSilence(error)) throw error;
    }
  }

  async #renew<K extends keyof Stored>(what: K, read: () => Promise<Stored[K]>): Promise<void> {
    try {
      this.#stored = { ...this.#stored, [what]: await read() };
      this.#faults.delete(what);
    } catch (error) {
      if (!(error instanceof CodedError && error.code === 'STORE_DAMAGED')) throw error;
      this.#faults.set(what, errorText(error));
    }
  }

  async #oldest(): Promise<Stored['oldest']> {
    const oldest = await oldestWaiting(this.#parts.spool);
    return oldest && { queuedAt: oldest.queuedAt, dest: laneName(oldest.dest) };
  }

  async #lockedAccounts(): Promise<Stored['lockedAccounts']> {
    const { locks, directory } = this.#parts;
    const { domains } = directory();
    const accounts = new Set(
      domains.flatMap(({ outgoing: { accounts: all } }) => all.map(({ name }) => name)),
    );
    const locked: Stored['lockedAccounts'][number][] = [];
    for await (const one of locks.automatic()) {
      if (accounts.has(one.account)) locked.push(one);
    }
    return locked;
  }
}

/** The store says so itself, once. */
function isSilence(error: unknown): boolean {
  return error instanceof CodedError && ['STORE_SILENT', 'DEADLINE'].includes(error.code);
}
