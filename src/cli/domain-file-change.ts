/** What the commands that change domain files have in common: a sound start, and the gateway's word at the end. */
import { formatProblem } from '../config/problem.ts';
import { ControlFault } from '../control/client.ts';
import type { GatewayConfigResult } from '../directory/load.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { rowsOf, textOf } from './row-reader.ts';

/** A configuration with errors is mended first: nobody could tell those of a change from the old ones. */
export async function soundConfig(cli: Cli): Promise<Extract<GatewayConfigResult, { ok: true }>> {
  const loaded = await loadGatewayConfig(cli.configFile());
  if (loaded.ok) return loaded;
  const first = loaded.problems.find(({ severity }) => severity === 'error');
  const place = first === undefined ? '' : ` (${formatProblem(first, process.cwd())})`;
  throw new CliFault(
    EXIT.config,
    `the configuration has errors: correct them or move a broken domain file away, "sluice check" has all of them${place}`,
  );
}

/** The same without a word on standard output, where JSON is all there is to read. */
export function quietly(cli: Cli): Cli {
  return { ...cli, terminal: { ...cli.terminal, out: async () => undefined } };
}

/** Has a running gateway read its files and says what came of it. */
export async function tellGateway(cli: Cli, what: string): Promise<void> {
  try {
    const client = await cli.client();
    const row = await client.post('/api/v1/reload');
    if (row['ok'] === true) {
      await cli.terminal.out(`${what}\n`);
      return;
    }
    const [problem] = rowsOf(row, 'problems').map((one) => textOf(one, 'text'));
    throw new CliFault(
      EXIT.config,
      `the running gateway refuses the configuration: ${problem ?? 'see its log'}`,
    );
  } catch (error) {
    if (!(error instanceof ControlFault) || error.kind !== 'unreachable') throw error;
    await cli.terminal.out(`no gateway is running; ${what} when it starts\n`);
  }
}

/** The file that was to be new is there already. */
export function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
