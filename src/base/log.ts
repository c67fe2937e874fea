/**
 * The log: JSON Lines through pino to one synchronous destination, for asynchronous ones lose lines
 * at exit. `emit` is the only way in; `Events` is the catalogue: a new event gets its line there and
 * in docs/logging.md. Members come in the order level, time, host, evt, ip, which grep and fail2ban
 * rely on. Values from the network are bounded here; control characters are escaped.
 */
import pino from 'pino';
import type { DestinationStream } from 'pino';
import type { Clock } from './clock.ts';
import { JoinedLines } from './joined-lines.ts';
import { LogFile } from './log-file.ts';
import type { Level, LogLevels } from './log-levels.ts';

export type { Level } from './log-levels.ts';

/** Fatal: the process ends. Error: a person is needed now. Warn: today. Info: the mail ledger. */
export const LEVEL_OF = {
  'srv.start': 'info',
  'srv.ready': 'info',
  'srv.wait': 'error',
  'srv.failed': 'fatal',
  'srv.drain': 'info',
  'srv.stop': 'info',
  'cfg.reload': 'info',
  'cfg.error': 'error',
  'cfg.warning': 'warn',
  'smtp.open': 'debug',
  'smtp.xclient': 'debug',
  'smtp.tls': 'debug',
  'smtp.early': 'info',
  'smtp.lost': 'info',
  'smtp.proto': 'info',
  'smtp.close': 'debug',
  'smtp.line': 'trace',
  'log.level': 'info',
  'smtp.auth.ok': 'info',
  'smtp.auth.fail': 'warn',
  'smtp.etrn': 'info',
  'smtp.reject.conn': 'info',
  'smtp.reject.helo': 'info',
  'smtp.reject.mail': 'info',
  'smtp.reject.rcpt': 'info',
  'smtp.reject.data': 'info',
  'smtp.reject.abuse': 'warn',
  'msg.in': 'info',
  'msg.part': 'info',
  'msg.done': 'info',
  'msg.delay': 'info',
  'scan.result': 'debug',
  'scan.error': 'warn',
  'scan.gone': 'warn',
  'scanner.down': 'warn',
  'scanner.up': 'info',
  'scanner.start': 'info',
  'scanner.signatures_old': 'warn',
  'scanner.signatures_fresh': 'info',
  'rcpt.check': 'debug',
  'rcpt.full': 'warn',
  'rcpt.sent': 'info',
  'rcpt.defer': 'info',
  'rcpt.fail': 'info',
  'rcpt.hold': 'warn',
  'rcpt.expire': 'warn',
  'dest.habit': 'warn',
  'dest.down': 'warn',
  'dest.up': 'info',
  'dest.hold': 'info',
  'dest.resume': 'info',
  'dest.pause': 'warn',
  'dest.probe': 'debug',
  'ldap.down': 'warn',
  'ldap.up': 'info',
  'acct.limit': 'warn',
  'acct.near': 'warn',
  'acct.lock': 'warn',
  'acct.unlock': 'warn',
  'acct.complaint': 'warn',
  'acct.bounce': 'info',
  'ident.lock': 'warn',
  'ident.unlock': 'warn',
  'acct.reset': 'info',
  'ident.reset': 'info',
  'spf.change': 'info',
  'spf.error': 'warn',
  'dkim.seen': 'info',
  'dkim.missing': 'warn',
  'dsn.out': 'info',
  'notice.out': 'info',
  'alert.raise': 'warn',
  'alert.remind': 'warn',
  'alert.clear': 'info',
  'alert.fail': 'warn',
  'archive.error': 'error',
  'archive.expire': 'info',
  'archive.resend': 'info',
  'quar.add': 'info',
  'quar.learn': 'info',
  'quar.ask': 'warn',
  'quar.release': 'info',
  'quar.delete': 'info',
  'quar.expire': 'info',
  'list.add': 'info',
  'list.remove': 'info',
  'queue.hold': 'info',
  'queue.release': 'info',
  'queue.retry': 'info',
  'queue.delete': 'info',
  'queue.requeue': 'info',
  'queue.expire': 'info',
  'records.down': 'warn',
  'records.up': 'info',
  'records.lost': 'warn',
  'records.damaged': 'error',
  'records.expire': 'info',
  'records.pseudonymise': 'info',
  'store.slow': 'warn',
  'store.full': 'warn',
  'store.error': 'error',
  'plugin.load': 'info',
  'plugin.error': 'error',
  'plugin.timeout': 'error',
  'plugin.log': 'info',
  crash: 'fatal',
} as const satisfies Record<string, Level>;

