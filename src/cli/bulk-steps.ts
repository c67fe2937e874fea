/**
 * A step on many messages, one answer a line: what was given as ids is done at once, what filters found
 * is asked about first, and without a terminal needs `--yes`. One that is there and was not done is a
 * failure (exit 2), whatever the reason; what is not there matches nothing (exit 1 when nothing did).
 */
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { textOf } from './row-reader.ts';
import { coloured, printable } from './terminal.ts';

export interface Step {
  readonly name: string;
  /** What the gateway answers when it was done. */
  readonly done: readonly string[];
  /** Where it is asked for; the ids go into the body beside `more`. */
  readonly path: string;
  readonly more: Row;
}

/** Ids in one request; the gateway takes no more than 1000. */
const BATCH = 500;

export async function takeSteps(
  cli: Cli,
  client: ControlClient,
  step: Step,
  { ids, json }: { readonly ids: readonly string[]; readonly json: boolean },
): Promise<void> {
  let done = 0;
  let failed = 0;
  for (let start = 0; start < ids.length; start += BATCH) {
    const body: Row = { ids: ids.slice(start, start + BATCH), ...step.more };
    for await (const row of client.rows(step.path, { body })) {
      const result = textOf(row, 'result');
      const isDone = step.done.includes(result);
      if (isDone) done += 1;
      else if (result !== 'not found') failed += 1;
      await cli.terminal.out(json ? jsonLine(row) : resultLine(cli, row, isDone));
    }
  }
  if (failed > 0) cli.exit(EXIT.failed);
  else if (done === 0) cli.exit(EXIT.nothing);
}

/** `what` is `3 messages`, and what there is to think about. */
export async function confirm(cli: Cli, step: string, what: string): Promise<void> {
  const answer = await cli.terminal.ask(`${step} ${what}? [y/N] `);
  if (answer === undefined) {
    const text = `this would ${step} ${what}; say --yes, or --dry-run to see which`;
    throw new CliFault(EXIT.usage, text);
  }
  if (!/^y(es)?$/i.test(answer)) throw new CliFault(EXIT.nothing, 'nothing was done');
}

export function countText(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`;
}

function resultLine(cli: Cli, row: Row, isDone: boolean): string {
  const result = printable(textOf(row, 'result'));
  const colour = isDone ? 'green' : 'yellow';
  return `${printable(textOf(row, 'id'))}  ${coloured(cli.terminal, colour, result)}\n`;
}
