/**
 * `sluice start`: runs the gateway in the foreground until it is told to stop. SIGTERM and SIGINT
 * stop gracefully, a second one exits at once, SIGHUP reloads. Problems of the configuration go to
 * standard error in the form of `sluice check`. A disk without room is waited for, also when it has
 * ended the store: all begins anew then. Exit codes: 0 stopped as told, 2 could not start or the store
 * failed otherwise, 78 configuration wrong.
 */
import { systemClock } from '../base/clock.ts';
import type { ErrorCode } from '../base/errors.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { isOutOfRoom } from '../base/disk-room.ts';
import { HeldLog } from '../base/held-log.ts';
import type { Log } from '../base/log.ts';
import { logDestination, SILENT_LOG } from '../base/log.ts';
import { readVersion } from '../base/version.ts';
import { formatProblem } from '../config/problem.ts';
import { Gateway } from '../gateway.ts';
import type { RemoteServers } from '../gateway/delivery-parts.ts';
import { loadGeneration } from '../gateway/generations.ts';
import { logProblem } from '../gateway/problem-log.ts';
import { createRecorder } from '../gateway/recorder.ts';
import { roomToStart } from '../gateway/room-to-start.ts';
import { reportLines } from './check.ts';
import { prettyLog } from './pretty-log.ts';
import { tellServiceReady, tellServiceWaiting } from './service-notice.ts';

const EXIT_FAILED = 2;
const EXIT_CONFIG = 78;
const SAME_SIGNAL_MS = 500;
/** As services are started anew: what comes back at once must not spin. */
const REST_MS = 2000;
/** What was written is sound after a lack of room: it begins anew, from the files, as if started again. */
const EXIT_OF = { stop: 0, 'store-failed': EXIT_FAILED, 'no-room': 'no-room' } as const;

export interface StartOptions {
  readonly config: string;
  /** Lines for people instead of JSON; by default on a terminal. */
  readonly logPretty?: boolean;
  /** A seam for tests. */
  readonly remote?: RemoteServers;
}

/** What signals mean: the life that is on puts its own meaning here. */
interface Signals {
  readonly stop: AbortController;
  /** A log may be rotated at any time, and the signal would end a process that does not hear it. */
  onHangUp: () => void;
}

export async function start(options: StartOptions): Promise<number> {
  const signals: Signals = { stop: new AbortController(), onHangUp: () => undefined };
  // Ends a gateway, a wait for room, and the wish for another life.
  const onStop = () => {
    signals.stop.abort();
    // Ctrl-C may reach us twice, from the terminal and from a launcher: that is no second wish.
    systemClock.timer(SAME_SIGNAL_MS, () => {
      process.once('SIGTERM', () => process.exit(EXIT_FAILED));
      process.once('SIGINT', () => process.exit(EXIT_FAILED));
    });
  };
  process.on('SIGHUP', () => signals.onHangUp());
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  for (;;) {
    const ended = await life(options, signals);
    if (ended !== 'no-room') return ended;
    // A disk may have no room for us alone, and not say so (a quota).
    await systemClock.sleep(REST_MS, signals.stop.signal).catch(() => undefined);
  }
}

/** From the configuration to the end: an exit code, or that there was no room for a write of the store. */
async function life(options: StartOptions, signals: Signals): Promise<number | 'no-room'> {
  const clock = systemClock;
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

  const { stop } = signals;
  signals.onHangUp = () => recorder.reopenLog();
  const onWait = (text: string) => {
    held?.release();
    say(`sluice: ${text}`);
    tellServiceWaiting(process.env, text);
  };
  await roomToStart({ config, clock, log: recorder.log, onWait }, stop.signal);
  if (stop.signal.aborted) return 0;
  const ended = Promise.withResolvers<number | 'no-room'>();
  const onStop = () => ended.resolve(0);
  stop.signal.addEventListener('abort', onStop, { once: true });
  const gateway = new Gateway({
    config,
    clock,
    recorder,
    version,
    onStoreOpen: () => held?.release(),
    ...(options.remote && { remote: options.remote }),
    onEnd: (why) => ended.resolve(EXIT_OF[why]),
  });
  signals.onHangUp = () => {
    gateway.reload('signal').catch((error: unknown) => {
      recorder.log.emit('cfg.error', { text: errorText(error) });
    });
  };
  try {
    for (const line of await gateway.start()) say(line);
    say('ready');
  } catch (error) {
    signals.onHangUp = () => undefined;
    const isInUse = error instanceof CodedError && error.code === 'STORE_LOCKED';
    // That another one runs is no crash, and its log is not ours.
    if (!isInUse) {
      // What is foreseen, such as a port that is taken, is no fault of the program's.
      const evt = error instanceof CodedError ? 'srv.failed' : 'crash';
      recorder.log.emit(evt, { err: errorText(error) });
      held?.release();
    }
    process.stderr.write(`sluice: ${errorText(error)}${advice(error, config.data)}\n`);
    return error instanceof CodedError && isOutOfRoom(error.cause) ? 'no-room' : EXIT_FAILED;
  }
  tellServiceReady(process.env);
  const uncaught = catchCrashes(recorder.log);
  const code = await ended.promise;
  await gateway.stop();
  stop.signal.removeEventListener('abort', onStop);
  uncaught();
  signals.onHangUp = () => undefined;
  return code;
}

/** A bug in some corner must not take the mail of everybody else down with it. Answers how to end that. */
function catchCrashes(log: Log): () => void {
  const onCrash = (reason: unknown) => {
    const stack = reason instanceof Error ? reason.stack : undefined;
    log.emit('crash', { err: errorText(reason), stack }, 'error');
  };
  process.on('uncaughtException', onCrash);
  process.on('unhandledRejection', onCrash);
  return () => {
    process.off('uncaughtException', onCrash);
    process.off('unhandledRejection', onCrash);
  };
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
