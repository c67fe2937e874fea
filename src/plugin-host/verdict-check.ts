/**
 * What a hook returned, held against the plugin API. Plugins are plain JavaScript and may return
 * anything: only a value that is a `Verdict` in every member comes through, as a copy that the
 * plugin cannot change afterwards. All else throws, and becomes the plugin's `on_error`.
 */
import { CodedError } from '../base/errors.ts';
import { isReason } from '../mail/reason.ts';
import type { Evidence, Field, Plain, Refusal, SpamExemption, Verdict } from '../mail/verdict.ts';
import { PASS } from '../mail/verdict.ts';

const KINDS: readonly string[] = ['pass', 'discard', 'quarantine', 'defer', 'refuse'];
const EVIDENCE: readonly string[] = [
  'fields',
  'score',
  'tests',
  'results',
  'senderProven',
  'unlessProven',
  'spamExempt',
];
const REFUSAL: readonly string[] = ['reason', 'text', 'detail'];

const MAX_ENTRIES = 500;
const MAX_SCORE = 1_000_000;
const MAX_TEXT = 256;
const MAX_FIELD_VALUE = 900; // keeps a field with its name below the 998 octets of RFC 5322 2.1.1
const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]{1,76}$/; // RFC 5322 2.2
const PRINTABLE = /^[\x20-\x7e]*$/;
const DETAIL = /^\d{1,3}\.\d{1,3}$/; // RFC 3463 2

type Members = Readonly<Record<string, unknown>>;

export function checkVerdict(given: unknown): Verdict {
  if (given === undefined) return PASS;
  const verdict = members(given, 'the answer');
  const { kind } = verdict;
  if (typeof kind !== 'string' || !KINDS.includes(kind)) {
    throw nonsense(`kind must be one of ${KINDS.join(', ')}`);
  }
  const known = kind === 'pass' ? EVIDENCE : [...EVIDENCE, ...REFUSAL];
  for (const key of Object.keys(verdict)) {
    if (key !== 'kind' && !known.includes(key)) throw nonsense(`${kind} has no member ${key}`);
  }
  const evidence = readEvidence(verdict);
  switch (kind) {
    case 'refuse':
    case 'defer':
    case 'quarantine':
    case 'discard':
      return { kind, ...readRefusal(verdict), ...evidence };
    default:
      return { kind: 'pass', ...evidence };
  }
}

function readRefusal({ reason, text, detail }: Members): Refusal {
  if (!isReason(reason)) throw nonsense('reason must be a reason word or plugin:NAME');
  if (!isText(text) || text === '') throw nonsense('text must be one printable sentence');
  if (detail === undefined) return { reason, text };
  if (typeof detail !== 'string' || !DETAIL.test(detail)) {
    throw nonsense('detail must look like 7.1');
  }
  return { reason, text, detail };
}

function readEvidence(given: Members): Evidence {
  const { fields, score, tests, results, senderProven, unlessProven, spamExempt } = given;
  const read: { -readonly [Member in keyof Evidence]: Evidence[Member] } = {};
  if (fields !== undefined) read.fields = list(fields, 'fields').map(readField);
  if (score !== undefined) read.score = readScore(score);
  if (tests !== undefined) read.tests = list(tests, 'tests').map(readTest);
  if (results !== undefined) read.results = readResults(results);
  if (senderProven !== undefined) read.senderProven = readFlag(senderProven);
  if (unlessProven !== undefined) read.unlessProven = readPlain(unlessProven);
  if (spamExempt !== undefined) read.spamExempt = readExemption(spamExempt);
  return read;
}

function readField(given: unknown): Field {
  const { name, value } = members(given, 'a field');
  if (typeof name !== 'string' || !FIELD_NAME.test(name)) throw nonsense('bad name of a field');
  if (typeof value !== 'string' || value.length > MAX_FIELD_VALUE || !PRINTABLE.test(value)) {
    throw nonsense(`value of ${name} must be at most ${MAX_FIELD_VALUE} printable characters`);
  }
  return { name, value };
}

function readPlain(given: unknown): Plain {
  const { unlessProven, senderProven, ...verdict } = members(given, 'unlessProven');
  if (unlessProven !== undefined || senderProven !== undefined) {
    throw nonsense('unlessProven must be a verdict without a word about proof');
  }
  const { unlessProven: _none, ...plain } = checkVerdict(verdict);
  return plain;
}

function readFlag(given: unknown): boolean {
  if (typeof given === 'boolean') return given;
  throw nonsense('senderProven must be true or false');
}

function readExemption(given: unknown): SpamExemption {
  if (given === 'always' || given === 'if-proven') return given;
  throw nonsense('spamExempt must be always or if-proven');
}

function readScore(score: unknown): number {
  // The comparison is false for NaN too.
  if (typeof score === 'number' && Math.abs(score) <= MAX_SCORE) return score;
  throw nonsense('score must be a number');
}

function readTest(test: unknown): string {
  if (isText(test)) return test;
  throw nonsense('tests must be short printable names');
}

function readResults(given: unknown): Record<string, string | number | boolean> {
  const said = members(given, 'results');
  const keys = Object.keys(said);
  if (keys.length > MAX_ENTRIES) throw nonsense('too many results');
  const results: Record<string, string | number | boolean> = {};
  for (const key of keys) {
    const value = said[key];
    if (typeof value === 'string') results[key] = value.slice(0, MAX_TEXT);
    else if (typeof value === 'boolean') results[key] = value;
    else if (typeof value === 'number' && Number.isFinite(value)) results[key] = value;
    else throw nonsense(`result ${key} must be a text, a number or a truth value`);
  }
  return results;
}

function members(given: unknown, what: string): Members {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw nonsense(`${what} must be an object`);
  }
  return { ...given };
}

function list(given: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(given) || given.length > MAX_ENTRIES) {
    throw nonsense(`${what} must be a list of at most ${MAX_ENTRIES}`);
  }
  return [...(given as readonly unknown[])]; // parser of outside data; a hole becomes undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT && PRINTABLE.test(value);
}

function nonsense(text: string): CodedError {
  return new CodedError('PLUGIN_INVALID', `bad verdict: ${text}`);
}
