/**
 * What destinations have offered lately, as far as that decides whether a message can go there at
 * all. Learnt from each connection, in memory, bounded, and soon forgotten: who was upgraded is known
 * with the next connection. It never says of a destination that it lacks something when one of its
 * hosts has offered it meanwhile; not to know is the usual answer.
 */
import type { Clock } from '../base/clock.ts';
import type { Offers } from '../smtp/client-commands.ts';

const REMEMBERED_MS = 3_600_000;
/** More destinations push out those that were connected to longest ago. */
const MAX_REMEMBERED = 10_000;

interface Seen {
  readonly lackedAt: number;
  readonly offeredAt: number;
}

export class KnownOffers {
  readonly #clock: Clock;
  readonly #smtpUtf8 = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A host of the destination has answered EHLO. */
  observe(destination: string, offers: Offers): void {
    const now = this.#clock.mono();
    const { lackedAt, offeredAt } = this.#smtpUtf8.get(destination) ?? NEVER_SEEN;
    this.#smtpUtf8.delete(destination);
    const oldest =
      this.#smtpUtf8.size < MAX_REMEMBERED ? undefined : this.#smtpUtf8.keys().next().value;
    if (oldest !== undefined) this.#smtpUtf8.delete(oldest);
    this.#smtpUtf8.set(
      destination,
      offers.smtpUtf8 ? { lackedAt, offeredAt: now } : { lackedAt: now, offeredAt },
    );
  }

  /** True when addresses beyond ASCII are of no use there (RFC 6531 3.2). */
  lacksSmtpUtf8(destination: string): boolean {
    const { lackedAt, offeredAt } = this.#smtpUtf8.get(destination) ?? NEVER_SEEN;
    const since = this.#clock.mono() - REMEMBERED_MS;
    return lackedAt > since && offeredAt <= since;
  }
}

const NEVER_SEEN: Seen = { lackedAt: -Infinity, offeredAt: -Infinity };
