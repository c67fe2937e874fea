/**
 * How much accounts and domains may send: connections, messages, recipients and recipients that are
 * new to an account, in calendar windows of the domain's time zone, and the relay limit of each
 * domain and day. What a message takes is counted before its content is accepted and given back when
 * it is not, so of what was accepted there is never more than the limit. What has no limit is counted
 * when a message was accepted.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account, Outgoing } from '../directory/account.ts';
import type { Counts, CounterStore, Demand, Refused } from '../store/counter-store.ts';
import { Allowances } from './allowances.ts';
import type { Taken } from './allowances.ts';
import { countKey, domainKey, identityKey } from './counter-keys.ts';
import type { KindDemand } from './mail-kinds.ts';
import { PlainCounts } from './plain-counts.ts';

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
}

/** What one message that was accepted adds to what has no limit. */
export interface Sent {
  readonly recipients: number;
  readonly identity: string | undefined;
}

export interface Reservation {
  /** Undefined: all of it was granted. */
  readonly refused: Refused | undefined;
  /** The message was not accepted. */
  giveBack(): void;
}

export interface RelayNews {
  readonly domain: string;
  readonly event: 'near' | 'reached';
  readonly used: number;
  readonly limit: number;
  readonly endsAt: number;
}

export interface LimitsOptions {
  readonly counters: Pick<CounterStore, 'take' | 'giveBack' | 'peek'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears when the relay limit of a domain is reached or four fifths of it are, each time. */
  readonly onRelay?: (news: RelayNews) => void;
}

/** From here on people are warned. */
const NEAR = 0.8;
/** What was told already, by the end of its window. */
const MAX_TOLD = 10_000;

export class Limits {
  readonly #options: LimitsOptions;
  readonly #told = new Map<string, number>();
  readonly #allowances: Allowances;
  readonly #plain: PlainCounts;

  constructor(options: LimitsOptions) {
    const { log } = options;
    this.#options = options;
    const onFault = (error: unknown) => log.emit('store.error', { err: errorText(error) });
    this.#allowances = new Allowances({ ...options, onFault });
    this.#plain = new PlainCounts({ ...options, onFault });
  }

  /** Counts a connection of an account; undefined: it may come. Rejects on storage trouble. */
  async connection({ account, outgoing }: Sender): Promise<Refused | undefined> {
    const limits = account.limits.connections;
    if (isEmpty(limits)) return undefined;
    const key = countKey('connections', account.name);
    const taken = await this.#allowances.take({ key, timeZone: outgoing.timeZone, limits }, 1);
    if (taken.kind === 'taken') return undefined;
    this.#reached(account, taken);
    return taken;
  }

