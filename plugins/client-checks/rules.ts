/** From what was found to a verdict, now and for mail whose sender nobody proves. Asks nobody. */
import type { Action, Verdict } from 'sluice-mx/plugin';
import { judgedByActions } from '../shared/by-actions.ts';
import type { Finding, Rule } from './findings.ts';

/** `mayRefuse`: the recipient does not take mail from everybody. */
export function byRules(
  found: readonly Finding[],
  actions: Readonly<Record<Rule, Action>>,
  mayRefuse: boolean,
): Verdict | undefined {
  const now = found.filter(({ unlessProven }) => unlessProven === undefined);
  const later = found.filter(({ unlessProven }) => unlessProven === true);
  const verdict = judgedByActions(now, actions, { mayRefuse });
  const unlessProven = judgedByActions(later, actions, { mayRefuse });
  if (unlessProven === undefined) return verdict;
  return { ...(verdict ?? { kind: 'pass' }), unlessProven };
}
