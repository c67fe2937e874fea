/**
 * What is wrong in a configuration file, and where: one problem is one line for a person who has the
 * file open. Errors keep the gateway from starting, or from reloading; warnings do not.
 */
import { relative, sep } from 'node:path';

export type Severity = 'error' | 'warning';

/**
 * What kind of fault it is, for scripts: of the file itself, of its YAML, a key that nobody knows, one
 * that is needed, a value that cannot be, or what does not fit with the rest or with what is there.
 */
export type ProblemCode = 'file' | 'syntax' | 'unknown_key' | 'missing' | 'value' | 'rule';

export interface Problem {
  /** Absolute path of the file. */
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly col: number;
  readonly severity: Severity;
  /** `listeners[0].tls`; `yaml` for a fault of syntax, `file` for one of the file itself. */
  readonly path: string;
  readonly code: ProblemCode;
  readonly text: string;
  /** What was probably meant; part of the text as well. */
  readonly hint?: string;
}

/** Member names and list positions from the root of a file down to a value. */
export type Path = readonly (string | number)[];

/** Makes a problem at a path of one file; the place is that of the nearest value that is there. */
export type ProblemAt = (path: Path, text: string, severity?: Severity) => Problem;

export function fileProblem(file: string, text: string, severity: Severity = 'error'): Problem {
  return { file, line: 1, col: 1, severity, path: 'file', code: 'file', text };
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** `listeners[0].tls` */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return oneWord(text);
}

/** `FILE:LINE:COL error|warning PATH: text`, the file relative to `folder` when it lies below it. */
export function formatProblem(problem: Problem, folder: string): string {
  const { line, col, severity, path, text } = problem;
  const whole = `${fileName(problem.file, folder)}:${line}:${col} ${severity} ${path}: ${text}`;
  // What a file holds must not steer the terminal of the person who checks it.
  return whole.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

export function fileName(file: string, folder: string): string {
  const short = relative(folder, file);
  return short === '' || short === '..' || short.startsWith(`..${sep}`) ? file : short;
}

/** In the order a person reads: the main file first, the others by name, each from top to bottom. */
export function inReadingOrder(problems: readonly Problem[], mainFile: string): Problem[] {
  const key = ({ file }: Problem) => (file === mainFile ? '' : file);
  return problems.toSorted(
    (a, b) =>
      compare(key(a), key(b)) || a.line - b.line || a.col - b.col || compare(a.path, b.path),
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** A key from the file may hold anything; in a path it must stay one word on one line. */
function oneWord(text: string): string {
  return text === '' ? 'file' : text.replace(/[^\p{L}\p{N}\p{P}\p{S}]/gu, '_').slice(0, 120);
}
