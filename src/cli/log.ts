/** `sluice log --as postfix`: a log in the form of another program, for those who read that. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { Option } from 'commander';
import { errorText } from '../base/errors.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { logRows } from './log-rows.ts';
import { PostfixLines } from './postfix-lines.ts';

export function addLog(program: Command, cli: Cli): void {
  program
    .command('log')
    .description('a log in the form of another program')
    .argument('[file]', 'the log; standard input when not given')
    .addOption(new Option('--as <form>', 'the form').choices(['postfix']).makeOptionMandatory())
    .action(async (file: string | undefined) => {
      const lines = new PostfixLines();
      const { terminal } = cli;
      const print = async (all: readonly string[]) => {
        for (const line of all) await terminal.out(`${line}\n`);
      };
      for await (const row of logRows(await inputOf(file))) await print(lines.lines(row));
      await print(lines.flush());
    });
}

async function inputOf(file: string | undefined): Promise<AsyncIterable<Uint8Array>> {
  if (file === undefined) return process.stdin;
  try {
    const handle = await open(file);
    return createReadStream('', { fd: handle });
  } catch (error) {
    throw new CliFault(EXIT.failed, `cannot read ${file}: ${errorText(error)}`);
  }
}
