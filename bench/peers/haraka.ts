/**
 * Haraka as a peer: the npm package in a folder of its own below bench/.peers, installed on first use
 * and never a dependency of ours. While the destination is up it forwards within the session
 * (queue/smtp_forward, its analog of relay-first); when it is down it uses its outbound queue, which
 * syncs each file. One worker, its default; its plugins for DNS and TLS are left out.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch, PEERS_FOLDER, terminate, untilGreets } from './peer.ts';
import { DOMAIN, knownRecipients } from '../message.ts';
import type { Peer, Scene } from './peer.ts';

const VERSION = '3.3.4';
const HOME = join(PEERS_FOLDER, 'haraka');
const PROGRAM = join(HOME, 'node_modules', 'Haraka', 'bin', 'haraka');

export const haraka: Peer = {
  name: 'haraka',
  missing() {
    if (existsSync(PROGRAM)) return undefined;
    console.error(`installing Haraka ${VERSION} into ${HOME}`);
    mkdirSync(HOME, { recursive: true });
    writeFileSync(join(HOME, 'package.json'), '{ "private": true }\n');
    const done = spawnSync(
      'npm',
      ['install', `Haraka@${VERSION}`, '--omit=optional', '--no-audit', '--no-fund'],
      { cwd: HOME, encoding: 'utf8', timeout: 300_000 },
    );
    return existsSync(PROGRAM) ? undefined : `npm install failed: ${done.stderr}`;
  },
  async start(scene) {
    writeConfiguration(scene);
    const child = launch(scene.folder, process.execPath, [PROGRAM, '-c', scene.folder]);
    try {
      await untilGreets(scene.port, scene.folder, child);
    } catch (error) {
      await terminate(child);
      throw error;
    }
    const pid = child.pid ?? 0;
    return {
      pid,
      flush: () => {
        process.kill(pid, 'SIGHUP');
        return Promise.resolve();
      },
      stop: () => terminate(child),
    };
  },
};

function writeConfiguration({ folder, port, destinationPort, mode }: Scene): void {
  const files: Record<string, string> = {
    'config/me': 'haraka.bench.test\n',
    'config/smtp.ini': `listen=127.0.0.1:${port}\nforce_shutdown_timeout=2\n`,
    'config/log.ini': '[main]\nlevel=info\ntimestamps=true\n',
    'config/connection.ini': connectionIni(),
    'config/outbound.ini': 'enable_tls=false\nlocal_mx_ok=true\ninet_prefer=v4\n',
    'config/smtp_forward.ini': `host=127.0.0.1\nport=${destinationPort}\n`,
    'config/plugins': mode === 'relay' ? 'bench\nqueue/smtp_forward\n' : 'bench\n',
    'config/recipients.json': JSON.stringify(knownRecipients()),
    'plugins/bench.js': plugin(destinationPort, mode),
  };
  for (const name of ['config', 'plugins', 'queue']) mkdirSync(join(folder, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

/** The shipped file, for a shorter one would not be completed from it, with room for large messages. */
function connectionIni(): string {
  const shipped = join(HOME, 'node_modules', 'Haraka', 'config', 'connection.ini');
  return readFileSync(shipped, 'utf8').replace(/^bytes=.*$/m, 'bytes=60000000');
}

/** The recipient list as a set in memory, and the destination as the only MX. */
function plugin(destinationPort: number, mode: Scene['mode']): string {
  return `'use strict'
const known = new Set(require('../config/recipients.json'))
exports.hook_rcpt = (next, connection, params) => {
  const address = params[0].address.toLowerCase()
  if (!address.endsWith('@${DOMAIN}')) return next()
  if (!known.has(address)) return next(DENY, 'no such user')
  ${mode === 'queue' ? 'connection.relaying = true' : ''}
  next(OK)
}
exports.hook_get_mx = (next) => {
  next(OK, { priority: 0, exchange: '127.0.0.1', port: ${destinationPort} })
}
`;
}
