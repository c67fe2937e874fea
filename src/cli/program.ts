/**
 * The command line: `sluice NOUN VERB [ids] [options]`. Builds all commands, runs one, and turns
 * whatever happens into an exit code and one clear sentence on standard error.
 */
import { userInfo } from 'node:os';
import { Command, CommanderError } from 'commander';
import { readVersion } from '../base/version.ts';
import { ControlClient, ControlFault } from '../control/client.ts';
import { addAccount } from './account.ts';
import { addIdentity } from './account-locks.ts';
import { addArchive } from './archive.ts';
import type { Cli } from './cli.ts';
import { addAlert } from './alert.ts';
import { addDkim } from './dkim.ts';
import { addDestination } from './destination.ts';
import { addDomain } from './domain.ts';
import { CliFault, EXIT, exitOf } from './exit.ts';
import { addGatewayCommands } from './gateway-commands.ts';
import { configFile, dataPath, socketPath } from './locate.ts';
import { addList } from './list.ts';
import { addLimits } from './limits.ts';
import { addMailq } from './mailq.ts';
import { addPlugins } from './plugins.ts';
import { addQuarantine } from './quarantine.ts';
import { addQueue } from './queue.ts';
import { addRecipient } from './recipient.ts';
import { addStore } from './store.ts';
import { addSink } from './sink-command.ts';
import { addLog } from './log.ts';
import { addLogLevel } from './loglevel.ts';
import { addTail } from './tail.ts';
import type { Terminal } from './terminal.ts';
import { OutputClosed, printable } from './terminal.ts';
import { addTestMessage } from './test-message.ts';
import { addTrace } from './trace.ts';
import { expandWords } from './words.ts';

/** Promised by the contract, not built yet. */
const LATER = ['user'];

/** Runs one command line (without node and script) and says the exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exit: number = EXIT.done;
  const program = new Command('sluice');
  const places = () => ({
    ...program.opts<{ config?: string; socket?: string }>(),
    env: terminal.env,
  });
  const cli: Cli = {
    terminal,
    configFile: () => configFile(places()),
    dataFolder: () => dataPath(places()),
    client: async () => new ControlClient(await socketPath(places()), userName()),
    exit: (code) => {
      exit = code;
    },
  };
  build(program, cli);
  const nouns = new Map(
    program.commands.map((noun) => [noun.name(), noun.commands.map((verb) => verb.name())]),
  );
  nouns.set('help', []);
  const expanded = expandWords(args, { known: nouns, later: LATER });
  try {
    if (!expanded.ok) throw new CliFault(EXIT.usage, expanded.problem);
    await program.parseAsync([...expanded.args], { from: 'user' });
    return exit;
  } catch (error) {
    return fault(error, terminal);
  }
}

function build(program: Command, cli: Cli): void {
  program
    .description(
      'Mail gateway: filters what comes in, keeps it while a server is down, relays what goes out',
    )
    .version(readVersion(), '--version')
    .option(
      '-c, --config <file>',
      'configuration (else SLUICE_CONFIG, config/sluice.yaml, /etc/sluice/sluice.yaml)',
    )
    .option('--socket <path>', 'control socket (else SLUICE_SOCKET, else in the data folder)')
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => void cli.terminal.out(text).catch(() => undefined), // its reader is gone
      writeErr: (text) => cli.terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'sluice: ')),
    });
  addGatewayCommands(program, cli);
  addSink(program, cli);
  addStore(program, cli);
  addQueue(program, cli);
  addQuarantine(program, cli);
  addMailq(program, cli);
  addTrace(program, cli);
  addTail(program, cli);
  addLog(program, cli);
  addLogLevel(program, cli);
  addDomain(program, cli);
  addDestination(program, cli);
  addPlugins(program, cli);
  addList(program, cli);
  addAlert(program, cli);
  addAccount(program, cli);
  addIdentity(program, cli);
  addLimits(program, cli);
  addArchive(program, cli);
  addDkim(program, cli);
  addRecipient(program, cli);
  addTestMessage(program, cli);
}

function fault(error: unknown, terminal: Terminal): number {
  if (error instanceof OutputClosed) return EXIT.done;
  // Commander has written its message already; help and version are no faults.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const text = error instanceof Error ? error.message : String(error);
  terminal.err(`sluice: ${printable(text)}\n`);
  if (error instanceof CliFault) return error.exit;
  if (error instanceof ControlFault) return exitOf(error);
  return EXIT.failed;
}

/** For the log: who did it. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // an account without a name
  }
}
