/**
 * The answer to /checkv2, read strictly: an object with a finite score, an action that rspamd has,
 * and symbols with their weights, or it throws; a score is never guessed.
 */
export interface Judgement {
  readonly score: number;
  /** Names of the symbols that weigh, heaviest first; all of them when none does. */
  readonly tests: readonly string[];
  /** What rspamd would do; undefined when it was told not to look. */
  readonly action: Action | undefined;
}

/** In rspamd's own words. */
const ACTIONS = [
  'no action',
  'greylist',
  'add header',
  'rewrite subject',
  'soft reject',
  'reject',
  'quarantine',
  'discard',
] as const;
export type Action = (typeof ACTIONS)[number];

const SYMBOL = /^[A-Za-z0-9_.:-]{1,100}$/;
/** Far beyond what any symbol weighs. */
const MAX_SCORE = 100_000;

export function readJudgement(reply: string): Judgement {
  const answer = objectOf(parsed(reply));
  if (answer === undefined) throw new Error('gave something that is no judgement');
  const score = weightOf(answer['score']);
  if (score === undefined) throw new Error('gave no score');
  const action = ACTIONS.find((known) => known === answer['action']);
  if (action === undefined) throw new Error('gave no action that is known');
  const symbols = objectOf(answer['symbols'] ?? {});
  if (symbols === undefined) throw new Error('gave symbols that are none');
  const isSkipped = answer['is_skipped'] === true && action === 'no action';
  return { score, tests: testsOf(symbols), action: isSkipped ? undefined : action };
}

function testsOf(symbols: Readonly<Record<string, unknown>>): string[] {
  const weights = Object.entries(symbols)
    .filter(([name]) => SYMBOL.test(name))
    .map(([name, symbol]) => ({
      name,
      weight: Math.abs(weightOf(objectOf(symbol)?.['score']) ?? 0),
    }))
    .toSorted((a, b) => b.weight - a.weight);
  const heavy = weights.filter(({ weight }) => weight > 0);
  return (heavy.length > 0 ? heavy : weights).map(({ name }) => name);
}

function parsed(reply: string): unknown {
  try {
    return JSON.parse(reply);
  } catch (error) {
    throw new Error('gave a reply that is no JSON', { cause: error });
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

function weightOf(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= MAX_SCORE ? value : undefined;
}
