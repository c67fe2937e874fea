/** What rules have found in a mail, each with its action, and the verdict that all of it makes. */
import type { Verdict } from 'sluice-mx/plugin';

export const ACTIONS = ['reject', 'quarantine', 'tag', 'score', 'off'] as const;
type Action = (typeof ACTIONS)[number];

/** A rule that something matched; the text has nothing of the mail in it. */
export interface Hit {
  readonly test: string;
  readonly action: Action;
  readonly text: string;
  /** For log and field: printable ASCII. */
  readonly what: string;
}

const SEVERITY: Record<Action, number> = { off: 0, score: 1, tag: 2, quarantine: 3, reject: 4 };

export function hit(test: string, action: Action, relation: string, pattern: string): Hit {
  const what = pattern.replace(/[^\x20-\x7e]+/g, '?').slice(0, 100);
  return { test, action, text: `Attachments ${relation} ${what} are not accepted`, what };
}

export function verdictOf(hits: readonly Hit[], score: number): Verdict | undefined {
  const [worst] = hits.toSorted((a, b) => SEVERITY[b.action] - SEVERITY[a.action]);
  if (worst === undefined) return undefined;
  const evidence = {
    tests: hits.map(({ test }) => test),
    results: { attachment: worst.what },
    fields: hits
      .filter(({ action }) => action === 'tag')
      .map(({ test, what }) => ({ name: 'X-Attachment-Rule', value: `${test} ${what}` })),
    ...(hits.some(({ action }) => action === 'score') ? { score } : {}),
  };
  const { text } = worst;
  switch (worst.action) {
    case 'reject':
      return { kind: 'refuse', reason: 'attachment', text, detail: '7.1', ...evidence };
    case 'quarantine':
      return { kind: 'quarantine', reason: 'attachment', text, ...evidence };
    case 'tag':
    case 'score':
    case 'off':
      return { kind: 'pass', ...evidence };
  }
}
