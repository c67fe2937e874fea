/** Problems of the configuration as log lines, each with its place. */
import type { Log } from '../base/log.ts';
import type { Problem } from '../config/problem.ts';

export function logProblem(log: Log, { file, line, col, severity, path, text }: Problem): void {
  log.emit(severity === 'error' ? 'cfg.error' : 'cfg.warning', { file, line, col, path, text });
}
