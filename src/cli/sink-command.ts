/** `sluice sink`: runs the trial destination until it is interrupted, and says what it does. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Cli } from './cli.ts';
import { MAGIC_RECIPIENTS } from './magic-recipients.ts';

const MISBEHAVES = MAGIC_RECIPIENTS.map((line) => `  ${line}`).join('\n');

export function addSink(program: Command, cli: Cli): void {
  program
    .command('sink')
    .description('a destination for trials: takes mail and prints a line for each')
    .requiredOption('--port <number>', 'port on 127.0.0.1', parsePort)
    .option('--out <file>', 'append the mails to this mbox file')
    .addHelpText('after', `\nRecipients that make it misbehave:\n${MISBEHAVES}`)
    .action(async (options: { port: number; out?: string }) => {
      const { runSink } = await import('./sink.ts');
      const sink = await runSink(options);
      cli.terminal.err(sinkText(sink.port, options.out));
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      await sink.stop();
    });
}

/** For standard error: standard output is for the lines of the mails. */
function sinkText(port: number, out: string | undefined): string {
  const keeps = out === undefined ? 'keeps none of it (--out FILE does)' : `appends it to ${out}`;
  return `sink: listening on 127.0.0.1:${port}; takes all mail and delivers nothing
sink: prints one JSON line for each mail and ${keeps}; Ctrl-C ends it
sink: recipients that make it misbehave:
${MISBEHAVES}
`;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new InvalidArgumentError('must be a port');
  return port;
}
