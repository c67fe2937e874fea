/**
 * The round of a doctor: all checks side by side, within a bound, each with a deadline, told in the
 * order in which they were given. What goes wrong in a check is a finding of it and ends nothing.
 */
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import { Places } from '../base/places.ts';
import type { Finding, Group } from './finding.ts';
import { unsure } from './finding.ts';

export interface Check {
  readonly group: Group;
  /** In the words of a person who waits for it. */
  readonly about: string;
  look(signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface Told extends Finding {
  readonly group: Group;
  /** What it took to find out. */
  readonly ms: number;
}

export interface RoundOptions {
  readonly clock: Clock;
  /** Called after each check with how many are done and what is still open. */
  readonly onDone?: (done: number, open: readonly string[]) => void;
}

/** Most of them wait for somebody else. */
const AT_ONCE = 16;
/** Of those that are waited for. */
const NAMED = 3;
/** Above what each wait within a check has. */
const DEADLINE_MS = 30_000;

export async function* makeRound(
  checks: readonly Check[],
  { clock, onDone }: RoundOptions,
): AsyncGenerator<Told> {
  const places = new Places(AT_ONCE);
  const open = new Map(checks.map((check) => [check, check.about]));
  const results = checks.map((check) =>
    places.run(async () => {
      const told = await lookAt(check, clock);
      open.delete(check);
      onDone?.(checks.length - open.size, firstOf(open.values()));
      return told;
    }),
  );
  for (const result of results) yield* await result;
}

async function lookAt(check: Check, clock: Clock): Promise<readonly Told[]> {
  const { group, about } = check;
  const startedAt = clock.mono();
  const look = (signal: AbortSignal) => check.look(signal);
  const found = await withDeadline(clock, DEADLINE_MS, about, look).catch((error: unknown) => [
    unsure(about, errorText(error)),
  ]);
  const ms = Math.round(clock.mono() - startedAt);
  return found.map((finding) => ({ ...finding, group, ms }));
}

/** Without a copy of all of them each time. */
function firstOf(names: Iterable<string>): string[] {
  const first: string[] = [];
  for (const name of names) if (first.push(name) === NAMED) break;
  return first;
}
