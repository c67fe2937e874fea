/**
 * A plugin's options: the raw values of the configuration held against the schema that the plugin
 * declares. All problems come at once, each with its path below the options; nothing is guessed, and
 * a key that the schema does not know is a problem. Defaults are filled in by the same rules.
 */
import { parseEndpoint } from '../config/endpoint.ts';
import type { Path } from '../config/problem.ts';
import { DURATION_HINT, parseDuration, parseSize, SIZE_HINT } from '../config/quantity.ts';
import { didYouMean } from '../config/suggestion.ts';
import type {
  ColumnSpec,
  Endpoint,
  Options,
  OptionSchema,
  OptionSpec,
  TextForm,
} from '../plugin.ts';

export interface OptionProblem {
  /** From the plugin's options down to the value; empty for the options as a whole. */
  readonly path: Path;
  readonly text: string;
}

export type RawOptions = Readonly<Record<string, unknown>>;
type Value = Options[string];

const ON_ERROR = ['defer', 'accept', 'hold', 'reject'] as const;

/** Every plugin has these; a schema that names one itself gives it another default. */
export const COMMON_OPTIONS = {
  on_error: {
    type: 'string',
    oneOf: ON_ERROR,
    default: 'defer',
    doc: 'What happens to mail that the plugin could not judge.',
  },
  timeout: { type: 'duration', default: '30s', doc: 'Longest time for one hook.' },
  max_concurrent: {
    type: 'number',
    min: 1,
    max: 1000,
    default: 100,
    doc: 'Content hooks that run at the same time; others wait in order.',
  },
} as const satisfies OptionSchema;

export type CommonOptions = Options<typeof COMMON_OPTIONS>;

const MAX_LIST = 100;
/** Of one finding. */
const MOST_POINTS = 1000;
/** A socket address holds 108 bytes with its closing NUL (unix(7)). */
const MAX_SOCKET_PATH = 107;
const SHORTEST_TIMEOUT_MS = 10;

export function fullSchema(schema: OptionSchema | undefined): OptionSchema {
  return { ...COMMON_OPTIONS, ...schema };
}

export function checkOptions(
  schema: OptionSchema,
  raw: RawOptions,
): { readonly options: Options; readonly problems: readonly OptionProblem[] } {
  const problems: OptionProblem[] = [];
  const options: Record<string, Value> = {};
  for (const key of Object.keys(raw)) {
    if (Object.hasOwn(schema, key)) continue;
    const text = `unknown key${didYouMean(key, Object.keys(schema))}`;
    problems.push({ path: [key], text });
  }
  for (const [key, spec] of Object.entries(schema)) {
    const given = raw[key] ?? spec.default;
    if (given === undefined) {
      if ('required' in spec) problems.push({ path: [key], text: 'is missing' });
      continue;
    }
    if (spec.type === 'table') {
      const { entries, problems: wrong } = readTable(spec.columns, given);
      options[key] = entries;
      for (const { path, text } of wrong) problems.push({ path: [key, ...path], text });
      continue;
    }
    const read = readValue(spec, given);
    if (read.ok) options[key] = read.value;
    else problems.push({ path: [key, ...(read.path ?? [])], text: read.problem });
  }
  if (Number(options['timeout']) < SHORTEST_TIMEOUT_MS) {
    problems.push({ path: ['timeout'], text: `must be at least ${SHORTEST_TIMEOUT_MS}ms` });
  }
  return { options, problems };
}

/** The options that the host itself obeys. `options` has passed `checkOptions` with a full schema. */
export function commonOptions(options: Options): CommonOptions {
  const { on_error, timeout, max_concurrent } = options;
  return {
    on_error: ON_ERROR.find((policy) => policy === on_error) ?? 'defer',
    timeout: Number(timeout),
    max_concurrent: Number(max_concurrent),
  };
}

