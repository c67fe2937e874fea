/**
 * One YAML file (1.2, core schema: `no` and `on` are text) as a plain value, with the way back from
 * any path in it to line and column. Faults of syntax become problems in words; a file that has any
 * but a key given twice yields no value. Anchors and aliases are allowed, tags and further documents
 * are not. Never throws, whatever the file holds.
 */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';
import { errorText } from '../base/errors.ts';
import type { Path, Problem, ProblemAt } from './problem.ts';
import { fileProblem, pathText } from './problem.ts';
import { yamlAdvice } from './yaml-advice.ts';

export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Points at the value at the path, or at the nearest one above it that is there. */
  readonly problemAt: ProblemAt;
  /** Points at the key instead. */
  readonly problemAtKey: ProblemAt;
}

export interface YamlReading {
  readonly source: YamlSource | undefined;
  readonly problems: readonly Problem[];
}

/** A file of this many faults of syntax is no longer read by a person line by line. */
const MAX_SYNTAX_PROBLEMS = 10;
/** Each costs the parser a walk over the file; far beyond what a person writes. */
const MAX_ALIASES = 100;

/** Of brackets in each other; the parser takes seconds for very many. No setting needs ten. */
const MAX_DEPTH = 100;

const TOO_DEEP = 'lists and groups stand too deep in each other';

const SYNTAX_TEXT: Readonly<Record<string, string>> = {
  BAD_INDENT: 'wrong indentation, or a bracket that is not closed',
  BAD_SCALAR_START: 'a value that begins with this character needs "quotes"',
  BLOCK_AS_IMPLICIT_KEY: 'wrong indentation, or a ": " within a value, which needs "quotes" then',
  MISSING_CHAR: 'a quote, a bracket or a comma is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must be on one line and be followed by ":"',
  MULTIPLE_DOCS: 'only one document in a file: remove the "---"',
  TAB_AS_INDENT: 'tabs cannot be used for indentation: use spaces',
  TAG_RESOLVE_FAILED: 'tags ("!...") are not used here',
  UNEXPECTED_TOKEN: 'this does not fit what stands above: look at the indentation',
};

export function parseYaml(file: string, text: string): YamlReading {
  if (isTooDeep(text)) return { source: undefined, problems: [fileProblem(file, TOO_DEEP)] };
  const lines = new LineCounter();
  let doc: Document;
  let value: unknown;
  // Hostile nesting or aliases make the parser throw; that too is a problem of the file.
  try {
    doc = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      // The parser compares each key with all others; syntaxProblems looks each up.
      uniqueKeys: false,
    });
    const faults = syntaxProblems(file, text, doc, lines);
    if (faults.fatal) return { source: undefined, problems: faults.problems };
    value = doc.toJS({ maxAliasCount: MAX_ALIASES });
    if (value === null) {
      return { source: undefined, problems: [fileProblem(file, 'holds no settings')] };
    }
    const source = {
      file,
      value,
      problemAt: locator(file, doc, lines, false),
      problemAtKey: locator(file, doc, lines, true),
    };
    return { source, problems: faults.problems };
  } catch (error) {
    const problem = fileProblem(file, `cannot be understood as YAML: ${faultText(error)}`);
    return { source: undefined, problems: [problem] };
  }
}

/** Without brackets the parser comes to the end of its stack, and soon. */
function faultText(fault: unknown): string {
  const text = errorText(fault);
  return text.startsWith('Maximum call stack') ? TOO_DEEP : text;
}

function isTooDeep(text: string): boolean {
  // Nearly always that is all it takes to know.
  if (text.split(/[[{]/, MAX_DEPTH + 2).length < MAX_DEPTH + 2) return false;
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** A YAML map, as the plain value it becomes. */
export function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function syntaxProblems(file: string, whole: string, doc: Document, lines: LineCounter) {
  const written = whole.split(/\r?\n/);
  const at = (offset: number, complaint: string): Problem => {
    const { line, col } = lines.linePos(offset);
    const text = yamlAdvice(written[line - 1] ?? '') ?? complaint;
    return {
      file,
      line: Math.max(1, line),
      col: Math.max(1, col),
      severity: 'error',
      path: 'yaml',
      code: 'syntax',
      text,
    };
  };
  const found = [...doc.errors, ...doc.warnings].map((fault: YAMLError) => ({
    fatal: fault.code !== 'TAG_RESOLVE_FAILED',
    problem: at(fault.pos[0], SYNTAX_TEXT[fault.code] ?? faultText(fault)),
  }));
  // One walk for all: a file of aliases or keys alone must not take longer than another.
  const anchors = new Set<string>();
  let aliases = 0;
  const learn = ({ anchor }: { readonly anchor?: string }) => {
    if (anchor !== undefined) anchors.add(anchor);
  };
  visit(doc, {
    Scalar: (_key, scalar) => learn(scalar),
    Seq: (_key, list) => learn(list),
    Alias: (_key, alias) => {
      const offset = alias.range?.[0] ?? 0;
      aliases += 1;
      if (aliases > MAX_ALIASES) {
        found.push({
          fatal: true,
          problem: at(offset, `more than ${MAX_ALIASES} aliases ("*...")`),
        });
        return visit.BREAK;
      }
      if (anchors.has(alias.source)) return undefined;
      const text = `nothing is called "&${alias.source}" above`;
      found.push({ fatal: true, problem: at(offset, text) });
      return undefined;
    },
    Map: (_key, map) => {
      learn(map);
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value)) {
          found.push({ fatal: false, problem: at(key.range?.[0] ?? 0, 'this key is given twice') });
        }
        keys.add(key.value);
      }
    },
    Pair: (_key, pair) => {
      if (!isNode(pair.key) || isScalar(pair.key) || isAlias(pair.key)) return;
      const text = 'a key must be one word';
      found.push({ fatal: true, problem: at(pair.key.range?.[0] ?? 0, text) });
    },
  });
  // One fault upsets the parser for the rest of its line: only the first there is worth reading.
  const perLine = new Map<number, Problem>();
  for (const { problem } of found) {
    if (!perLine.has(problem.line)) perLine.set(problem.line, problem);
  }
  return {
    fatal: found.some((fault) => fault.fatal),
    problems: [...perLine.values()].slice(0, MAX_SYNTAX_PROBLEMS),
  };
}

function locator(file: string, doc: Document, lines: LineCounter, atKey: boolean): ProblemAt {
  return (path, text, severity = 'error') => {
    const { line, col } = lines.linePos(offsetOf(doc, path, atKey));
    const place = { line: Math.max(1, line), col: Math.max(1, col) };
    return { file, ...place, severity, path: pathText(path), code: 'rule', text };
  };
}

function offsetOf(doc: Document, path: Path, atKey: boolean): number {
  let node: Node | null = doc.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    // What an alias stands for lies elsewhere; the person wrote the alias here.
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === step);
      if (pair === undefined || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      if (atKey && depth === path.length - 1) return offset;
      node = isNode(pair.value) ? pair.value : null;
    } else if (isSeq(node)) {
      const item: unknown = typeof step === 'number' ? node.items[step] : undefined;
      node = isNode(item) ? item : null;
    } else {
      return offset;
    }
    // A key with nothing behind it: the key is the place.
    if (node === null || (isScalar(node) && node.value === null && node.source === ''))
      return offset;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}
