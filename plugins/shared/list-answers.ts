/** What the answer of a DNS list weighs and how it is told, for every filter that asks some. */
import type { AskedList, ListAnswer } from './list-questions.ts';

const USUAL_SCORE = 4;

/** Options of each list, beside those that say what it is asked about. */
export const LIST_WEIGHT = {
  score: {
    type: 'number',
    min: -100,
    max: 100,
    doc: `Added to the score of the mail; left out: ${USUAL_SCORE} for action \`score\`, else nothing.`,
  },
  timeout: { type: 'duration', default: '5s', doc: 'Then the list does not count.' },
} as const;

export function scoreOf({ action, score }: AskedList): number {
  return score ?? (action === 'score' ? USUAL_SCORE : 0);
}

export function wordOf({ list, about, codes }: ListAnswer): string {
  return `${list.zone}(${about})=${codes.join(',')}`;
}

export function zonesOf(answers: readonly ListAnswer[]): string[] {
  return [...new Set(answers.map(({ list }) => list.zone))];
}
