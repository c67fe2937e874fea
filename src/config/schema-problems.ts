/**
 * Holds a value against a schema and says in plain words what does not fit: what was expected, what
 * was found, where. All faults at once. Unknown keys are faults, with advice where they belong.
 */
import type * as z from 'zod';
import type { KeySight, OtherFile } from './known-keys.ts';
import { keyAdvice } from './known-keys.ts';
import type { Path, Problem } from './problem.ts';
import type { SoundParts } from './sound-parts.ts';
import { soundParts } from './sound-parts.ts';
import { didYouMean, suggestion } from './suggestion.ts';
import type { YamlSource } from './yaml-source.ts';
import { isGroup } from './yaml-source.ts';

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** What further checks can go on with. */
      readonly sound: SoundParts<T> | undefined;
    };

export interface CheckOptions {
  /** Keys that are known at the root beside those of the schema. */
  readonly extraKeys?: readonly string[];
  readonly otherFile: OtherFile;
  /** What a key at the root that is known nowhere may be. */
  readonly maybe?: string;
  /** For settings that have no default, when they have faults. */
  readonly standIns: Readonly<Record<string, unknown>>;
}

/** `value` is the source's, or a part of it with the same paths. */
export function checkValue<T>(
  schema: z.ZodType<T>,
  value: unknown,
  source: YamlSource,
  options: CheckOptions,
): Checked<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  const { issues } = result.error;
  const missing = issues.filter(isMissing).map((issue) => issue.path.map(step));
  const sight = { schema, source, missing, ...options };
  const meant = issues.flatMap((issue) => misspelt(issue, missing)).map(({ path }) => path);
  const problems = issues
    .filter((issue) => !isMissing(issue) || !meant.some((path) => isSame(path, issue.path)))
    .flatMap((issue) => explain(issue, issue.path.map(step), sight));
  return { ok: false, problems, sound: soundParts(schema, value, issues, options.standIns) };
}

interface Sight extends KeySight {
  readonly source: YamlSource;
  /** Keys that are needed and not there. */
  readonly missing: readonly Path[];
}

function isMissing(issue: z.core.$ZodIssue): boolean {
  return issue.input === undefined && issue.code !== 'custom' && issue.code !== 'unrecognized_keys';
}

function isSame(a: Path, b: readonly PropertyKey[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** Unknown keys that are a missing one, misspelt: the two are one fault. */
function misspelt(
  issue: z.core.$ZodIssue,
  missing: readonly Path[],
): { readonly key: string; readonly path: Path }[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const beside = missing.filter((path) => isSame(path.slice(0, -1), issue.path));
  const found: { readonly key: string; readonly path: Path }[] = [];
  for (const key of issue.keys) {
    const near = suggestion(
      key,
      beside.map((path) => String(path.at(-1))),
    );
    const path = beside.find((one) => one.at(-1) === near);
    if (path !== undefined && found.every((other) => other.path !== path))
      found.push({ key, path });
  }
  return found;
}

function explain(issue: z.core.$ZodIssue, path: Path, sight: Sight): Problem[] {
  const { source } = sight;
  if (issue.code === 'unrecognized_keys') {
    const slips = misspelt(issue, sight.missing);
    return issue.keys.map((key) => {
      const name = slips.find((slip) => slip.key === key)?.path.at(-1);
      const advice =
        name === undefined
          ? keyAdvice(key, path, sight)
          : `; did you mean "${name}", which is missing?`;
      const problem = source.problemAtKey([...path, key], `unknown key${advice}`);
      return { ...problem, code: 'unknown_key', ...hinted(advice) };
    });
  }
  if (issue.code === 'invalid_union') {
    // The form that was meant is the one whose own type fits; its faults lie further inside.
    const meant = issue.errors.find((issues) =>
      issues.every(
        ({ path: at, code }) => at.length > 0 || !['invalid_type', 'invalid_value'].includes(code),
      ),
    );
    if (meant !== undefined) {
      return meant.flatMap((inner) => explain(inner, [...path, ...inner.path.map(step)], sight));
    }
  }
  if (issue.input === undefined && issue.code !== 'custom') {
    const problem = { ...source.problemAt(path, 'is missing'), code: 'missing' } as const;
    // The line that says whom the file is about is where people look.
    const isDomainFile = isGroup(source.value) && Object.hasOwn(source.value, 'domain');
    if (path.length !== 1 || !isDomainFile) return [problem];
    const { line, col } = source.problemAtKey(['domain'], problem.text);
    return [{ ...problem, line, col }];
  }
  // Of a whole group or list that is faulty in itself, "found a group" says nothing.
  const isWhole =
    issue.code === 'custom' && typeof issue.input === 'object' && issue.input !== null;
  const found = isWhole ? '' : finding(issue.input, path);
  const advice = hint(issue);
  const words = `${expectation(issue)}${found}${advice}`;
  return [{ ...source.problemAt(path, words), code: 'value', ...hinted(advice) }];
}

/** Of what is put behind a text, with `; ` in front. */
function hinted(advice: string): { readonly hint?: string } {
  return advice === '' ? {} : { hint: advice.slice('; '.length) };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of settings',
  record: 'a group of settings',
};

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected ${oneOf(issue.values.map(String))}`;
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return `expected ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
  }
  return issue.message;
}

function oneOf(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)]
    .filter((part) => part !== '')
    .join(' or ');
}

function hint(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_value' || typeof issue.input !== 'string') return '';
  return didYouMean(issue.input, issue.values.map(String));
}

const MAX_SHOWN = 60;
const LOGIN_IN_URL = /:\/\/[^/]*@/;

/** `, found "x"`; what was written is shown unless it is a secret. */
function finding(input: unknown, path: Path): string {
  if (input === undefined || path.at(-1) === 'password') return '';
  if (typeof input === 'string' && LOGIN_IN_URL.test(input)) return '';
  if (input === null) return ', found nothing';
  if (Array.isArray(input)) return `, found ${input.length === 0 ? 'an empty list' : 'a list'}`;
  if (typeof input === 'object') return ', found a group of settings';
  const text = typeof input === 'number' ? `${input}` : JSON.stringify(input);
  return `, found ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text}`;
}

function step(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part);
}
