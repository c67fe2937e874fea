/**
 * What every command is given: where it writes, how it reaches the gateway, and where it leaves its
 * exit code. Made once per run of the command line.
 */
import type { ControlClient } from '../control/client.ts';
import type { Terminal } from './terminal.ts';

export interface Cli {
  readonly terminal: Terminal;
  /** The configuration file that is meant. Throws a `CliFault` when there is none. */
  configFile(): string;
  /** The data folder that the configuration names. */
  dataFolder(): Promise<string>;
  /** Connects nowhere yet; faults come with the first request. */
  client(): Promise<ControlClient>;
  /** Without being called, the command is done: 0. */
  exit(code: number): void;
}
