/**
 * `sluice tail`: mail as it happens, one line per message that is done and per refusal, from the
 * running gateway and from the next one when it is restarted; or the same for an old log, when
 * standard input is a file or a pipe (`sluice tail < old.log`).
 */
import { fstatSync } from 'node:fs';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { liveEvents } from './live-events.ts';
import { logRows } from './log-rows.ts';
import { textOf, wordsOf } from './row-reader.ts';
import { TailFormat } from './tail-format.ts';

interface TailOptions {
  readonly json?: boolean;
  readonly live?: boolean;
  readonly dir?: string;
  readonly dest?: string;
  readonly ip?: string;
  readonly result?: string;
}

/** While nothing happens, what waits for its other half is shown after so long. */
const IDLE_MS = 1000;
/** What becomes of mail, as the lines have it. */
const RESULTS = 'sent queue reject tempf defer quar disc fail hold expire del'.split(' ');
/** Sessions of one client whose other events are shown; the oldest is forgotten. */
const MAX_SESSIONS = 10_000;

export function addTail(program: Command, cli: Cli): void {
  program
    .command('tail')
    .description('mail as it happens; with a log on standard input, that one')
    .argument('[text]', 'only lines that hold this text')
    .option('--live', 'from the gateway, whatever standard input is')
    .addOption(new Option('--dir <dir>', 'direction').choices(['in', 'out']))
    .option('--dest <domain>', 'hosted domain')
    .option('--ip <address>', 'client')
    .addOption(new Option('--result <result>', 'what became of it').choices(RESULTS))
    .option('--json', 'the events themselves, as JSON Lines')
    .action(async (text: string | undefined, options: TailOptions) => {
      if (options.json === true && options.result !== undefined)
        throw new CliFault(EXIT.usage, '--result is for the lines, not for events');
      const fromInput = options.live !== true && isFileOrPipe();
      const rows = fromInput
        ? logRows(process.stdin)
        : liveEvents(await cli.client(), cli.terminal);
      await follow(cli, rows, text, options);
    });
}

async function follow(
  cli: Cli,
  rows: AsyncIterable<Row>,
  text: string | undefined,
  options: TailOptions,
): Promise<void> {
  const { terminal } = cli;
  const { ip, ...others } = options;
  const isHis = eventsOf(ip);
  const format = new TailFormat(
    terminal,
    (facts, verb = '') =>
      isMeant(facts, options) && (options.result ?? verb.toLowerCase()) === verb.toLowerCase(),
  );
  const wanted = text?.toLowerCase();
  const print = async (lines: readonly string[]) => {
    for (const line of lines) {
      if (wanted !== undefined && !line.toLowerCase().includes(wanted)) continue;
      await terminal.out(`${line}\n`);
    }
  };
  const idle = setInterval(() => {
    // A reader that went away is noticed by the next line that is awaited.
    print(format.flush(terminal.now() - IDLE_MS)).catch(() => undefined);
  }, IDLE_MS);
  try {
    for await (const row of rows) {
      if (row['kind'] === 'dropped') {
        terminal.err(`${textOf(row, 'count')} events left out: this terminal is too slow\n`);
      } else if (options.json !== true) {
        await print(format.lines(row));
      } else if (isHis(row) && isMeant(row, others)) {
        const line = jsonLine(row);
        if (wanted === undefined || line.toLowerCase().includes(wanted)) await terminal.out(line);
      }
    }
    await print(format.flush());
  } finally {
    clearInterval(idle);
  }
}

/** Whether an event is of the client, or of a session of his that does not name him again. */
function eventsOf(ip: string | undefined): (row: Row) => boolean {
  const sessions = new Set<string>();
  return (row) => {
    if (ip === undefined) return true;
    const sid = textOf(row, 'sid');
    if (row['ip'] === undefined) return sessions.has(sid);
    if (row['ip'] !== ip) return false;
    sessions.add(sid);
    for (const oldest of sessions) {
      if (sessions.size <= MAX_SESSIONS) break;
      sessions.delete(oldest);
    }
    return true;
  };
}

function isMeant(facts: Row, { dir, dest, ip }: TailOptions): boolean {
  const fits = (name: string, value: string | undefined) =>
    value === undefined || facts[name] === value;
  const fitsDest =
    fits('dest', dest) || (dest !== undefined && wordsOf(facts, 'domains').includes(dest));
  return fits('dir', dir) && fitsDest && fits('ip', ip);
}

function isFileOrPipe(): boolean {
  try {
    const kind = fstatSync(0);
    return kind.isFile() || kind.isFIFO();
  } catch {
    return false; // closed
  }
}
