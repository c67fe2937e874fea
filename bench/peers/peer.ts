/**
 * What the benchmarks ask of a mail server under test, and what starting one takes: a private folder,
 * a private port, a process of its own that is stopped by its id. Peers get the same scene: relay for
 * one domain to one destination on loopback, the same list of recipients, no filters, no TLS, no DNS.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const PEERS_FOLDER = join(import.meta.dirname, '..', '.peers');

export interface Scene {
  readonly folder: string;
  readonly port: number;
  /** Where mail for the domain goes; nobody need listen there. */
  readonly destinationPort: number;
  /** `relay`: the destination is up. `queue`: it is down at the beginning. */
  readonly mode: 'relay' | 'queue';
}

export interface Peer {
  readonly name: string;
  /** Why it cannot run here, or undefined. May install it on first use. */
  missing(): string | undefined;
  start(scene: Scene): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** Root of its process tree. */
  readonly pid: number;
  /** Tries what is queued now, where a peer needs to be told that the destination is back. */
  flush?(): Promise<void>;
  stop(): Promise<void>;
}

const START_MS = 20_000;
const STOP_MS = 15_000;

/** A fresh folder below bench/.peers: on the disk of the checkout, for a RAM disk would flatter fsync. */
export function makeFolder(name: string): string {
  const runs = join(PEERS_FOLDER, 'runs');
  mkdirSync(runs, { recursive: true });
  const folder = mkdtempSync(join(runs, `${name}-`));
  chmodSync(folder, 0o755); // Postfix's daemons look into it as another user
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** A port nobody listens on now; the system does not give it out again for a while. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo; // a TCP server's address is one
      server.close(() => resolve(port));
    });
  });
}

/** Its output goes to `output.log` in the folder; it leads a process group, so its signals stay there. */
export function launch(
  folder: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  const log = openSync(join(folder, 'output.log'), 'a');
  const child = spawn(command, args, {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  // Should the benchmark end early, nothing of the peer may outlive it.
  const reap = () => {
    if (child.pid !== undefined) signal(-child.pid, 'SIGKILL');
  };
  process.once('exit', reap);
  child.once('exit', () => process.off('exit', reap));
  return child;
}

/** Waits until the SMTP server greets; its own last words are in the error when it does not. */
export async function untilGreets(
  port: number,
  folder: string,
  child: ChildProcess,
): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!(await greets(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      const words = readFileSync(join(folder, 'output.log'), 'utf8').slice(-2000);
      throw new Error(`no greeting on port ${port}; ${folder}/output.log ends with:\n${words}`);
    }
    await sleep(50);
  }
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(2000, () => answer(false));
    socket.once('error', () => answer(false));
    socket.once('close', () => resolve(false));
    socket.once('data', (chunk) => {
      socket.end('QUIT\r\n');
      answer(chunk.toString('latin1', 0, 3) === '220');
    });
  });
}

/** SIGTERM, and SIGKILL to its process group when it is still there after a while. */
export async function terminate(child: ChildProcess, pid = child.pid): Promise<void> {
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signal(pid, 'SIGTERM');
  const late = setTimeout(() => signal(-pid, 'SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(late);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}
