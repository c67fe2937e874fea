/** Whether a port can be bound, who has it when it cannot, and what answers on it. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { ListenAddress } from '../../config/config.ts';

export type PortFacts =
  | { readonly kind: 'free' }
  | { readonly kind: 'taken'; readonly by: string | undefined }
  /** The address is of no interface of this machine. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'fault'; readonly text: string };

/** Binds it for a moment; nobody is answered meanwhile. */
export async function tryPort({ address, port }: ListenAddress): Promise<PortFacts> {
  const server = createServer((socket) => socket.destroy());
  const code = await new Promise<string | Error | undefined>((resolve) => {
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error));
    server.listen({ host: address, port }, () => resolve(undefined));
  });
  switch (code) {
    case undefined:
      await new Promise((resolve) => server.close(resolve));
      return { kind: 'free' };
    case 'EADDRINUSE':
      return { kind: 'taken', by: await portHolder(port) };
    case 'EADDRNOTAVAIL':
      return { kind: 'elsewhere' };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'denied' };
    default:
      return { kind: 'fault', text: errorText(code) };
  }
}

const GREETING_MS = 5_000;
const MAX_GREETING = 4096;

/** The first line that comes on a connection of our own, or why there is none. */
export async function greetingOf(
  { address, port }: ListenAddress,
  clock: Clock,
): Promise<{ readonly line: string } | { readonly fault: string }> {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  const socket = connect({ host, port });
  let fault = 'the connection was closed';
  const timer = clock.timer(GREETING_MS, () => {
    fault = `no greeting within ${GREETING_MS / 1000} s`;
    socket.destroy();
  });
  const text = await new Promise<string>((resolve) => {
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
      if (read.includes('\n') || read.length > MAX_GREETING) socket.end('QUIT\r\n');
      if (read.includes('\n')) resolve(read);
    });
    socket.on('error', (error) => {
      fault = errorText(error);
    });
    socket.on('close', () => resolve(read));
  });
  timer.stop();
  socket.destroySoon();
  const [line = ''] = text.split('\r\n');
  return line === '' ? { fault } : { line };
}

/** Fields of /proc/net/tcp (proc(5)): local address, state and inode; 0A is a port that listens. */
const LISTENS = '0A';
const MAX_PROCESSES = 20_000;

/** `exim4 (pid 611)`; undefined when it is nobody that this user may see. */
async function portHolder(port: number): Promise<string | undefined> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const inodes = new Set(tables.flatMap((table) => listeningInodes(table, port)));
  const names = await readdir('/proc').catch(() => []);
  for (const pid of names.filter((name) => /^\d+$/.test(name)).slice(0, MAX_PROCESSES)) {
    if (!(await hasSocket(pid, inodes))) continue;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    return `${name.trim() || 'a process'} (pid ${pid})`;
  }
  return undefined;
}

function listeningInodes(table: string, port: number): string[] {
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local = '', , state] = fields;
    const isIt = state === LISTENS && Number.parseInt(local.split(':')[1] ?? '', 16) === port;
    return isIt ? [fields[9] ?? ''] : [];
  });
}

async function hasSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  if (inodes.size === 0) return false;
  const folder = `/proc/${pid}/fd`;
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const target = await readlink(`${folder}/${file}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
