/**
 * What alerts read from the store. What a damaged store does not give any more stays as it was read
 * last: nobody is told that it is over, and all other alerts go on.
 */
import type { Present } from '../alerts/conditions.ts';
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
}

type Stored = Pick<Present, 'oldest' | 'lockedAccounts'>;

export class AlertReads {
  readonly #parts: ReadParts;
  #stored: Stored = { oldest: undefined, lockedAccounts: [] };
  #unread: string | undefined;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  async look(): Promise<Stored & Pick<Present, 'unread'>> {
    const faults = [
      await this.#read('oldest', () => this.#oldest()),
      await this.#read('lockedAccounts', () => this.#lockedAccounts()),
    ];
    this.#unread = faults.find((fault) => fault !== undefined);
    return { ...this.#stored, unread: this.#unread };
  }

  /** Why some of it could not be read when it was last looked at. */
  get unread(): string | undefined {
    return this.#unread;
  }

  /** Answers why it cannot be read, when the store is damaged there. */
  async #read<K extends keyof Stored>(
    what: K,
    read: () => Promise<Stored[K]>,
  ): Promise<string | undefined> {
    try {
      this.#stored = { ...this.#stored, [what]: await read() };
      return undefined;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'STORE_DAMAGED') return errorText(error);
      throw error;
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
