/**
 * The program with one seam open: mail servers of others are at the port that the environment
 * names. Everything else is as the real entry has it.
 */
import { runCli } from '../../src/cli/program.ts';
import { start } from '../../src/cli/start.ts';
import { processTerminal } from '../../src/cli/terminal.ts';

const args = process.argv.slice(2);
const [verb, , config = ''] = args;
const port = Number(process.env['SLUICE_TEST_REMOTE_PORT']);
process.exitCode =
  verb === 'start'
    ? await start({ config, remote: { port } })
    : await runCli(args, processTerminal());
