/**
 * From the answers of all lists to one verdict: an allowed client has nothing against it, a list that
 * refuses decides, all else adds up. Names of lists and what they answered go into the trace.
 */
import type { Verdict } from 'sluice-mx/plugin';
import { scoreOf, wordOf, zonesOf } from '../shared/list-answers.ts';
import type { ListAnswer } from '../shared/list-questions.ts';

/** `isExempt`: the recipient takes mail from everybody, so that nothing here refuses. */
export function judged(answers: readonly ListAnswer[], isExempt: boolean): Verdict | undefined {
  const listed = answers.filter(({ kind }) => kind === 'listed');
  const failed = answers.filter(({ kind }) => kind === 'failed');
  if (listed.length + failed.length === 0) return undefined;
  const results = {
    ...(listed.length === 0 ? {} : { rbl: listed.map(wordOf).join(' ') }),
    ...(failed.length === 0 ? {} : { rbl_failed: zonesOf(failed).join(' ') }),
  };
  const tests = zonesOf(listed).map((zone) => `RBL:${zone}`);
  const isAllowed = listed.some(({ list }) => list.action === 'allow');
  const counting = listed.filter(({ list }) => !isAllowed || scoreOf(list) < 0);
  const score = counting.reduce((sum, { list }) => sum + scoreOf(list), 0);
  const evidence = { tests, results, ...(score === 0 ? {} : { score }) };
  const refusing = listed.find(({ list }) => list.action === 'reject');
  if (refusing === undefined || isAllowed || isExempt) return { kind: 'pass', ...evidence };
  const text = `${refusing.about} is listed by ${refusing.list.zone}`;
  return { kind: 'refuse', reason: 'rbl', text, detail: '7.1', ...evidence };
}
