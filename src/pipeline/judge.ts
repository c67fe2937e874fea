/**
 * From what the filters found to what is done with a message: the domain's thresholds met with the
 * score, its wishes met with the verdict. A pure function; it accepts nothing and refuses nothing.
 */
import type { Domain } from '../directory/domain.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { Reason } from '../mail/reason.ts';
import { homeLane } from '../mail/redirection.ts';
import { isRemote } from '../mail/remote-lane.ts';
import { formatField, isFinding } from '../mail/trace-fields.ts';
import type { Field, Verdict } from '../mail/verdict.ts';

export type Judgement =
  | {
      readonly kind: 'clean';
      readonly fields: readonly Field[];
      readonly subjectTag?: string;
    }
  /** Taken, but not handed on until a person releases it. */
  | {
      readonly kind: 'quarantine';
      readonly fields: readonly Field[];
      readonly reason: Reason;
      readonly text: string;
    }
  | { readonly kind: 'discard'; readonly reason: Reason }
  | { readonly kind: 'refuse'; readonly reply: Reply };

/** A field stays well below the 998 octets of RFC 5322 2.1.1. */
const MAX_TESTS_TEXT = 600;

export type Kept = Extract<Judgement, { kind: 'clean' | 'quarantine' }>;

type RefusingVerdict = Extract<Verdict, { kind: 'refuse' | 'defer' }>;

type Thresholds = Pick<Domain, 'spam' | 'virus'>;

export function judge(verdict: Verdict, domain: Thresholds): Judgement {
  const fields = verdict.fields ?? [];
  switch (verdict.kind) {
    case 'defer':
      return { kind: 'refuse', reply: refusal(verdict) };
    case 'refuse':
      if (verdict.reason === 'virus' && domain.virus === 'quarantine') {
        return { kind: 'quarantine', fields, reason: 'virus', text: verdict.text };
      }
      return { kind: 'refuse', reply: refusal(verdict) };
    case 'quarantine':
    case 'pass':
    case 'discard':
      return byScore(verdict, domain, fields);
  }
}

/**
 * The same of mail that was accepted before all filters had judged it. It is too late to refuse: what
 * they have against it is for a person. `later`: they put it off.
 */
export function judgeAccepted(verdict: Verdict, domain: Thresholds): Kept | 'later' {
  const { fields = [] } = verdict;
  switch (verdict.kind) {
    case 'defer':
      return 'later';
    case 'refuse':
    case 'discard':
      return kept({ ...verdict, kind: 'quarantine' }, domain, fields);
    case 'quarantine':
    case 'pass': {
      const { reject, quarantine } = domain.spam;
      const spam = { ...domain.spam, quarantine: Math.min(quarantine, reject) };
      return kept(verdict, { ...domain, spam }, fields);
    }
  }
}

/** Said before the content, it ends the matter; all else is evidence and waits for the end. */
export function isAgainst(verdict: Verdict): verdict is RefusingVerdict {
  return verdict.kind === 'refuse' || verdict.kind === 'defer';
}

/** The reply that a filter's refusal or deferral means. */
export function refusal(verdict: RefusingVerdict): Reply {
  const detail = /^\d{1,3}\.\d{1,3}$/.test(verdict.detail ?? '') ? verdict.detail : '7.1';
  if (verdict.kind === 'defer') {
    return verdict.reason === 'scanner_down'
      ? replies.scannerDown()
      : replies.deferred(`4.${detail}`, verdict.text, verdict.reason);
  }
  if (verdict.reason === 'virus') return replies.virus(verdict.text);
  return replies.refused(`5.${detail}`, verdict.text, verdict.reason);
}

function byScore(
  verdict: Extract<Verdict, { kind: 'pass' | 'quarantine' | 'discard' }>,
  domain: Thresholds,
  fields: readonly Field[],
): Judgement {
  const score = verdict.score ?? Number.NEGATIVE_INFINITY;
  if (score >= domain.spam.reject) return { kind: 'refuse', reply: replies.spam(spamText(score)) };
  if (verdict.kind === 'discard') return { kind: 'discard', reason: verdict.reason };
  return kept(verdict, domain, fields);
}

/** What becomes of mail that is not refused. */
function kept(
  verdict: Extract<Verdict, { kind: 'pass' | 'quarantine' }>,
  domain: Thresholds,
  fields: readonly Field[],
): Kept {
  const score = verdict.score ?? Number.NEGATIVE_INFINITY;
  const all = [...scoreFields(verdict), ...oneOfEach(fields, verdict)];
  // Without the marks that mailboxes sort by: whoever releases it has decided otherwise.
  if (verdict.kind === 'quarantine') {
    return { kind: 'quarantine', fields: all, reason: verdict.reason, text: verdict.text };
  }
  const { tag, quarantine, subjectTag } = domain.spam;
  if (score >= quarantine) {
    return { kind: 'quarantine', fields: all, reason: 'spam', text: spamText(score) };
  }
  if (score < tag) return { kind: 'clean', fields: all };
  const marked = [{ name: 'X-Spam-Flag', value: 'YES' }, ...all];
  return { kind: 'clean', fields: marked, ...(subjectTag !== undefined && { subjectTag }) };
}

/**
 * The fields that go on top, whole. How a customer's mail is judged is nothing to servers of others: they
 * would take it for their own word, or a spammer among the customers learn what to avoid.
 */
export function fieldsText(judgement: Judgement, lane: string): string {
  if (judgement.kind !== 'clean' && judgement.kind !== 'quarantine') return '';
  return judgement.fields
    .filter(({ name }) => !isRemote(homeLane(lane)) || !isFinding(name))
    .map((field) => formatField(field))
    .join('');
}

/** What the filters found together, above what each says for itself. */
function scoreFields({ score, tests = [] }: Verdict): Field[] {
  if (score === undefined) return [];
  return [
    { name: 'X-Sluice-Score', value: score.toFixed(1) },
    ...(tests.length === 0 ? [] : [{ name: 'X-Sluice-Tests', value: testsText(tests) }]),
  ];
}

/**
 * What several scanners write under one name is there once, as what was found together, which is what
 * the thresholds were held against: a rule in a mailbox reads the first and knows of no other.
 */
function oneOfEach(fields: readonly Field[], { score = 0, tests = [] }: Verdict): readonly Field[] {
  const once = onlyOnce(fields, 'X-Spam-Score', () => score.toFixed(1));
  return onlyOnce(once, 'X-Spam-Tests', () => testsText(tests));
}

/** The first of several fields of a name has the common value, in the place of all of them. */
function onlyOnce(fields: readonly Field[], name: string, common: () => string): readonly Field[] {
  const first = fields.find((field) => field.name === name);
  const last = fields.findLast((field) => field.name === name);
  if (first === last) return fields;
  const together = { name, value: common() };
  return fields.flatMap((field) => {
    if (field === first) return [together];
    return field.name === name ? [] : [field];
  });
}

function spamText(score: number): string {
  return `Message looks like spam, score ${score.toFixed(1)}`;
}

function testsText(tests: readonly string[]): string {
  const text = tests.join(', ');
  if (text.length <= MAX_TESTS_TEXT) return text;
  return `${text.slice(0, Math.max(0, text.lastIndexOf(',', MAX_TESTS_TEXT)))}, ...`;
}
