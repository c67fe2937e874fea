/**
 * How much accounts and domains may send: connections, messages, recipients and recipients that are
 * new to an account, in calendar windows of the domain's time zone, and the relay limit of each
 * domain and day. What a message takes is counted before its content is accepted and given back when
 * it is not, so of what was accepted there is never more than the limit.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account, Outgoing } from '../directory/account.ts';
import type { Counts, CounterStore, Demand, Granted, Refused } from '../store/counter-store.ts';
import { countKey, domainKey, identityKey } from './counter-keys.ts';

/** Whose limits count. */
export interface Sender {
  readonly account: Account;
  readonly outgoing: Pick<Outgoing, 'relayPerDay' | 'timeZone'>;
}

/** What one message takes. */
export interface Need {
  readonly recipients: number;
  /** Of them, those that the account has not written to before. */
  readonly newRecipients: number;
  readonly identity: string | undefined;
}

export interface Reservation {
  /** Undefined: all of it was granted. */
  readonly refused: Refused | undefined;
  /** The message was not accepted. Never rejects. */
  giveBack(): Promise<void>;
}

export interface LimitsOptions {
  readonly counters: Pick<CounterStore, 'take' | 'giveBack' | 'peek'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears when the relay limit of a domain is reached or four fifths of it are, each time. */
  readonly onRelay?: (domain: string, event: 'near' | 'reached') => void;
}

/** From here on people are warned. */
const NEAR = 0.8;
/** What was told already, by the end of its window. */
const MAX_TOLD = 10_000;

export class Limits {
  readonly #options: LimitsOptions;
  readonly #told = new Map<string, number>();

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  /** Counts a connection of an account; undefined: it may come. Rejects on storage trouble. */
  async connection({ account, outgoing }: Sender): Promise<Refused | undefined> {
    const limits = account.limits.connections;
    if (isEmpty(limits)) return undefined;
    const key = countKey('connections', account.name);
    const taken = await this.#options.counters.take(
      [{ key, timeZone: outgoing.timeZone, limits }],
      1,
    );
    if (taken.kind === 'granted') return undefined;
    this.#reached(account, taken);
    return taken;
  }

  /** Whether a message of this size has room now; it takes nothing. Rejects on storage trouble. */
  async lacks(sender: Sender, need: Need): Promise<Refused | undefined> {
    for (const { demands, by } of demandsOf(sender, need)) {
      for (const { key, limits } of demands) {
        const counts = await this.#options.counters.peek(key);
        const refused = beyond(key, limits, counts, by);
        if (refused === undefined) continue;
        this.#reached(sender.account, refused);
        return refused;
      }
    }
    return undefined;
  }

  /** All of it or nothing. Rejects on storage trouble; then nothing is counted for good. */
  async reserve(sender: Sender, need: Need): Promise<Reservation> {
    const granted: Granted[] = [];
    const giveBack = async () => {
      try {
        await Promise.all(granted.splice(0).map((one) => this.#options.counters.giveBack(one)));
      } catch (error) {
        const { name: acct } = sender.account;
        this.#options.log.emit('store.error', { acct, err: errorText(error) });
      }
    };
    const results = await Promise.allSettled(
      demandsOf(sender, need).map(({ demands, by }) => this.#take(demands, by)),
    );
    let refused: Refused | undefined;
    let fault: unknown;
    for (const result of results) {
      if (result.status === 'rejected') fault ??= result.reason;
      else if (result.value.kind === 'granted') granted.push(result.value);
      else refused ??= result.value;
    }
    if (fault !== undefined || refused !== undefined) await giveBack();
    if (fault !== undefined) throw fault as Error;
    if (refused === undefined) await this.#near(sender);
    else this.#reached(sender.account, refused);
    return { refused, giveBack };
  }

  /** With no room for one more identity the others still count. */
  async #take(demands: readonly Demand[], by: number): Promise<Granted | Refused> {
    try {
      return await this.#options.counters.take(demands, by);
    } catch (error) {
      const others = demands.filter(({ limits }) => Object.values(limits).some(Number.isFinite));
      const isFull = error instanceof CodedError && error.code === 'LIMIT';
      if (!isFull || others.length === demands.length) throw error;
      return this.#options.counters.take(others, by);
    }
  }

  async #near({ account, outgoing }: Sender): Promise<void> {
    const { day } = await this.#options.counters.peek(domainKey(account.domain));
    if (day === undefined || day.count < outgoing.relayPerDay * NEAR) return;
    if (!this.#isNews(`near ${account.domain}`, day.endsAt)) return;
    this.#options.log.emit('acct.near', {
      ...{ acct: account.name, dom: account.domain, what: 'relay', window: 'day' },
      ...{ used: day.count, limit: outgoing.relayPerDay },
      until: new Date(day.endsAt).toISOString(),
    });
    this.#options.onRelay?.(account.domain, 'near');
  }

  /** The refusals themselves have lines of their own. */
  #reached(account: Account, { key, window, limit, count, endsAt }: Refused): void {
    const [what = ''] = key.split('\t');
    if (!this.#isNews(`${key} ${window}`, endsAt)) return;
    this.#options.log.emit('acct.limit', {
      ...{ acct: account.name, dom: account.domain, what, window, used: count, limit },
      until: new Date(endsAt).toISOString(),
    });
    if (what === 'relay') this.#options.onRelay?.(account.domain, 'reached');
  }

  /** Remembers it, so that it is told once for each window. */
  #isNews(what: string, endsAt: number): boolean {
    if (this.#told.get(what) === endsAt) return false;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(what, endsAt);
    return true;
  }
}

/** What must be had together, by the number that each takes. */
function demandsOf(
  { account, outgoing }: Sender,
  { recipients, newRecipients, identity }: Need,
): { readonly demands: readonly Demand[]; readonly by: number }[] {
  const { name, domain, limits } = account;
  const { timeZone, relayPerDay } = outgoing;
  const demand = (key: string, windows: Demand['limits']): Demand[] =>
    isEmpty(windows) ? [] : [{ key, timeZone, limits: windows }];
  return [
    {
      by: recipients,
      demands: [
        ...demand(domainKey(domain), { day: relayPerDay }),
        ...demand(countKey('recipients', name), { day: Infinity, ...limits.recipients }),
        ...(identity === undefined ? [] : demand(identityKey(name, identity), { day: Infinity })),
      ],
    },
    { by: 1, demands: demand(countKey('messages', name), limits.messages) },
    { by: newRecipients, demands: demand(countKey('new-recipients', name), limits.newRecipients) },
  ].filter(({ demands, by }) => demands.length > 0 && by > 0);
}

function beyond(
  key: string,
  limits: Demand['limits'],
  counts: Counts,
  by: number,
): Refused | undefined {
  for (const window of Object.keys(limits) as (keyof typeof limits)[]) {
    const limit = limits[window] ?? Infinity;
    const { count = 0, endsAt = 0 } = counts[window] ?? {};
    if (count + by > limit) return { kind: 'refused', key, window, limit, count, endsAt };
  }
  return undefined;
}

function isEmpty(limits: Demand['limits']): boolean {
  return Object.keys(limits).length === 0;
}
