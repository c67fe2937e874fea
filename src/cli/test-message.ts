/**
 * `sluice test-message`: sends one mail to the gateway by SMTP, as any other server would, and shows
 * the dialogue. `--spam` and `--virus` send the harmless test patterns that every scanner knows
 * (GTUBE, EICAR). Exit 0 accepted, 2 refused, 75 put off, 69 no answer.
 */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { systemText } from '../config/text-file.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { numberOf, rowsOf, textOf } from './row-reader.ts';
import type { DialogEnd } from './smtp-dialog.ts';
import { sendTestMail } from './smtp-dialog.ts';
import { printable } from './terminal.ts';
import { EICAR, GTUBE } from '../mail/test-patterns.ts';

interface TestOptions {
  readonly to: readonly string[];
  readonly from?: string;
  readonly via?: { readonly host: string; readonly port: number };
  readonly spam?: boolean;
  readonly virus?: boolean;
  readonly file?: string;
}

const EXIT_OF: Readonly<Record<DialogEnd, number>> = {
  accepted: EXIT.done,
  refused: EXIT.failed,
  'put-off': EXIT.tryLater,
  'no-answer': EXIT.unreachable,
};

const MAX_FILE_BYTES = 50 * 1024 * 1024;

export function addTestMessage(program: Command, cli: Cli): void {
  program
    .command('test-message')
    .description('send a mail to the gateway by SMTP and show the dialogue')
    .requiredOption('--to <address...>', 'recipients')
    .option('--from <address>', 'sender; <> for the null reverse-path')
    .option('--via <host:port>', 'another server than the first listener', parsePeer)
    .option('--spam', 'with the GTUBE pattern, which every spam filter refuses')
    .option('--virus', 'with the EICAR pattern, which every virus scanner refuses')
    .option('--file <file>', 'send this mail instead')
    .action(async (options: TestOptions) => {
      const status =
        options.via === undefined ? await (await cli.client()).get('/api/v1/status') : {};
      const via = options.via ?? firstListener(status);
      const host = textOf(status, 'hostname') || hostname();
      const from = (options.from ?? `sluice-test@${host}`).replace(/^<(.*)>$/, '$1');
      // What goes into the dialogue is ours to keep to one line.
      for (const address of [from, ...options.to]) {
        if (/[\r\n<>]/.test(address)) throw new CliFault(EXIT.usage, 'that is no address');
      }
      const content = await contentOf(options, from, cli.terminal.now());
      const mail = { hello: hostname() || 'localhost', from, to: options.to, content };
      const end = await sendTestMail(via, mail, (line) => cli.terminal.out(`${line}\n`));
      cli.exit(EXIT_OF[end]);
    });
}

async function contentOf(options: TestOptions, from: string, now: number): Promise<string> {
  if (options.file !== undefined) {
    const bytes = await readFile(options.file).catch((error: unknown) => {
      const text = `${printable(options.file ?? '')} cannot be read: ${systemText(error)}`;
      throw new CliFault(EXIT.usage, text);
    });
    if (bytes.length > MAX_FILE_BYTES) throw new CliFault(EXIT.usage, 'that file is too large');
    return bytes.toString('latin1').replaceAll(/\r\n|\r|\n/g, '\r\n');
  }
  const kind = options.virus === true ? 'virus' : options.spam === true ? 'spam' : 'clean';
  const body = {
    clean: 'This is a test of the mail gateway. Nothing needs to be done.',
    spam: GTUBE,
    virus: EICAR,
  }[kind];
  const fields = [
    `Date: ${new Date(now).toUTCString().replace('GMT', '+0000')}`,
    `From: <${from || 'postmaster@localhost'}>`,
    `To: ${options.to.map((address) => `<${address}>`).join(', ')}`,
    `Subject: Test message (${kind})`,
    `Message-ID: <sluice-test-${now.toString(36)}-${process.pid}@${hostname() || 'localhost'}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
  ];
  return `${fields.join('\r\n')}\r\n\r\n${body}\r\n`;
}

function firstListener(status: Row): { host: string; port: number } {
  const [listener] = rowsOf(status, 'listeners');
  const port = numberOf(listener ?? {}, 'port');
  if (listener === undefined || port === undefined) {
    throw new CliFault(EXIT.unreachable, 'the gateway has no listener; name a server with --via');
  }
  const address = textOf(listener, 'address');
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return { host, port };
}

function parsePeer(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 25);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('must be host:port');
  }
  return { host, port };
}
