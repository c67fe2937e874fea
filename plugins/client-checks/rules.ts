/** From what was found to a verdict: each finding by the action that its rule has. Asks nobody. */
import type { Action, Verdict } from 'sluice-mx/plugin';
import type { Finding, Rule } from './findings.ts';

type Plain = NonNullable<Verdict['unlessProven']>;

/** `mayRefuse`: the recipient does not take mail from everybody. */
export function byRules(
  found: readonly Finding[],
  actions: Readonly<Record<Rule, Action>>,
  mayRefuse: boolean,
): Verdict | undefined {
  const now = found.filter(({ unlessProven }) => unlessProven === undefined);
  const later = found.filter(({ unlessProven }) => unlessProven === true);
  const verdict = judged(now, actions, mayRefuse);
  const unlessProven = judged(later, actions, mayRefuse);
  if (unlessProven === undefined) return verdict;
  return { ...(verdict ?? { kind: 'pass' }), unlessProven };
}

function judged(
  found: readonly Finding[],
  actions: Readonly<Record<Rule, Action>>,
  mayRefuse: boolean,
): Plain | undefined {
  const counting = found.filter(({ rule }) => actions[rule] !== 'off');
  if (counting.length === 0) return undefined;
  const points = counting.map(({ rule }) => actions[rule]).filter((one) => typeof one === 'number');
  const evidence = {
    tests: counting.map(({ rule }) => rule.toUpperCase()),
    ...(points.length === 0 ? {} : { score: points.reduce((sum, one) => sum + one, 0) }),
  };
  const refusing = counting.find(({ rule }) => actions[rule] === 'reject');
  if (refusing === undefined || !mayRefuse) return { kind: 'pass', ...evidence };
  const { reason, detail, text } = refusing;
  return { kind: 'refuse', reason, detail, text, ...evidence };
}
