/**
 * `sluice mailq`: the queue in the layout of Postfix's `mailq` (long queue ids), and with `-j` the
 * members of `postqueue -j`, so that the scripts and monitoring plug-ins of mail administrators keep
 * working; with `--json` our own, as each listing has them.
 */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { jsonLine } from './listing.ts';
import { printQueue } from './queue-list.ts';
import { reasonOf } from './queue-selection.ts';
import { numberOf, rowsOf, textOf, timeOf } from './row-reader.ts';
import { printable } from './terminal.ts';

/** What Postfix shows in place of the null reverse-path. */
const NULL_SENDER = 'MAILER-DAEMON';
/** Column in which a reason ends. */
const REASON_WIDTH = 76;
const HEADING = '----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------';
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

export function addMailq(program: Command, cli: Cli): void {
  program
    .command('mailq')
    .description('the queue as mailq of Postfix prints it')
    .option('-j', 'one object a line, with the members of postqueue -j')
    .option('--json', 'JSON Lines, as of queue list')
    .action(async (options: { j?: boolean; json?: boolean }) => {
      if (options.json === true) {
        await printQueue(cli, {}, { json: true, header: true });
        return;
      }
      const { terminal } = cli;
      const client = await cli.client();
      let count = 0;
      let bytes = 0;
      for await (const row of client.rows('/api/v1/queue')) {
        if (options.j === true) {
          await terminal.out(jsonLine(postqueueRow(row)));
          continue;
        }
        await terminal.out(count === 0 ? `${HEADING}\n` : '\n');
        await terminal.out(paragraph(row));
        count += 1;
        bytes += numberOf(row, 'size') ?? 0;
      }
      if (options.j === true) return;
      const requests = `${count} Request${count === 1 ? '' : 's'}`;
      await terminal.out(
        count === 0
          ? 'Mail queue is empty\n'
          : `\n-- ${Math.floor(bytes / 1024)} Kbytes in ${requests}.\n`,
      );
    });
}

function paragraph(row: Row): string {
  const state = textOf(row, 'state');
  const mark = state === 'active' ? '*' : state === 'hold' ? '!' : '';
  const id = `${textOf(row, 'id')}${mark}`.padEnd(17);
  const size = String(numberOf(row, 'size') ?? 0).padStart(8);
  const arrival = arrivalText(timeOf(row, 'queued_at') ?? 0);
  const sender = printable(textOf(row, 'from') || NULL_SENDER);
  let text = `${id} ${size} ${arrival} ${sender}\n`;
  let shown = '';
  for (const { address, reason } of recipientsOf(row)) {
    // A reason stands above the recipients it is for, once.
    if (reason !== shown) {
      const words = printable(reason) || 'reason unavailable';
      text += `${' '.repeat(Math.max(0, REASON_WIDTH - words.length))}(${words})\n`;
      shown = reason;
    }
    text += `${' '.repeat(47)}${printable(address)}\n`;
  }
  return text;
}

function postqueueRow(row: Row): Row {
  return {
    queue_name: textOf(row, 'state'),
    queue_id: textOf(row, 'id'),
    arrival_time: Math.floor((timeOf(row, 'queued_at') ?? 0) / 1000),
    message_size: numberOf(row, 'size') ?? 0,
    forced_expire: false,
    sender: textOf(row, 'from') || NULL_SENDER,
    recipients: recipientsOf(row).map(({ address, reason }) =>
      reason === '' ? { address } : { address, delay_reason: reason },
    ),
  };
}

function recipientsOf(row: Row): { address: string; reason: string }[] {
  // A hold, or a destination that is down, keeps all of them; else each has its own last answer.
  const isShared = row['hold'] !== undefined || row['outage'] !== undefined;
  const shared = isShared ? reasonOf(row) : '';
  return rowsOf(row, 'rcpts').map((rcpt) => ({
    address: textOf(rcpt, 'addr'),
    reason: shared || textOf(rcpt, 'reason'),
  }));
}

/** As asctime(3) without the year, in local time. */
function arrivalText(at: number): string {
  const date = new Date(at);
  const day = String(date.getDate()).padStart(2);
  return `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${day} ${date.toTimeString().slice(0, 8)}`;
}
