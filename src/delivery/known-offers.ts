/**
 * What destinations have offered lately, as far as that decides whether a message can go there at
 * all. Learnt from each connection, in memory, bounded, and soon forgotten: who was upgraded is known
 * with the next connection. It never says of a destination that it lacks something when one of its
 * hosts has offered it meanwhile; not to know is the usual answer.
 */
import type { Clock } from '../base/clock.ts';

const REMEMBERED_MS = 3_600_000;
/** More destinations push out those that were connected to longest ago. */
const MAX_REMEMBERED = 10_000;

/** `smtpUtf8`: RFC 6531 3.2. `requireTls`: with all that RFC 8689 4.2.1 asks for. */
export type Ability = 'smtpUtf8' | 'requireTls';

interface Seen {
  readonly lackedAt: number;
  readonly offeredAt: number;
}

export class KnownOffers {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Readonly<Record<Ability, Seen>>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A host of the destination has answered EHLO; undefined where that told nothing. */
  observe(destination: string, shown: Readonly<Record<Ability, boolean | undefined>>): void {
    const before = this.#seen.get(destination) ?? NOTHING_SEEN;
    this.#seen.delete(destination);
    const oldest = this.#seen.size < MAX_REMEMBERED ? undefined : this.#seen.keys().next().value;
    if (oldest !== undefined) this.#seen.delete(oldest);
    this.#seen.set(destination, {
      smtpUtf8: this.#updated(before.smtpUtf8, shown.smtpUtf8),
      requireTls: this.#updated(before.requireTls, shown.requireTls),
    });
  }

  /** True when mail that needs it is of no use there. */
  lacks(ability: Ability, destination: string): boolean {
    const { lackedAt, offeredAt } = (this.#seen.get(destination) ?? NOTHING_SEEN)[ability];
    const since = this.#clock.mono() - REMEMBERED_MS;
    return lackedAt > since && offeredAt <= since;
  }

  #updated(before: Seen, isOffered: boolean | undefined): Seen {
    if (isOffered === undefined) return before;
    const now = this.#clock.mono();
    return isOffered ? { ...before, offeredAt: now } : { ...before, lackedAt: now };
  }
}

const NEVER: Seen = { lackedAt: -Infinity, offeredAt: -Infinity };
const NOTHING_SEEN: Readonly<Record<Ability, Seen>> = { smtpUtf8: NEVER, requireTls: NEVER };
