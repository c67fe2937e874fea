/**
 * Who is known to a domain, who has called once, and whom its people have written to. Kept in books of
 * the gateway under digests: nobody reads addresses out of them.
 */
import { createHash } from 'node:crypto';
import type { Book, PluginHost } from 'sluice-mx/plugin';

interface Address {
  readonly local: string;
  readonly domain: string;
}

const DAY_MS = 86_400_000;
/** Long enough for the slowest queue to try again. */
const CALLED = { ttl: 2 * DAY_MS, max: 200_000 };
/** Longer than a month: some write once in one. */
const KNOWN = { ttl: 60 * DAY_MS, max: 500_000 };

export class Acquaintances {
  readonly #called: Book;
  readonly #known: Book;
  readonly #written: Book;
  readonly #now: () => number;

  constructor(host: Pick<PluginHost, 'book' | 'now'>) {
    this.#called = host.book('called', CALLED);
    this.#known = host.book('known', KNOWN);
    this.#written = host.book('written', KNOWN);
    this.#now = () => host.now();
  }

  /** How long this one has to wait still, in ms; nothing for who is known, or becomes it now. */
  async meet(organisation: string, domain: string, delay: number): Promise<number> {
    const key = digest(organisation, domain);
    if ((await this.#known.get(key)) !== undefined) return 0;
    const now = this.#now();
    const first = await this.#called.putIfAbsent(key, String(now));
    if (first === undefined) return 0;
    // After a clock that was wrong and is set back nobody waits longer than from now on.
    if (Number(first) > now) await this.#called.put(key, String(now));
    const left = Math.min(Number(first), now) + delay - now;
    if (left > 0) return left;
    await this.#known.put(key, String(now));
    await this.#called.delete(key);
    return 0;
  }

  /** The destination has taken mail of this one. */
  async delivered(organisation: string, domain: string): Promise<void> {
    await this.#keep(this.#known, digest(organisation, domain));
  }

  /** Somebody of the domain writes to this address. */
  async writesTo(domain: string, to: Address): Promise<void> {
    await this.#keep(this.#written, digest(domain, `${to.local}@${to.domain}`));
  }

  async hasWrittenTo(domain: string, to: Address | null): Promise<boolean> {
    if (to === null) return false;
    return (await this.#written.get(digest(domain, `${to.local}@${to.domain}`))) !== undefined;
  }

  /** What was written within a day is good enough. */
  async #keep(book: Book, key: string): Promise<void> {
    const at = await book.get(key);
    const now = this.#now();
    if (at === undefined || now - Number(at) > DAY_MS) await book.put(key, String(now));
  }
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n').toLowerCase()).digest('base64url');
}
