/**
 * What destinations have offered lately, as far as that decides whether a message can go there at
 * all. Learnt from each connection, in memory, bounded, and soon forgotten: who was upgraded is known
 * with the next connection. It says of a destination that it lacks something only when each of its
 * hosts has shown that, and none has offered it meanwhile; not to know is the usual answer.
 */
import type { Clock } from '../base/clock.ts';

const REMEMBERED_MS = 3_600_000;
/** More destinations push out those that were connected to longest ago. */
const MAX_REMEMBERED = 10_000;

/** `smtpUtf8`: RFC 6531 3.2. `requireTls`: with all that RFC 8689 4.2.1 asks for. */
export type Ability = 'smtpUtf8' | 'requireTls';

interface Seen {
  readonly offeredAt: number;
  /** When each host that lacks it was last seen, the latest at the end. */
  readonly lackedAt: ReadonlyMap<string, number>;
}

/** One of the hosts of a destination. */
export interface KnownHost {
  readonly name: string;
  /** How many hosts the destination has. */
  readonly of: number;
}

interface Known extends Readonly<Record<Ability, Seen>> {
  readonly hosts: number;
}

export class KnownOffers {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A host of the destination has answered EHLO; undefined where that told nothing. */
  observe(
    destination: string,
    host: KnownHost,
    shown: Readonly<Record<Ability, boolean | undefined>>,
  ): void {
    const before = this.#known.get(destination) ?? NOTHING_KNOWN;
    this.#known.delete(destination);
    const oldest = this.#known.size < MAX_REMEMBERED ? undefined : this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(destination, {
      hosts: host.of,
      smtpUtf8: this.#updated(before.smtpUtf8, host, shown.smtpUtf8),
      requireTls: this.#updated(before.requireTls, host, shown.requireTls),
    });
  }

  /** True when mail that needs it is of no use there. */
  lacks(ability: Ability, destination: string): boolean {
    const { hosts, [ability]: seen } = this.#known.get(destination) ?? NOTHING_KNOWN;
    const since = this.#clock.mono() - REMEMBERED_MS;
    const lacking = [...seen.lackedAt.values()].filter((at) => at > since);
    return lacking.length >= hosts && seen.offeredAt <= since;
  }

  #updated(before: Seen, { name, of }: KnownHost, isOffered: boolean | undefined): Seen {
    if (isOffered === undefined) return before;
    const now = this.#clock.mono();
    const others = [...before.lackedAt].filter(([other]) => other !== name);
    if (isOffered) return { offeredAt: now, lackedAt: new Map(others) };
    // Hosts found by MX may be others each time: no more are kept than there are.
    return { ...before, lackedAt: new Map([...others, [name, now] as const].slice(-of)) };
  }
}

const NEVER: Seen = { offeredAt: -Infinity, lackedAt: new Map() };
const NOTHING_KNOWN: Known = { hosts: Infinity, smtpUtf8: NEVER, requireTls: NEVER };
