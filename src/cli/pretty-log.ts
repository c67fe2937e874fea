/**
 * The log for people: what `sluice tail` shows, written by the gateway itself. The whole log is JSON;
 * this is a view of it for a terminal, chosen with `--log-pretty`.
 */
import type { LogSink } from '../base/log.ts';
import { asRow } from './row-reader.ts';
import { TailFormat } from './tail-format.ts';

export function prettyLog(out: NodeJS.WriteStream): LogSink {
  const hasColour = out.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  const format = new TailFormat({ hasColour });
  return {
    write(line) {
      const row = asRow(JSON.parse(line));
      if (row !== undefined) for (const text of format.lines(row)) out.write(`${text}\n`);
    },
  };
}
