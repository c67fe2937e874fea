/**
 * A clamd and a spamd of the benchmark's own, on private ports, with what the system has of
 * signatures and rules; network tests off. Without a signature database clamd gets one that knows
 * EICAR alone, and the caller is told, for scanning is then cheaper than in earnest.
 */
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HandOn } from './instant-spamd.ts';
import { freePort, launch, terminate } from './peer.ts';

const SYSTEM_SIGNATURES = '/var/lib/clamav';
const EICAR_HASH = '44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n';
const SPAMD_CHILDREN = 2;
/** clamd reads its database for half a minute before it listens. */
const START_MS = 120_000;
const ANSWER_MS = 120_000;

export interface Scanners {
  readonly clamdPort: number;
  readonly spamdPort: number;
  readonly spamdPid: number;
  readonly clamdPid: number;
  /** What clamd's database is, for the report. */
  readonly signatures: string;
  stop(): Promise<void>;
}

export function missingScanners(): string | undefined {
  const missing = ['clamd', 'spamd'].filter((name) => spawnSync(name, ['--version']).error);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

export async function startScanners(folder: string): Promise<Scanners> {
  const clamdPort = await freePort();
  const spamdPort = await freePort();
  const hasSignatures =
    existsSync(SYSTEM_SIGNATURES) &&
    readdirSync(SYSTEM_SIGNATURES).some((name) => /^main\.c[lv]d$/.test(name));
  const clamd = startClamd(folder, clamdPort, hasSignatures ? SYSTEM_SIGNATURES : undefined);
  const spamd = launch(makeHome(folder, 'spamd'), 'spamd', [
    '--local',
    '--nouser-config',
    `--min-children=${SPAMD_CHILDREN}`,
    `--max-children=${SPAMD_CHILDREN}`,
    '--listen=127.0.0.1',
    `--port=${spamdPort}`,
    '--syslog=stderr',
    '--username=nobody',
  ]);
  const stop = async () => {
    await Promise.all([terminate(clamd), terminate(spamd)]);
  };
  try {
    await untilAnswers('clamd', clamd, clamdPort, 'nPING\n', 'PONG');
    await untilAnswers('spamd', spamd, spamdPort, 'PING SPAMC/1.5\r\n\r\n', 'PONG');
  } catch (error) {
    await stop();
    throw error;
  }
  const signatures = hasSignatures ? "the system's signatures" : 'EICAR alone: no signatures here';
  return {
    clamdPort,
    spamdPort,
    spamdPid: spamd.pid ?? 0,
    clamdPid: clamd.pid ?? 0,
    signatures,
    stop,
  };
}

function startClamd(folder: string, port: number, signatures: string | undefined): ChildProcess {
  const home = makeHome(folder, 'clamd');
  if (signatures === undefined) writeFileSync(join(home, 'eicar.hdb'), EICAR_HASH);
  const file = join(home, 'clamd.conf');
  writeFileSync(
    file,
    `Foreground yes\nTCPSocket ${port}\nTCPAddr 127.0.0.1\nDatabaseDirectory ${signatures ?? home}\n` +
      `TemporaryDirectory ${home}\n`,
  );
  return launch(home, 'clamd', ['--config-file', file]);
}

function makeHome(folder: string, name: string): string {
  const home = join(folder, name);
  mkdirSync(home);
  return home;
}

async function untilAnswers(
  name: string,
  child: ChildProcess,
  port: number,
  question: string,
  wanted: string,
): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const answer = await ask(port, Buffer.from(question)).catch(() => '');
    if (answer.includes(wanted)) return;
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`${name} does not answer`);
    }
    await sleep(200);
  }
}

/** What the spamc program does: one message, one connection, the whole answer. */
export async function askSpamd(port: number, message: Buffer): Promise<string> {
  const head = `SYMBOLS SPAMC/1.5\r\nUser: nobody\r\nContent-length: ${message.length}\r\n\r\n`;
  const answer = await ask(port, Buffer.concat([Buffer.from(head), message]));
  if (!/^SPAMD\/\d\.\d 0 EX_OK/.test(answer))
    throw new Error(`spamd said: ${answer.slice(0, 100)}`);
  return answer;
}

function ask(port: number, question: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('silent')));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      answer = (answer + chunk.toString('latin1')).slice(0, 65_536);
    });
    socket.on('close', () => resolve(answer));
    socket.end(question);
  });
}

/** A plain client of clamd: one kept connection (IDSESSION), one message after another. */
export async function clamdClient(port: number) {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('silent')));
  socket.write('zIDSESSION\0');
  return {
    async scan(message: Buffer): Promise<void> {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(message.length);
      const end = Buffer.alloc(4);
      socket.write(Buffer.concat([Buffer.from('zINSTREAM\0'), length, message, end]));
      let answer = '';
      while (!answer.endsWith('\0')) {
        const [chunk] = (await once(socket, 'data')) as [Buffer]; // no encoding is set
        answer += chunk.toString('latin1');
      }
      if (!answer.endsWith('stream: OK\0')) throw new Error(`clamd said: ${answer}`);
    },
    close: () => socket.destroy(),
  };
}

export interface InstantSpamd {
  readonly port: number;
  /** From now on the spamd at this port answers; undefined: the stand-in itself, at once. */
  handOnTo(spamdPort: number | undefined): void;
  stop(): void;
}

/** A stand-in for spamd that answers at once. */
export async function startInstantSpamd(): Promise<InstantSpamd> {
  const child = fork(join(import.meta.dirname, 'instant-spamd.ts'));
  const [port] = (await once(child, 'message')) as [number]; // its only message
  const handOnTo = (spamdPort: number | undefined) =>
    void child.send({ spamdPort } satisfies HandOn);
  return { port, handOnTo, stop: () => child.disconnect() };
}
