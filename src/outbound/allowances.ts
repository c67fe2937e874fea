/**
 * Counts taken from the store ahead of need, some at a time, so that a message costs no write to
 * disk: what is in hand was granted and is durable, and is handed out here. Never more is handed out
 * than was granted; a crash loses what was in hand, and then less may be sent than the limit. Near
 * the limit nothing is taken ahead. What is left goes back when its window ends, when the limit is
 * changed, and at the end.
 */
import type { Clock } from '../base/clock.ts';
import type { Counts, CounterStore, Demand, Granted, Refused } from '../store/counter-store.ts';

interface Lot {
  readonly granted: Granted;
  readonly validUntil: number;
  /** The limits under which it was granted. */
  readonly limits: string;
  left: number;
}

interface Stock {
  readonly key: string;
  readonly lots: Lot[];
  filling: Promise<Refused | undefined> | undefined;
}

export interface Taken {
  readonly kind: 'taken';
  readonly stock: string;
  readonly parts: readonly { readonly lot: Lot; readonly by: number }[];
  /** The store was asked for it. */
  readonly isFilled: boolean;
}

export interface AllowancesOptions {
  readonly counters: Pick<CounterStore, 'take' | 'giveBack' | 'peek'>;
  readonly clock: Clock;
  /** Of giving back, which nobody waits for. */
  readonly onFault: (error: unknown) => void;
}

/** Of what is left until the limit, one part in so many is taken ahead, ... */
const SHARE = 50;
/** ... and never more than this. */
const MOST = 1000;
/** Of stocks; the one not used for longest goes back. */
const MAX_STOCKS = 10_000;

export class Allowances {
  readonly #options: AllowancesOptions;
  /** In the order of last use. */
  readonly #stocks = new Map<string, Stock>();
  readonly #returning = new Set<Promise<void>>();

  constructor(options: AllowancesOptions) {
    this.#options = options;
  }

  /** All of it or nothing. Rejects on storage trouble. */
  async take(demand: Demand, by: number): Promise<Taken | Refused> {
    const stock = this.#stock(demand.key);
    const limits = markOf(demand);
    let isFilled = false;
    for (;;) {
      const parts = this.#consumed(stock, limits, by);
      if (parts !== undefined) {
        if (isLow(stock)) isFilled ||= this.#refill(stock, demand);
        return { kind: 'taken', stock: stock.key, parts, isFilled };
      }
      if (stock.filling !== undefined) {
        await stock.filling.catch(() => undefined);
        continue;
      }
      const filling = this.#fill(stock, demand, by);
      stock.filling = filling;
      try {
        const refused = await filling;
        if (refused !== undefined) return refused;
      } finally {
        stock.filling = undefined;
      }
      isFilled = true;
    }
  }

