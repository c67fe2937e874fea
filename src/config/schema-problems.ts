/**
 * Holds a value against a schema and says in plain words what does not fit: what was expected, what
 * was found, where. All faults at once. Unknown keys are faults, with the nearest known key.
 */
import * as z from 'zod';
import type { Path, Problem } from './problem.ts';
import { didYouMean } from './suggestion.ts';
import type { YamlSource } from './yaml-source.ts';

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** `value` is the source's, or a part of it with the same paths. */
export function checkValue<T>(
  schema: z.ZodType<T>,
  value: unknown,
  source: YamlSource,
  extraKeys: readonly string[] = [],
): Checked<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.flatMap((issue) =>
    explain(issue, issue.path.map(step), { schema, source, extraKeys }),
  );
  return { ok: false, problems };
}

interface Sight {
  readonly schema: z.ZodType;
  readonly source: YamlSource;
  /** Keys that are known at the root beside those of the schema. */
  readonly extraKeys: readonly string[];
}

function explain(issue: z.core.$ZodIssue, path: Path, sight: Sight): Problem[] {
  const { source } = sight;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(sight.schema, path);
    if (path.length === 0) known.push(...sight.extraKeys);
    return issue.keys.map((key) =>
      source.problemAtKey([...path, key], `unknown key${didYouMean(key, known)}`),
    );
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
    return [source.problemAt(path, 'is missing')];
  }
  // Of a whole group or list that is faulty in itself, "found a group" says nothing.
  const isWhole =
    issue.code === 'custom' && typeof issue.input === 'object' && issue.input !== null;
  const found = isWhole ? '' : finding(issue.input, path);
  const words = `${expectation(issue)}${found}${hint(issue)}`;
  return [source.problemAt(path, words)];
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

/** `, found "x"`; what was written is shown unless it is a secret. */
function finding(input: unknown, path: Path): string {
  if (input === undefined || path.at(-1) === 'password') return '';
  if (input === null) return ', found nothing';
  if (Array.isArray(input)) return `, found ${input.length === 0 ? 'an empty list' : 'a list'}`;
  if (typeof input === 'object') return ', found a group of settings';
  const text = typeof input === 'number' ? `${input}` : JSON.stringify(input);
  return `, found ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text}`;
}

/** The keys a schema knows at a path; those of all forms where there are several. */
function knownKeys(schema: z.core.$ZodType, path: Path): string[] {
  if (schema instanceof z.ZodObject) {
    const [first, ...rest] = path;
    if (first === undefined) return Object.keys(schema.shape);
    const next: z.core.$ZodType | undefined = schema.shape[String(first)];
    return next === undefined ? [] : knownKeys(next, rest);
  }
  if (schema instanceof z.ZodArray) return knownKeys(schema.element, path.slice(1));
  if (schema instanceof z.ZodUnion) {
    return schema.options.flatMap((option) => knownKeys(option, path));
  }
  if (schema instanceof z.ZodPipe) return knownKeys(schema.in, path);
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodDefault
  ) {
    return knownKeys(schema.unwrap(), path);
  }
  return [];
}

function step(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part);
}
