/** Asks the gateway that may run on this configuration how it is, for `sluice doctor`. */
import type { Running, ScannerAnswer } from '../doctor/facts/running.ts';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import { storeHolder } from '../gateway/offline-store.ts';
import type { Cli } from './cli.ts';
import { numberOf, rowOf, rowsOf, textOf, timeOf, wordsOf } from './row-reader.ts';

/** It counts what waits in its queue; a gateway that is well has done so in a moment. */
const ANSWER_MS = 10_000;

export async function askRunning(cli: Cli): Promise<Running> {
  const client = await cli.client();
  try {
    return runningOf(await client.get('/api/v1/status', ANSWER_MS));
  } catch (error) {
    if (!(error instanceof ControlFault)) throw error;
    const { kind, message: text } = error;
    if (kind !== 'unreachable') return { kind: kind === 'denied' ? 'denied' : 'silent', text };
    const holder = await storeHolder(await cli.dataFolder());
    if (holder === undefined) return { kind: 'none', text };
    return { kind: 'silent', text: `process ${holder} has the store open, but ${text}` };
  }
}

function runningOf(row: Row): Running {
  const config = rowOf(row, 'config');
  return {
    kind: 'running',
    pid: numberOf(row, 'pid'),
    version: textOf(row, 'version'),
    state: textOf(row, 'state'),
    ready: row['ready'] === true,
    uptimeMs: (numberOf(row, 'uptime') ?? 0) * 1000,
    loadedAt: timeOf(config, 'loaded_at'),
    stale: config['stale'] === true,
    needsRestart: wordsOf(config, 'needs_restart'),
    listeners: rowsOf(row, 'listeners').map((listener) => ({
      name: textOf(listener, 'name'),
      address: textOf(listener, 'address'),
      port: numberOf(listener, 'port') ?? 0,
    })),
    scanners: rowsOf(row, 'scanners').map((scanner) => ({
      name: textOf(scanner, 'name'),
      up: scanner['up'] === true,
      text: textOf(scanner, 'text'),
      signatures: signaturesOf(rowOf(scanner, 'signatures')),
    })),
    damaged: wordsOf(rowOf(row, 'queue'), 'damaged'),
  };
}

function signaturesOf(row: Row): ScannerAnswer['signatures'] {
  const { age } = row;
  return typeof age === 'string' ? { age, text: textOf(row, 'text') } : undefined;
}
