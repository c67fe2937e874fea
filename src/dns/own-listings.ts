/**
 * Whether our own addresses stand on block lists, asked from time to time (RFC 5782): who is listed hears
 * of it before his customers do. A list that does not answer, or answers that it may not be asked, says
 * nothing; what was known stays.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { FilterResolver } from './resolver.ts';
import { reverseName } from './reverse-name.ts';

export interface Listing {
  readonly address: string;
  /** The zone of the list. */
  readonly list: string;
  /** When it was found out, milliseconds since the epoch. */
  readonly since: number;
  /** The list's own words, if it has any. */
  readonly text: string;
}

export interface OwnListingsOptions {
  readonly resolver: Pick<FilterResolver, 'a' | 'txt'>;
  /** Both as in force now. */
  readonly addresses: () => Promise<readonly string[]>;
  readonly lists: () => readonly string[];
  readonly clock: Clock;
}

const EVERY_MS = 30 * 60_000;
/** Soon after the start. */
const FIRST_MS = 1000;
/** Nobody has more; each is a question to each list. */
const MAX_ADDRESSES = 100;
const MAX_TEXT = 200;

export class OwnListings {
  readonly #options: OwnListingsOptions;
  #listings: readonly Listing[] = [];
  #timer: Timer | undefined;
  #isOn = false;

  constructor(options: OwnListingsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isOn = true;
    this.#next(FIRST_MS);
  }

  stop(): void {
    this.#isOn = false;
    this.#timer?.stop();
  }

  get listings(): readonly Listing[] {
    return this.#listings;
  }

  #next(ms: number): void {
    if (!this.#isOn) return;
    this.#timer = this.#options.clock.timer(ms, () => {
      void this.#look().finally(() => this.#next(EVERY_MS));
    });
  }

  async #look(): Promise<void> {
    const { addresses, lists, resolver, clock } = this.#options;
    const zones = lists();
    const own = zones.length === 0 ? [] : (await addresses()).slice(0, MAX_ADDRESSES);
    const found: Listing[] = [];
    // One after the other: there is no hurry, and lists count their questions.
    for (const address of own) {
      for (const list of zones) {
        const known = this.#listings.find((one) => one.address === address && one.list === list);
        const answer = await askList(address, list, resolver);
        if (answer === 'unsure') found.push(...(known === undefined ? [] : [known]));
        else if (answer !== 'absent') {
          found.push({ address, list, since: known?.since ?? clock.now(), text: answer.text });
        }
      }
    }
    this.#listings = found;
  }
}

/** `absent`: it is not on the list. */
export async function askList(
  address: string,
  list: string,
  resolver: Pick<FilterResolver, 'a' | 'txt'>,
): Promise<'absent' | 'unsure' | { readonly text: string }> {
  const name = `${reverseName(address).replace(/\.(?:in-addr|ip6)\.arpa$/, '')}.${list}`;
  const lookup = await resolver.a(name);
  if (lookup.kind === 'unsure') return 'unsure';
  if (lookup.kind !== 'found') return 'absent';
  const codes = lookup.records.map((record) => record.address);
  // 127.255.255.x: who asks may not; anything else but 127.0.0.0/8 is no list any more.
  const isListed = codes.some((code) => code.startsWith('127.') && !code.startsWith('127.255.'));
  if (!isListed) return 'unsure';
  const texts = await resolver.txt(name);
  const [said] = texts.kind === 'found' ? texts.records : [];
  return { text: (said ?? codes.join(', ')).slice(0, MAX_TEXT) };
}