  giveBack({ stock, parts }: Taken): void {
    for (const { lot, by } of parts) {
      if (this.#stocks.get(stock)?.lots.includes(lot) === true) lot.left += by;
      else this.#return(lot, by);
    }
  }

  inHand(demand: Demand): number {
    const limits = markOf(demand);
    const now = this.#options.clock.now();
    const lots = this.#stocks.get(demand.key)?.lots ?? [];
    return sumOf(lots.filter((lot) => isGood(lot, limits, now)));
  }

  /** What was really used. */
  async counts(key: string): Promise<Counts> {
    // What is just being taken is counted already and not yet in hand.
    await this.#stocks.get(key)?.filling?.catch(() => undefined);
    const counts = await this.#options.counters.peek(key);
    const left = sumOf(this.#stocks.get(key)?.lots ?? []);
    if (left === 0) return counts;
    return Object.fromEntries(
      Object.entries(counts).map(([window, { count, endsAt }]) => {
        return [window, { count: Math.max(0, count - left), endsAt }];
      }),
    );
  }

  /** Gives all of it back. */
  async stop(): Promise<void> {
    for (const { filling } of this.#stocks.values()) await filling?.catch(() => undefined);
    for (const stock of this.#stocks.values()) this.#empty(stock);
    this.#stocks.clear();
    await Promise.all(this.#returning);
  }

  #stock(key: string): Stock {
    const known = this.#stocks.get(key);
    const stock = known ?? { key, lots: [], filling: undefined };
    this.#stocks.delete(key);
    this.#stocks.set(key, stock);
    if (known !== undefined) return stock;
    for (const oldest of this.#stocks.values()) {
      if (this.#stocks.size <= MAX_STOCKS) break;
      this.#stocks.delete(oldest.key);
      this.#empty(oldest);
    }
    return stock;
  }

  #consumed(stock: Stock, limits: string, by: number): Taken['parts'] | undefined {
    const { lots } = stock;
    const now = this.#options.clock.now();
    const good = lots.filter((lot) => isGood(lot, limits, now));
    // Who has more brought counts on what there is: under other limits than these it is his.
    if (good.length < lots.length && stock.filling === undefined) {
      for (const lot of lots.splice(0)) if (!good.includes(lot)) this.#return(lot, lot.left);
      lots.push(...good);
    }
    if (sumOf(good) < by) return undefined;
    const parts: { lot: Lot; by: number }[] = [];
    let rest = by;
    for (const lot of good) {
      const part = Math.min(rest, lot.left);
      if (part === 0) continue;
      lot.left -= part;
      rest -= part;
      parts.push({ lot, by: part });
    }
    while (lots.length > 1 && lots[0]?.left === 0) lots.shift();
    return parts;
  }

  /** Before it is empty, so that nobody need wait. Says whether it has begun. */
  #refill(stock: Stock, demand: Demand): boolean {
    if (stock.filling !== undefined) return false;
    const filling = this.#more(stock, demand).finally(() => {
      stock.filling = undefined;
    });
    stock.filling = filling;
    // Trouble meets whoever finds it empty.
    filling.catch(() => undefined);
    return true;
  }

  async #more(stock: Stock, demand: Demand): Promise<undefined> {
    const { counters } = this.#options;
    const ahead = aheadOf(demand, await counters.peek(demand.key));
    if (ahead === 0) return;
    const taken = await counters.take([demand], ahead);
    if (taken.kind === 'granted') await this.#keep(stock, demand, taken);
  }

  async #fill(stock: Stock, demand: Demand, by: number): Promise<Refused | undefined> {
    const { counters } = this.#options;
    const need = by - this.inHand(demand);
    const ahead = aheadOf(demand, await counters.peek(demand.key));
    let taken = await counters.take([demand], need + ahead);
    if (taken.kind === 'refused' && ahead > 0) taken = await counters.take([demand], need);
    if (taken.kind === 'refused') return taken;
    await this.#keep(stock, demand, taken);
    return undefined;
  }

  async #keep(stock: Stock, demand: Demand, taken: Granted): Promise<void> {
    const { counters } = this.#options;
    const counts = await counters.peek(demand.key);
    const ends = taken.taken.map(({ window }) => counts[window]?.endsAt ?? 0);
    const lot: Lot = {
      granted: taken,
      validUntil: Math.min(...ends),
      limits: markOf(demand),
      left: taken.by,
    };
    // Whoever was pushed out meanwhile is not looked at again.
    if (this.#stocks.get(stock.key) === stock) stock.lots.push(lot);
    else stock.lots.splice(0, stock.lots.length, lot);
  }

  #empty({ lots }: Stock): void {
    for (const lot of lots.splice(0)) this.#return(lot, lot.left);
  }

  #return(lot: Lot, by: number): void {
    if (by === 0) return;
    const { counters, onFault } = this.#options;
    const returning = counters
      .giveBack(lot.granted, by)
      .catch(onFault)
      .finally(() => this.#returning.delete(returning));
    this.#returning.add(returning);
  }
}

/** Less is in hand than half of what was taken last. */
function isLow({ lots }: Stock): boolean {
  const last = lots.at(-1);
  return last !== undefined && lots.length === 1 && last.left < last.granted.by / 2;
}

function sumOf(lots: readonly Lot[]): number {
  return lots.reduce((sum, { left }) => sum + left, 0);
}

function isGood(lot: Lot, limits: string, now: number): boolean {
  return lot.validUntil > now && lot.limits === limits;
}

function markOf({ limits }: Demand): string {
  let mark = '';
  for (const window in limits) mark += `${window}${limits[window as keyof typeof limits]} `;
  return mark;
}

function aheadOf({ limits }: Demand, counts: Counts): number {
  let most = MOST;
  for (const window of Object.keys(limits) as (keyof typeof limits)[]) {
    const { count = 0 } = counts[window] ?? {};
    most = Math.min(most, ((limits[window] ?? Infinity) - count) / SHARE);
  }
  return Math.max(0, Math.floor(most));
}
