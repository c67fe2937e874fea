/**
 * `sluice start`: runs the gateway in the foreground until it is told to stop. SIGTERM and SIGINT
 * stop gracefully, a second one exits at once, SIGHUP reloads. Problems of the configuration go to
 * standard error in the form of `sluice check`. Exit codes: 0 stopped as told, 2 could not start or
 * the store failed, 78 configuration wrong.
 */
import { systemClock } from '../base/clock.ts';
import type { ErrorCode } from '../base/errors.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { HeldLog } from '../base/held-log.ts';
import { logDestination, SILENT_LOG } from '../base/log.ts';
import { readVersion } from '../base/version.ts';
import { formatProblem } from '../config/problem.ts';
import { Gateway } from '../gateway.ts';
import type { RemoteServers } from '../gateway/delivery-parts.ts';
import { loadGeneration } from '../gateway/generations.ts';
import { logProblem } from '../gateway/problem-log.ts';
import { createRecorder } from '../gateway/recorder.ts';
import { reportLines } from './check.ts';
import { prettyLog } from './pretty-log.ts';
import { tellServiceReady } from './service-notice.ts';

const EXIT_FAILED = 2;
const EXIT_CONFIG = 78;
const SAME_SIGNAL_MS = 500;

export interface StartOptions {
  readonly config: string;
  /** Lines for people instead of JSON; by default on a terminal. */
  readonly logPretty?: boolean;
  /** A seam for tests. */
  readonly remote?: RemoteServers;
}

export async function start(options: StartOptions): Promise<number> {
  const clock = systemClock;
  // A log may be rotated at any time, and the signal would end a process that does not hear it.
  let onHangUp = (): void => undefined;
  process.on('SIGHUP', () => onHangUp());
  const checked = await loadGeneration(options.config, {
    clock,
    log: SILENT_LOG,
    scannerAddresses: {},
  });
  if (!checked.ok) {
    process.stderr.write(`${reportLines(checked.problems, process.cwd()).join('\n')}\n`);
    return EXIT_CONFIG;
  }
  await checked.generation.filters.stop();
  const { config, warnings } = checked;
  const version = readVersion();
  const { level, file } = config.log;
  const isPretty = options.logPretty ?? (file === null && process.stdout.isTTY);
  // Another gateway may run on this data folder: until that is known its log is left alone.
  const held = file === null || isPretty ? undefined : new HeldLog(logDestination(file));
  // Who starts it sees the first lines, wherever the log goes.
  const say = (line: string) => {
    if (held !== undefined) process.stdout.write(`${line}\n`);
  };
  const recorder = createRecorder({
    hostname: config.hostname,
    version,
    level,
    file,
    clock,
    ...(held !== undefined && { sink: held }),
    ...(isPretty && { sink: prettyLog(process.stdout) }),
  });
  for (const problem of warnings) logProblem(recorder.log, problem);
  say(`sluice ${version} starts; its log is ${file}`);
  for (const problem of warnings) say(formatProblem(problem, process.cwd()));

  const ended = Promise.withResolvers<number>();
  const gateway = new Gateway({
    config,
    clock,
    recorder,
    version,
    onStoreOpen: () => held?.release(),
    ...(options.remote && { remote: options.remote }),
    onEnd: (why) => ended.resolve(why === 'stop' ? 0 : EXIT_FAILED),
  });
  const onStop = () => {
    ended.resolve(0);
    // Ctrl-C may reach us twice, from the terminal and from a launcher: that is no second wish.
    clock.timer(SAME_SIGNAL_MS, () => {
      process.once('SIGTERM', () => process.exit(EXIT_FAILED));
      process.once('SIGINT', () => process.exit(EXIT_FAILED));
    });
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  onHangUp = () => {
    gateway.reload('signal').catch((error: unknown) => {
      recorder.log.emit('cfg.error', { text: errorText(error) });
    });
  };
  try {
    for (const line of await gateway.start()) say(line);
    say('ready');
  } catch (error) {
    const isInUse = error instanceof CodedError && error.code === 'STORE_LOCKED';
    // That another one runs is no crash, and its log is not ours.
    if (!isInUse) {
      // What is foreseen, such as a port that is taken, is no fault of the program's.
      const evt = error instanceof CodedError ? 'srv.failed' : 'crash';
      recorder.log.emit(evt, { err: errorText(error) });
      held?.release();
    }
    process.stderr.write(`sluice: ${errorText(error)}${advice(error, config.data)}\n`);
    return EXIT_FAILED;
  }
  tellServiceReady(process.env);
  // A bug in some corner must not take the mail of everybody else down with it.
  process.on('uncaughtException', (error) => {
    recorder.log.emit('crash', { err: errorText(error), stack: error.stack }, 'error');
  });
  process.on('unhandledRejection', (reason) => {
    const stack = reason instanceof Error ? reason.stack : undefined;
    recorder.log.emit('crash', { err: errorText(reason), stack }, 'error');
  });
  const code = await ended.promise;
  await gateway.stop();
  return code;
}

function advice(error: unknown, data: string): string {
  if (!(error instanceof CodedError)) return '';
  if (error.code === 'STORE_LOCKED')
    return `: a gateway runs on the data folder ${data} already ("sluice status" asks it)`;
  return ADVICE[error.code] ?? '';
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  STORE_DAMAGED:
    '; nothing was changed. "sluice store check" says what can be saved, "sluice queue export --all ' +
    '--offline --to FOLDER" saves it, "sluice store repair" repairs the store and keeps it as it was',
};
