/** Whether a gateway runs, and how it is by its own account. */
import { formatDuration } from '../../config/quantity.ts';
import type { Running } from '../facts/running.ts';
import type { Finding } from '../finding.ts';
import { fail, named, pass, skip, unsure, warn } from '../finding.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

/** `version` is the one that is installed. */
export function judgeRunning(running: Running, version: string): Finding[] {
  const check = 'control';
  switch (running.kind) {
    case 'none':
      return [skip(check, running.text)];
    case 'denied':
      return [unsure(check, running.text, 'ask as root, or see docs/cli.md for a group')];
    case 'silent':
      return [fail(check, running.text, 'see the log of the gateway; restart it')];
    case 'running':
      break;
    default:
      return running satisfies never;
  }
  const { pid, uptimeMs, ready, state, damaged } = running;
  const unit = uptimeMs < MINUTE_MS ? SECOND_MS : MINUTE_MS;
  const up = formatDuration(Math.floor(uptimeMs / unit) * unit);
  const findings = [pass(check, `pid ${pid ?? '?'}, up ${up}, ${state}`)];
  if (!ready) findings.push(fail('ready', `it is ${state} and takes no mail`, 'see sluice status'));
  if (damaged.length > 0)
    findings.push(
      fail('store', `queues damaged on disk: ${named(damaged)}`, 'sluice store repair, stopped'),
    );
  if (running.version !== version) {
    const text = `${running.version} runs, ${version} is installed`;
    findings.push(warn('version', text, 'restart the gateway'));
  } else findings.push(pass('version', version));
  return findings;
}

export interface LogFile {
  readonly file: string;
  readonly isThere: boolean;
  readonly canWrite: boolean;
  /** Whoever asks is the user that the gateway runs as, or may do everything. */
  readonly isTheirs: boolean;
}

/** Undefined: standard output. */
export function judgeLog(log: LogFile | undefined): Finding {
  const check = 'log';
  if (log === undefined) return pass(check, 'standard output');
  const { file, isThere, canWrite, isTheirs } = log;
  if (canWrite) return pass(check, isThere ? file : `${file}, not there yet`);
  if (!isTheirs) return unsure(check, `${file}: this user may not write it`, 'ask as root');
  return fail(check, `${file} cannot be written`, 'correct its owner, or that of its folder');
}
