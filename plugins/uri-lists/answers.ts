/**
 * Asks each list about what was chosen, all side by side, and makes one finding of its answers: a list
 * counts once, however many of its names a mail has.
 */
import type { Verdict } from 'sluice-mx/plugin';
import { scoreOf, wordOf, zonesOf } from '../shared/list-answers.ts';
import type { AskedList, ListAnswer, ListQuestions } from '../shared/list-questions.ts';
import type { Asked } from './chosen.ts';

export interface UriList extends AskedList {
  /** Words of `domain`, `host`, `address`. */
  readonly about: readonly string[];
}

/** Names in log and trace. */
const MAX_TOLD = 5;

export async function answersOf(
  lists: readonly UriList[],
  asked: readonly Asked[],
  questions: ListQuestions,
  signal: AbortSignal,
): Promise<readonly ListAnswer[]> {
  return Promise.all(
    lists.flatMap((list) =>
      asked.flatMap((one) =>
        labelsOf(one, list).map((label) =>
          questions.ask(list, label, label === one.label ? one.host : label, signal),
        ),
      ),
    ),
  );
}

function labelsOf({ host, domain, label }: Asked, { about }: UriList): string[] {
  if (label !== undefined) return about.includes('address') ? [label] : [];
  const names = [
    ...(about.includes('domain') && domain !== undefined ? [domain] : []),
    ...(about.includes('host') ? [host] : []),
  ];
  return [...new Set(names)];
}

export function judgedByLists(answers: readonly ListAnswer[]): Verdict | undefined {
  const listed = answers.filter(({ kind }) => kind === 'listed');
  const failed = answers.filter(({ kind }) => kind === 'failed');
  if (listed.length + failed.length === 0) return undefined;
  const results = {
    ...(listed.length === 0 ? {} : { uri: listed.slice(0, MAX_TOLD).map(wordOf).join(' ') }),
    ...(failed.length === 0 ? {} : { uri_failed: zonesOf(failed).join(' ') }),
  };
  const counting = [...new Set(listed.map(({ list }) => list))];
  const score = counting.reduce((sum, list) => sum + scoreOf(list), 0);
  const tests = zonesOf(listed).map((zone) => `URI:${zone}`);
  const evidence = { tests, results, ...(score === 0 ? {} : { score }) };
  const refusing = listed.find(({ list }) => list.action === 'reject');
  if (refusing === undefined) return { kind: 'pass', ...evidence };
  const text = `The mail leads to ${refusing.about}, which is listed by ${refusing.list.zone}`;
  return { kind: 'refuse', reason: 'uri', text, detail: '7.1', ...evidence };
}
