/** `sluice doctor` in scenarios: what it tells, row by row. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Destination } from './destination.ts';
import type { Behaviour } from './destination.ts';
import { Gateway } from './gateway.ts';
import type { GatewayFiles } from './gateway.ts';

export interface Row {
  readonly group: string;
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly fix?: string;
}

export interface Told {
  readonly code: number | null;
  readonly rows: readonly Row[];
  readonly status: (check: string) => string;
  readonly row: (check: string) => Row;
}

export async function doctor(gateway: Gateway, ...args: string[]): Promise<Told> {
  const { code, stdout, stderr } = await gateway.cli('doctor', '--json', ...args);
  const rows = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row & { v: number; kind: string }); // our own output
  for (const row of rows) assert.deepEqual([row.v, row.kind], [1, 'doctor']);
  const row = (check: string) => {
    const found = rows.find((each) => each.check === check);
    if (found === undefined) throw new Error(`no ${check} in ${stdout}${stderr}`);
    return found;
  };
  return { code, rows, row, status: (check) => row(check).status };
}

/** A gateway that is not started. */
export async function made(t: TestContext, files: GatewayFiles): Promise<Gateway> {
  const gateway = await Gateway.make(files);
  t.after(() => gateway.remove());
  return gateway;
}

export async function customer(t: TestContext, behaviour: Behaviour = {}): Promise<Destination> {
  const server = await new Destination(behaviour).start();
  t.after(() => server.stop());
  return server;
}