export type EventName = keyof typeof LEVEL_OF;

export type Fields = Readonly<Record<string, unknown>> & {
  /** Client's address; always directly behind `evt`. */
  readonly ip?: string;
  /** Free text for people, never parsed. */
  readonly msg?: string;
  /** Members for the record of a message alone: too long or too private for a line of the log. */
  readonly kept?: Readonly<Record<string, unknown>> | undefined;
};

/** Sees each event; `kept` is told apart, so that nobody shows it by accident. */
export type Tap = (
  evt: EventName,
  level: Level,
  fields: Omit<Fields, 'kept'>,
  kept: Fields['kept'],
) => void;

export interface Log {
  emit(evt: EventName, fields?: Fields, level?: Level): void;
  /** Whether a line of this level about a client would be written: for what costs much to say. */
  enabled(level: Level, ip: string): boolean;
}

/** For work whose story nobody shall hear, such as a trial load of the configuration. */
export const SILENT_LOG: Log = { emit: () => undefined, enabled: () => false };

/** Longest value from the network that a line carries. */
const MAX_VALUE = 256;

export interface LogOptions {
  readonly host: string;
  readonly levels: LogLevels;
  readonly destination: DestinationStream;
  readonly clock: Clock;
  /** Sees each event that is logged, for the live view and the traces of recent sessions. */
  readonly tap?: Tap;
}

export type LogSink = DestinationStream & {
  reopen?(): void;
  /** Lines that could not be written. */
  readonly dropped?: number;
};

/** Standard output when `file` is null; else the file, made if missing. */
export function logDestination(file: string | null): LogSink {
  return new JoinedLines(new LogFile(file));
}

/** JSON escapes no DEL, no C1 and no bidirectional controls, which a terminal would obey. */
function terminalSafe(line: string): string {
  // Nearly all lines are ASCII, which is seen ten times faster so.
  if (Buffer.byteLength(line) === line.length && !line.includes('\x7f')) return line;
  return line.replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The members of a line: the fields as they are when they are fit for one, which is nearly always. */
function lineOf(fields: Fields): Fields {
  let isFirst = true;
  for (const name in fields) {
    if (isTooLong(name, fields[name]) || (name === 'ip' && !isFirst)) return fitted(fields);
    isFirst = false;
  }
  return fields;
}

function fitted({ ip, ...fields }: Fields): Fields {
  const short = Object.entries(fields).map(([name, value]) => {
    return [name, isTooLong(name, value) ? value.slice(0, MAX_VALUE) : value] as const;
  });
  return { ...(ip !== undefined && { ip }), ...Object.fromEntries(short) };
}

/** What is in `msg` is ours. */
function isTooLong(name: string, value: unknown): value is string {
  return typeof value === 'string' && value.length > MAX_VALUE && name !== 'msg';
}

export function createLog(options: LogOptions): Log {
  const { clock, levels, tap } = options;
  // Many lines have the same millisecond.
  let stampedAt: number | undefined;
  let stamp = '';
  const timestamp = (): string => {
    const now = clock.now();
    if (now !== stampedAt) {
      stampedAt = now;
      stamp = `,"time":"${new Date(now).toISOString()}"`;
    }
    return stamp;
  };
  const logger = pino(
    {
      // What is written is decided by `levels`.
      level: 'trace',
      base: { host: options.host },
      timestamp,
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line: string) => options.destination.write(terminalSafe(line)) },
  );
  // The name of the event is part of what pino has made text of already.
  const loggers = new Map<EventName, pino.Logger>();
  const loggerOf = (evt: EventName): pino.Logger => {
    let made = loggers.get(evt);
    if (made === undefined) loggers.set(evt, (made = logger.child({ evt })));
    return made;
  };
  return {
    emit(evt, given = {}, level = LEVEL_OF[evt]) {
      const { kept } = given;
      const fields = kept === undefined ? given : { ...given, kept: undefined };
      // What was said word by word is for the one who reads the log now.
      if (level !== 'trace') tap?.(evt, level, fields, kept);
      if (!levels.admits(level, fields)) return;
      loggerOf(evt)[level](lineOf(fields));
    },
    enabled: (level, ip) => levels.admits(level, { ip }),
  };
}
