/** `sluice sink`: runs the trial destination until it is interrupted, and says what it does. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { parseAddress } from '../mail/address.ts';
import type { Cli } from './cli.ts';
import { MAGIC_RECIPIENTS } from './magic-recipients.ts';
import type { SinkOptions } from './sink.ts';

const MISBEHAVES = MAGIC_RECIPIENTS.map((line) => `  ${line}`).join('\n');

export function addSink(program: Command, cli: Cli): void {
  program
    .command('sink')
    .description('a destination for trials: takes mail and prints a line for each')
    .requiredOption('--port <number>', 'port on 127.0.0.1', parsePort)
    .option('--out <file>', 'append the mails to this mbox file')
    .option('--recipients <list>', 'it knows only these, A@X,B@X; others hear 550', parseAddresses)
    .addHelpText('after', `\nRecipients that make it misbehave:\n${MISBEHAVES}`)
    .action(async (options: SinkOptions) => {
      const { runSink } = await import('./sink.ts');
      const sink = await runSink(options);
      cli.terminal.err(sinkText(sink.port, options));
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      await sink.stop();
    });
}

/** For standard error: standard output is for the lines of the mails. */
function sinkText(port: number, { out, recipients }: SinkOptions): string {
  const takes = recipients === undefined ? 'all mail' : `mail for ${recipients.join(', ')} alone`;
  const keeps = out === undefined ? 'keeps none of it (--out FILE does)' : `appends it to ${out}`;
  return `sink: listening on 127.0.0.1:${port}; takes ${takes} and delivers nothing
sink: prints a JSON line for each mail and ${keeps}
sink: Ctrl-C ends it; recipients that make it misbehave:
${MISBEHAVES}
`;
}

function parseAddresses(text: string): string[] {
  const addresses = text.split(',').map((part) => part.trim());
  const wrong = addresses.find((address) => !parseAddress(address).ok);
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is no address`);
  return addresses;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new InvalidArgumentError('must be a port');
  return port;
}
