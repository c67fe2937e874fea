/** What is kept of a message for whoever looks through the quarantine. */
import { decodeWords } from '../mail/encoded-words.ts';
import type { HeaderField } from '../mail/header.ts';
import { fieldValue, headerFields } from '../mail/header.ts';
import type { Quarantined } from '../mail/spool-entry.ts';
import { gravest, PASS } from '../mail/verdict.ts';
import type { Verdict } from '../mail/verdict.ts';
import type { Findings } from '../plugin-host/run-hooks.ts';

/** Bytes of a field that are looked at. */
const MAX_FIELD = 2000;
const MAX_TEXT = 256;
/** Rules that are named, and letters of each. */
const MAX_TESTS = 40;
const MAX_TEST = 80;

export function quarantineFacts(
  header: Buffer,
  { verdict, said }: Pick<Findings, 'verdict' | 'said'>,
  account: string | undefined,
): Quarantined {
  const fields = headerFields(header);
  const textOf = (name: string) => {
    const field = fields.find((one) => one.name === name);
    return field && fieldText(header, field);
  };
  const { score, tests = [] } = verdict;
  const facts = {
    score: score === undefined || !Number.isFinite(score) ? undefined : score,
    engine: decisive(said),
    tests:
      tests.length === 0
        ? undefined
        : tests.slice(0, MAX_TESTS).map((name) => name.slice(0, MAX_TEST)),
    account,
    headerFrom: textOf('from'),
    subject: textOf('subject'),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

/** Whose word is the most severe, or counts most among those who only gave points. */
function decisive(said: Findings['said']): string | undefined {
  let worst: Verdict = PASS;
  let engine: string | undefined;
  for (const { plugin, verdict } of said) {
    if (gravest(worst, verdict) !== verdict) continue;
    worst = verdict;
    engine = plugin;
  }
  return engine;
}

/** As a person reads it, and no longer than any other value that is kept. */
export function fieldText(header: Buffer, field: HeaderField): string {
  return decodeWords(fieldValue(header, field, MAX_FIELD)).slice(0, MAX_TEXT);
}
