/**
 * `sluice doctor --records [DOMAIN]`: the records that the DNS should have, as lines of a zone file to
 * copy, each with whether it is there. Exit 0 all are there, 1 some are not, 3 could not tell.
 */
import type { Domain } from '../directory/domain.ts';
import type { Installation } from '../doctor/installation.ts';
import { zoneLine } from '../doctor/needed-records.ts';
import { neededRecords } from '../doctor/records.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { printable } from './terminal.ts';

export async function printRecords(
  cli: Cli,
  installation: Installation,
  domains: readonly Domain[],
  json: boolean,
): Promise<void> {
  const { terminal } = cli;
  const states = new Set<string>();
  for await (const { of, records } of neededRecords(installation, domains)) {
    if (!json) await terminal.out(`; ${printable(of)}\n`);
    for (const record of records) {
      const { name, type, value, state, note } = record;
      states.add(state);
      const more = note === undefined ? '' : `: ${note}`;
      const row = { v: 1, kind: 'record', of, name, type, value, state, ...(note && { note }) };
      const text = printable(`${zoneLine(record)} ; ${state}${more}`);
      await terminal.out(json ? jsonLine(row) : `${text}\n`);
    }
  }
  if (states.has('missing') || states.has('differs')) cli.exit(EXIT.nothing);
  else if (states.has('unsure')) cli.exit(EXIT.unsure);
}
