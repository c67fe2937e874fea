/**
 * Everything that listens to the log: counts, rates, traces of recent sessions, the records and the
 * live feed. One `tap`, so that log, metrics and traces cannot tell different stories.
 */
import { CalmLog } from '../base/calm-log.ts';
import type { Clock } from '../base/clock.ts';
import type { Level, Log, LogSink } from '../base/log.ts';
import { LogLevels } from '../base/log-levels.ts';
import { createLog, logDestination } from '../base/log.ts';
import { MessageRates } from '../base/message-rates.ts';
import type { Metrics } from '../base/metrics.ts';
import { createMetrics } from '../base/metrics.ts';
import { SessionTraces } from '../base/session-traces.ts';
import { LiveFeed } from '../control/live-feed.ts';
import { RecordKeeping } from './record-keeping.ts';

export interface Recorder {
  readonly log: Log & Pick<CalmLog, 'stop'>;
  readonly metrics: Metrics;
  readonly rates: MessageRates;
  readonly traces: SessionTraces;
  readonly records: RecordKeeping;
  readonly feed: LiveFeed;
  readonly levels: LogLevels;
  /** The file may have been rotated: goes on in one of its name. */
  reopenLog(): void;
  /** Lines that could not be written. */
  logDropped(): number;
}

export interface RecorderOptions {
  readonly hostname: string;
  readonly version: string;
  readonly level: Level;
  readonly file: string | null;
  readonly clock: Clock;
  /** Where lines go instead of the file, such as a writer of lines for people. */
  readonly sink?: LogSink;
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, hostname, version } = options;
  const metrics = createMetrics({ version, node: hostname, processMetrics: true });
  const rates = new MessageRates(clock);
  const traces = new SessionTraces(clock);
  const feed = new LiveFeed(clock);
  const destination = options.sink ?? logDestination(options.file);
  const levels = new LogLevels(clock, options.level);
  const lines = createLog({
    host: hostname,
    levels,
    destination,
    clock,
    tap: (evt, level, fields, kept) => {
      metrics.meter(evt, fields);
      rates.see(evt, fields);
      const event = traces.see(evt, level, fields);
      feed.publish(evt, level, fields);
      if (event !== undefined) records.see(event, kept);
    },
  });
  const log = new CalmLog(lines, clock);
  const records = new RecordKeeping(clock, log);
  const reopenLog = () => destination.reopen?.();
  const logDropped = () => destination.dropped ?? 0;
  return { log, metrics, rates, traces, records, feed, levels, reopenLog, logDropped };
}