  /** Whether a message of this size has room now; it takes nothing. Rejects on storage trouble. */
  async lacks(sender: Sender, need: Need): Promise<Refused | undefined> {
    for (const { demand, by } of demandsOf(sender, need)) {
      if (this.#allowances.inHand(demand) >= by) continue;
      const counts = await this.#allowances.counts(demand.key);
      const refused = beyond(demand, counts, by);
      if (refused === undefined) continue;
      this.#reached(sender.account, refused);
      return refused;
    }
    return undefined;
  }

  /** All of it or nothing. Rejects on storage trouble; then nothing is counted for good. */
  reserve(sender: Sender, need: Need): Promise<Reservation> {
    return this.#reserve(sender, demandsOf(sender, need));
  }

  /** A message was accepted. Nobody waits for these counts. */
  sent({ account, outgoing: { timeZone } }: Sender, { recipients, identity }: Sent): void {
    const { name, limits } = account;
    const unlimited = { timeZone, limits: { day: Infinity } };
    if (isEmpty(limits.recipients)) {
      this.#plain.add({ ...unlimited, key: countKey('recipients', name) }, recipients);
    }
    if (identity === undefined) return;
    const key = identityKey(name, identity);
    this.#plain.add({ ...unlimited, key, isOpen: true }, recipients);
  }

  /** The same for what is counted beside the limits of the account. */
  reserveKind(sender: Sender, demands: readonly KindDemand[]): Promise<Reservation> {
    const { timeZone } = sender.outgoing;
    const wanted = demands.map(({ by, ...demand }) => ({ demand: { ...demand, timeZone }, by }));
    return this.#reserve(sender, wanted);
  }

  async #reserve(sender: Sender, wanted: readonly Wanted[]): Promise<Reservation> {
    const taken: Taken[] = [];
    const giveBack = () => {
      for (const one of taken.splice(0)) this.#allowances.giveBack(one);
    };
    const results = await Promise.allSettled(
      wanted.map(({ demand, by }) => this.#allowances.take(demand, by)),
    );
    let refused: Refused | undefined;
    let fault: unknown;
    let isNews = false;
    for (const result of results) {
      if (result.status === 'rejected') fault ??= result.reason;
      else if (result.value.kind === 'taken') {
        taken.push(result.value);
        isNews ||= result.value.isFilled;
      } else refused ??= result.value;
    }
    if (fault !== undefined || refused !== undefined) giveBack();
    if (fault !== undefined) throw fault as Error;
    if (refused !== undefined) this.#reached(sender.account, refused);
    else if (isNews) await this.#near(sender);
    return { refused, giveBack };
  }

  /** What an account or a domain has used in the windows that are on. */
  async counts(key: string): Promise<Counts> {
    await this.settle();
    return this.#allowances.counts(key);
  }

  /** Writes what has no limit, so that the store can be looked through. */
  settle(): Promise<void> {
    return this.#plain.settle();
  }

  /** Nothing more is sent: what was taken ahead goes back. */
  async stop(): Promise<void> {
    await Promise.all([this.#plain.settle(), this.#allowances.stop()]);
  }

  async #near({ account, outgoing }: Sender): Promise<void> {
    const { day } = await this.#allowances.counts(domainKey(account.domain));
    if (day === undefined || day.count < outgoing.relayPerDay * NEAR) return;
    if (!this.#isNews(`near ${account.domain}`, day.endsAt)) return;
    this.#options.log.emit('acct.near', {
      ...{ acct: account.name, dom: account.domain, what: 'relay', window: 'day' },
      ...{ used: day.count, limit: outgoing.relayPerDay },
      until: new Date(day.endsAt).toISOString(),
    });
    const { count: used, endsAt } = day;
    const { domain } = account;
    this.#options.onRelay?.({ domain, event: 'near', used, limit: outgoing.relayPerDay, endsAt });
  }

  /** The refusals themselves have lines of their own. */
  #reached(account: Account, { key, window, limit, count, endsAt }: Refused): void {
    const [what = ''] = key.split('\t');
    if (!this.#isNews(`${key} ${window}`, endsAt)) return;
    this.#options.log.emit('acct.limit', {
      ...{ acct: account.name, dom: account.domain, what, window, used: count, limit },
      until: new Date(endsAt).toISOString(),
    });
    if (what !== 'relay') return;
    const { domain } = account;
    this.#options.onRelay?.({ domain, event: 'reached', used: count, limit, endsAt });
  }

  /** Remembers it, so that it is told once for each window. */
  #isNews(what: string, endsAt: number): boolean {
    if (this.#told.get(what) === endsAt) return false;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(what, endsAt);
    return true;
  }
}

interface Wanted {
  readonly demand: Demand;
  readonly by: number;
}

/** What must be had together. */
function demandsOf({ account, outgoing }: Sender, { recipients, newRecipients }: Need): Wanted[] {
  const { name, domain, limits } = account;
  const { timeZone, relayPerDay } = outgoing;
  const wanted: Wanted[] = [];
  const add = (key: string, windows: Demand['limits'], by: number) => {
    if (by > 0) wanted.push({ demand: { key, timeZone, limits: windows }, by });
  };
  add(domainKey(domain), { day: relayPerDay }, recipients);
  if (!isEmpty(limits.recipients)) {
    add(countKey('recipients', name), { day: Infinity, ...limits.recipients }, recipients);
  }
  if (!isEmpty(limits.messages)) add(countKey('messages', name), limits.messages, 1);
  if (!isEmpty(limits.newRecipients)) {
    add(countKey('new-recipients', name), limits.newRecipients, newRecipients);
  }
  return wanted;
}

function beyond({ key, limits }: Demand, counts: Counts, by: number): Refused | undefined {
  for (const window of Object.keys(limits) as (keyof typeof limits)[]) {
    const limit = limits[window] ?? Infinity;
    const { count = 0, endsAt = 0 } = counts[window] ?? {};
    if (count + by <= limit) continue;
    // What the message has had room for until now is used as well.
    const used = Math.max(count, Math.min(limit, count + by - 1));
    return { kind: 'refused', key, window, limit, count: used, endsAt };
  }
  return undefined;
}

function isEmpty(limits: Demand['limits']): boolean {
  return Object.keys(limits).length === 0;
}
