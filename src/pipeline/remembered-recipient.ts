/**
 * One entry of the recipient memory: its stored form, and what a new word makes of an old one. A
 * word of a stronger origin is not weakened by a later one; the destination's own words keep it
 * fresh, whoever said it first.
 */
import { currentKey } from '../directory/destination-key.ts';

/**
 * From weak to strong. `sent`: an account of the domain writes under this address; `asked`: at RCPT;
 * `delivered`: took real mail; `ldap`: the directory has it; `imported`: an operator brought it in;
 * `pinned`: an operator says so, whatever the destination says.
 */
export const ORIGINS = ['sent', 'asked', 'delivered', 'ldap', 'imported', 'pinned'] as const;
export type Origin = (typeof ORIGINS)[number];

interface Moment {
  readonly at: number;
  /** How long the destination had been down by then, in all. */
  readonly stoppedMs: number;
}

export interface Stored extends Moment {
  readonly answer: 'known' | 'unknown';
  readonly origin: Origin;
  readonly destination: string;
  /** Missing in old entries, whose key it is. */
  readonly recipient?: string;
  /** When the destination itself said so last. */
  readonly asked?: Moment;
  /** Of an unknown one who had been known here: when he was not any more. */
  readonly leftAt?: number;
}

export function isFromPerson(origin: Origin): boolean {
  return origin === 'imported' || origin === 'pinned';
}

/** Or from the directory that speaks for it. */
export function isFromDestination(origin: Origin): boolean {
  return origin === 'asked' || origin === 'delivered' || origin === 'ldap';
}

export function isAsStrong(origin: Origin, other: Origin): boolean {
  return ORIGINS.indexOf(origin) >= ORIGINS.indexOf(other);
}

/** `now` is newer; the two may differ in their answer, then only `now` counts. */
export function merged(before: Stored | undefined, now: Stored): Stored {
  const same = before?.answer === now.answer && before.origin !== 'pinned' ? before : undefined;
  const { at, stoppedMs } = now;
  const asked = isFromDestination(now.origin) ? { at, stoppedMs } : same?.asked;
  return {
    ...now,
    origin: same === undefined || isAsStrong(now.origin, same.origin) ? now.origin : same.origin,
    ...(asked !== undefined && { asked }),
  };
}

export function encode(stored: Stored): Buffer {
  return Buffer.from(JSON.stringify(stored));
}

export function decode(bytes: Uint8Array): Stored | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString()) as Partial<Stored>; // stored by us
    const { answer, at, stoppedMs, destination, recipient } = value;
    const origin = ORIGINS.find((known) => known === value.origin);
    if ((answer !== 'known' && answer !== 'unknown') || origin === undefined) return undefined;
    if (typeof at !== 'number' || typeof stoppedMs !== 'number' || destination === undefined) {
      return undefined;
    }
    const asked =
      momentOf(value.asked) ?? (isFromDestination(origin) ? { at, stoppedMs } : undefined);
    return {
      answer,
      origin,
      at,
      stoppedMs,
      destination: currentKey(destination),
      ...(recipient !== undefined && { recipient }),
      ...(asked !== undefined && { asked }),
      ...(typeof value.leftAt === 'number' && { leftAt: value.leftAt }),
    };
  } catch {
    return undefined; // a damaged entry is a forgotten one
  }
}

function momentOf(value: Partial<Moment> | undefined): Moment | undefined {
  if (typeof value?.at !== 'number' || typeof value.stoppedMs !== 'number') return undefined;
  return { at: value.at, stoppedMs: value.stoppedMs };
}
