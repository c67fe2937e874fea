/**
 * Process entry: arguments in, exit code out. The process ends by itself when nothing is left to do,
 * so that whatever was written reaches its reader.
 */
import { processTerminal } from './cli/terminal.ts';
import { runCli } from './cli/program.ts';

process.exitCode = await runCli(process.argv.slice(2), processTerminal());
