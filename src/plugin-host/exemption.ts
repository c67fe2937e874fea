/**
 * What counts of what filters said when one of them exempts the mail from the judgement of spam:
 * nothing of the filters of that service, and no score of anybody. All else stays.
 */
import type { SpamExemption, Verdict } from '../mail/verdict.ts';
import { strongestExemption } from '../mail/verdict.ts';
import type { Said } from './gathered-evidence.ts';

type Heard = Pick<Said, 'service' | 'verdict'>;

export function exempted(said: readonly Heard[], isProven: boolean): readonly Verdict[] {
  const verdicts = said.map(({ verdict }) => verdict);
  const isShown = isProven || verdicts.some(({ senderProven }) => senderProven === true);
  if (!isInForce(strongestExemption(verdicts), isShown)) return verdicts;
  return said.filter(({ service }) => service !== 'spam').map(({ verdict }) => unscored(verdict));
}

function isInForce(exemption: SpamExemption | undefined, isProven: boolean): boolean {
  return exemption === 'always' || (exemption === 'if-proven' && isProven);
}

function unscored(verdict: Verdict): Verdict {
  const { score: _points, unlessProven, ...rest } = verdict;
  if (unlessProven === undefined) return rest;
  const { score: _more, ...plain } = unlessProven;
  return { ...rest, unlessProven: plain };
}
