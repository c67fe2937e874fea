/**
 * `sluice check`: prints every problem of the configuration, one a line, and how many there are.
 * Changes nothing and needs no running gateway. Exit codes: 0 all well, 1 warnings only, 78 errors.
 */
import { formatProblem } from '../config/problem.ts';
import type { Problem } from '../config/problem.ts';
import type { MoreChecks } from '../directory/load.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import { EXIT } from './exit.ts';

export interface CheckOptions {
  /** Path of sluice.yaml. */
  readonly config: string;
  readonly json?: boolean;
  /** The plugin host's part. */
  readonly moreChecks?: MoreChecks;
  /** Files below it are named relative to it. */
  readonly folder?: string;
  readonly write: (text: string) => Promise<void> | void;
}

export async function check(options: CheckOptions): Promise<number> {
  const { json = false, folder = process.cwd(), write } = options;
  const result = await loadGatewayConfig(options.config, { moreChecks: options.moreChecks });
  const problems = result.ok ? result.warnings : result.problems;
  const lines = json
    ? problems.map((problem) => JSON.stringify({ v: 1, kind: 'problem', ...problem }))
    : reportLines(problems, folder);
  await write(lines.map((line) => `${line}\n`).join(''));
  if (!result.ok) return EXIT.config;
  return problems.length > 0 ? EXIT.nothing : EXIT.done;
}

/** One line for each problem, then the counts; `start` prints the same. */
export function reportLines(problems: readonly Problem[], folder: string): string[] {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  return [
    ...problems.map((problem) => formatProblem(problem, folder)),
    `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`,
  ];
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
