/** From what was found to a verdict: each finding by the action that its rule has. Asks nobody. */
import type { Action, Reason, Verdict } from 'sluice-mx/plugin';

export interface RuleFinding<Rule extends string = string> {
  readonly rule: Rule;
  readonly reason: Reason;
  /** RFC 3463 and 7372, without the class. */
  readonly detail: string;
  readonly text: string;
}

/** `prefix`: of the names of the tests. `mayRefuse`: the recipient does not take mail from everybody. */
export function judgedByActions<Rule extends string>(
  found: readonly RuleFinding<Rule>[],
  actions: Readonly<Record<Rule, Action>>,
  { prefix = '', mayRefuse = true } = {},
): NonNullable<Verdict['unlessProven']> | undefined {
  const counting = found.filter(({ rule }) => actions[rule] !== 'off');
  if (counting.length === 0) return undefined;
  const points = counting.map(({ rule }) => actions[rule]).filter((one) => typeof one === 'number');
  const evidence = {
    tests: counting.map(({ rule }) => prefix + rule.toUpperCase()),
    ...(points.length === 0 ? {} : { score: points.reduce((sum, one) => sum + one, 0) }),
  };
  const refusing = counting.find(({ rule }) => actions[rule] === 'reject');
  if (refusing === undefined || !mayRefuse) return { kind: 'pass', ...evidence };
  const { reason, detail, text } = refusing;
  return { kind: 'refuse', reason, detail, text, ...evidence };
}
