/**
 * The command line in tests: `runInside` in this process with a terminal that keeps what is written,
 * `runCommand` as a person would, as a process of its own.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runCli } from '../../src/cli/program.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface InsideOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal; without it there is none. */
  readonly columns?: number;
  readonly hasColour?: boolean;
  /** What the person at the terminal answers. */
  readonly answer?: string;
  /** The line that is piped in. */
  readonly input?: string;
  readonly now?: number;
}

export async function runInside(args: readonly string[], options: InsideOptions): Promise<Ran> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    columns: options.columns,
    hasColour: options.hasColour ?? false,
    env: options.env ?? {},
    out: async (text) => {
      out += typeof text === 'string' ? text : Buffer.from(text).toString();
    },
    err: (text) => {
      err += text;
    },
    ask: async () => options.answer,
    input: async () => options.input,
    now: () => options.now ?? Date.now(),
  };
  const code = await runCli(args, terminal);
  return { code, out, err };
}

const LAUNCHER = join(import.meta.dirname, '../../src/sluice.mjs');

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; without it there is none. */
  readonly input?: string;
  readonly cwd?: string;
  readonly node?: string;
}

export function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Ran> {
  const child = spawn(options.node ?? process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin?.end(options.input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, out, err }));
  });
}