function readTable(
  columns: Readonly<Record<string, ColumnSpec>>,
  given: unknown,
): { readonly entries: readonly Options<typeof columns>[]; readonly problems: OptionProblem[] } {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > MAX_LIST) {
    return { entries: [], problems: [{ path: [], text: `expected at most ${MAX_LIST} entries` }] };
  }
  const problems: OptionProblem[] = [];
  const entries: Options<typeof columns>[] = [];
  for (const [index, entry] of list.entries()) {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      problems.push({ path: [index], text: `expected { ${Object.keys(columns).join(', ')} }` });
      continue;
    }
    const read = checkOptions(columns, { ...entry });
    entries.push(read.options as Options<typeof columns>); // checked against the columns
    for (const { path, text } of read.problems) problems.push({ path: [index, ...path], text });
  }
  return { entries, problems };
}

type Read =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: string; readonly path?: Path };

function readValue(spec: Exclude<OptionSpec, { type: 'table' }>, given: unknown): Read {
  switch (spec.type) {
    case 'boolean':
      return typeof given === 'boolean' ? good(given) : bad('expected true or false');
    case 'number':
      return readNumber(given, spec.min ?? -Infinity, spec.max ?? Infinity);
    case 'action':
      if (given === 'off' || given === 'reject') return good(given);
      if (typeof given === 'string') return bad('expected off, reject or a number of points');
      return readNumber(given, -MOST_POINTS, MOST_POINTS);
    case 'duration':
      return readQuantity(given, parseDuration, DURATION_HINT);
    case 'size':
      return readQuantity(given, parseSize, SIZE_HINT);
    case 'string':
      if (typeof given !== 'string') return bad('expected a text');
      return readText(given, spec);
    case 'strings':
      return readList(given, (text) => readText(text, spec));
    case 'endpoints':
      return readList(given, (text) => readEndpoint(text, spec.port));
  }
}

function readText(
  text: string,
  { oneOf, form }: { readonly oneOf?: readonly string[]; readonly form?: TextForm },
): One<string> {
  if (oneOf !== undefined && !oneOf.includes(text)) {
    return { ok: false, problem: `expected ${oneOf.join(', ')}${didYouMean(text, oneOf)}` };
  }
  if (form !== undefined && !form.pattern.test(text)) {
    return { ok: false, problem: `expected ${form.hint}` };
  }
  return { ok: true, value: text };
}

function readNumber(given: unknown, min: number, max: number): Read {
  if (typeof given !== 'number' || !Number.isFinite(given)) return bad('expected a number');
  if (given < min) return bad(`must be at least ${min}`);
  return given > max ? bad(`must be at most ${max}`) : good(given);
}

function readQuantity(
  given: unknown,
  parse: (text: string) => number | undefined,
  hint: string,
): Read {
  const value = typeof given === 'string' ? parse(given) : undefined;
  return value === undefined ? bad(`expected ${hint}`) : good(value);
}

type One<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

function readList<T extends string | Endpoint>(
  given: unknown,
  readOne: (text: string) => One<T>,
): Read {
  const isList = Array.isArray(given);
  const list: readonly unknown[] = isList ? given : [given];
  if (list.length === 0 || list.length > MAX_LIST) return bad(`expected 1 to ${MAX_LIST} entries`);
  const values: T[] = [];
  for (const [index, entry] of list.entries()) {
    const one: One<T> =
      typeof entry === 'string' ? readOne(entry) : { ok: false, problem: 'expected a text' };
    if (!one.ok) return isList ? { ...one, path: [index] } : one;
    values.push(one.value);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a list of one kind, T is one of two
  return good(values as readonly string[] | readonly Endpoint[]);
}

function readEndpoint(text: string, port: number | undefined): One<Endpoint> {
  if (!text.startsWith('/')) return parseEndpoint(text, port);
  return Buffer.byteLength(text) <= MAX_SOCKET_PATH
    ? { ok: true, value: { path: text } }
    : { ok: false, problem: `the path of a socket has at most ${MAX_SOCKET_PATH} bytes` };
}

function good(value: Value): Read {
  return { ok: true, value };
}
function bad(problem: string): Read {
  return { ok: false, problem };
}
