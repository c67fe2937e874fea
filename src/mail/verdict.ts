/**
 * What a filter thinks of a transaction, as a value. Several verdicts of one stage combine into one:
 * the most severe wins, fields, scores and results of all are kept.
 */
import type { Reason } from './reason.ts';

/** A header field to prepend: name and unfolded value, both printable ASCII. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** What every verdict may carry beside its decision. */
export interface Evidence {
  /** Fields to prepend to the message, should it be accepted. */
  readonly fields?: readonly Field[];
  /** Weighted evidence of spam; all filters' scores add up and meet the domain's thresholds. */
  readonly score?: number;
  /** Names of the rules that matched. */
  readonly tests?: readonly string[];
  /** The sender's domain has shown that it sent this: reports of failure may go there. */
  readonly senderProven?: boolean;
  /** What counts besides when no filter has shown that the sender is who he says. */
  readonly unlessProven?: Plain;
  /** No filter of the service `spam` and no score counts against this mail. */
  readonly spamExempt?: SpamExemption;
  /** Facts for log and trace, such as `{ virus: 'Eicar-Test-Signature' }`. */
  readonly results?: Readonly<Record<string, string | number | boolean>>;
}

/** Whatever is known of the sender, or only when a filter has shown that he is who he says. */
export type SpamExemption = 'always' | 'if-proven';

/** A verdict that depends on nothing. */
export type Plain = Verdict & { readonly unlessProven?: never };

export type Verdict =
  | ({ readonly kind: 'pass' } & Evidence)
  | Against<'discard'>
  | Against<'quarantine'>
  | Against<'defer'>
  | Against<'refuse'>;

type Against<Kind extends string> = { readonly kind: Kind } & Refusal & Evidence;

export interface Refusal {
  readonly reason: Reason;
  /** One generic sentence for the client. */
  readonly text: string;
  /** Enhanced status code without its class, such as `7.1`; the class follows from the kind. */
  readonly detail?: string;
}

/** Rising severity: what must not be overruled by what. A refusal leaves nothing to quarantine. */
const SEVERITY: Record<Verdict['kind'], number> = {
  pass: 0,
  discard: 1,
  quarantine: 2,
  defer: 3,
  refuse: 4,
};

export const PASS: Verdict = { kind: 'pass' };

export function combine(verdicts: readonly Verdict[]): Verdict {
  let worst: Verdict = PASS;
  let score: number | undefined;
  let senderProven = false;
  const fields: Field[] = [];
  const tests: string[] = [];
  const results: Record<string, string | number | boolean> = {};
  for (const verdict of verdicts) {
    if (SEVERITY[verdict.kind] > SEVERITY[worst.kind]) worst = verdict;
    if (verdict.score !== undefined) score = (score ?? 0) + verdict.score;
    if (verdict.senderProven === true) senderProven = true;
    // A plugin that failed in three stages says so once.
    for (const field of verdict.fields ?? []) if (!isAmong(fields, field)) fields.push(field);
    for (const test of verdict.tests ?? []) tests.push(test);
    Object.assign(results, verdict.results);
  }
  const { unlessProven: _condition, spamExempt: _own, ...decision } = worst;
  const spamExempt = strongestExemption(verdicts);
  return {
    ...decision,
    ...{ fields, tests, results, senderProven },
    ...(score === undefined ? {} : { score }),
    ...(spamExempt === undefined ? {} : { spamExempt }),
  };
}

function isAmong(fields: readonly Field[], { name, value }: Field): boolean {
  return fields.some((one) => one.name === name && one.value === value);
}

export function strongestExemption(verdicts: readonly Verdict[]): SpamExemption | undefined {
  const said = verdicts.map(({ spamExempt }) => spamExempt);
  return said.includes('always') ? 'always' : said.find((one) => one !== undefined);
}

/** All that was said of a message, when nobody will say more. `isProven`: the sender is, whatever was said. */
export function conclude(verdicts: readonly Verdict[], isProven: boolean): Verdict {
  if (isProven || verdicts.some(({ senderProven }) => senderProven === true)) {
    return combine(verdicts);
  }
  return combine(verdicts.flatMap((one) => [one, ...(one.unlessProven ? [one.unlessProven] : [])]));
}

/** The more severe one; of two as severe the one with the higher score. */
export function gravest(one: Verdict, other: Verdict): Verdict {
  const difference = SEVERITY[other.kind] - SEVERITY[one.kind];
  if (difference !== 0) return difference > 0 ? other : one;
  return scoreOf(other) > scoreOf(one) ? other : one;
}

function scoreOf({ score, unlessProven }: Verdict): number {
  return (score ?? 0) + (unlessProven?.score ?? 0);
}
