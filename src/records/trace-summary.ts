/**
 * Says in one line what became of a message: who, to whom, with what result. Pure functions over the
 * events of a session or a record. A result has two phases:
 * what the client was told, then what became of what was accepted (`accepted/deferred`).
 */
import type { TraceEvent } from '../base/session-traces.ts';
import { isPermanent } from '../mail/reply.ts';
import type { RecipientOutcome, Told } from './results.ts';
import { NO_MAIL, OPEN, OUTCOME_OF, OUTCOMES, PARTIAL, QUEUED, TAKEN, TOLD } from './results.ts';

export interface TraceRow {
  readonly at: number;
  /** Message id, or session id when it never came to a message. */
  readonly id: string;
  readonly dir: string;
  /** Empty for the null reverse-path; undefined when the client never came to say one. */
  readonly from: string | undefined;
  /** Recipients that were taken, separated by commas; a refused one only when there is no other. */
  readonly to: string;
  /** How many were taken: `to` names the first of them only. */
  readonly rcpts?: number;
  readonly result: string;
  /** How many recipients each last outcome has, when they differ. */
  readonly outcomes?: Readonly<Record<string, number>>;
  readonly why: string;
  /** The client's address. */
  readonly client: string;
}

/** In place of a recipient. */
const ALL = '';

export function summary(
  id: string,
  events: readonly TraceEvent[],
  own: readonly TraceEvent[],
): TraceRow {
  const first = (name: string, from = events): string => {
    const found = from.find(({ fields }) => textOf(fields[name]) !== '');
    return textOf(found?.fields[name]);
  };
  const telling = own.length > 0 ? own : events;
  const taken = telling.filter(({ evt }) => !evt.startsWith('smtp.reject.'));
  const came = telling.filter(({ evt }) => evt === 'msg.in');
  const { result, why, outcomes } = resultOf(telling);
  const rcpts = Number.parseInt(first('rcpts', came), 10) || undefined;
  return {
    at: telling[0]?.at ?? 0,
    id,
    dir: first('dir') || (telling[0]?.evt === 'dsn.out' ? 'out' : 'in'),
    from: telling.some(({ fields }) => fields['from'] !== undefined)
      ? first('from', telling)
      : undefined,
    to: first('to', came) || first('to', taken) || first('to', telling),
    ...(rcpts !== undefined && { rcpts }),
    // A session is recorded when it has ended, a message also before it has been answered.
    result: result === OPEN && !id.includes('.') ? NO_MAIL : result,
    ...(outcomes && { outcomes }),
    why,
    client: first('ip'),
  };
}

interface Result {
  readonly result: string;
  readonly why: string;
  readonly outcomes?: Readonly<Record<string, number>>;
}

export function resultOf(events: readonly TraceEvent[]): Result {
  let told: Told | undefined;
  const ends: string[] = [];
  let parts = 1;
  let why = '';
  const outcomes = new Map<string, RecipientOutcome>();
  for (const { evt, fields } of events) {
    why = textOf(fields['why']) || why;
    const result = textOf(fields['res']);
    if (evt === 'msg.in') told = toldBy(result);
    else if (evt === 'dsn.out') told = TOLD.accept;
    else if (evt === 'msg.done') ends.push(result);
    else if (evt === 'msg.part') parts += 1;
    else if (evt === 'quar.add' && fields['late'] === true) keepAll(outcomes);
    else if (evt === 'quar.release') outcomes.delete(ALL);
    else if (evt.startsWith('smtp.reject.')) told ??= refusedWith(fields['code']);
    const outcome = OUTCOME_OF[evt];
    if (outcome !== undefined) outcomes.set(textOf(fields['to']), outcome);
  }
  const counts = countsOf(outcomes.values());
  // Of several the one that a person must look at is the result.
  const done = ends.length < parts ? '' : endOf(ends);
  const later = done || OUTCOMES.find((outcome) => outcome in counts);
  if (told === undefined) {
    if (later === undefined) return { result: OPEN, why };
    told = TOLD.accept;
  }
  // Held is what a quarantine does; what became of it afterwards is news.
  const isHeld = told === TOLD.quarantine && (later === undefined || later === 'held');
  if (isHeld || !TAKEN.includes(told)) return { result: told, why };
  return {
    result: `${told}/${later ?? QUEUED}`,
    why: later === 'delivered' ? '' : why,
    ...(Object.keys(counts).length > 1 && { outcomes: counts }),
  };
}

/** It was accepted, and filters had something against it later. */
function keepAll(outcomes: Map<string, RecipientOutcome>): void {
  for (const to of [...outcomes.keys(), ALL]) outcomes.set(to, 'quarantined');
}

/** Of a message in parts each has its own. */
function endOf(ends: readonly string[]): string {
  const [first = ''] = ends;
  return ends.every((end) => end === first) ? first : PARTIAL;
}

function countsOf(words: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function toldBy(verb: string): Told {
  return Object.hasOwn(TOLD, verb) ? TOLD[verb as keyof typeof TOLD] : TOLD.accept; // it has it
}

function refusedWith(code: unknown): Told {
  return typeof code === 'number' && isPermanent({ code }) ? TOLD.reject : TOLD.tempfail;
}
