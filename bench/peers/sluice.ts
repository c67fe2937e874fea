/**
 * Our own gateway as one of the peers, from this checkout, with a configuration as an operator would
 * write it: filters off unless plugins are given, recipients from a file, log at its usual level, and
 * without the limits that a load test from one address would hit.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, launch, terminate, untilGreets } from './peer.ts';
import { DOMAIN, knownRecipients } from '../message.ts';
import type { Peer, Scene } from './peer.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'sluice.mjs');

export interface SluiceScene extends Scene {
  /** Lines of the `plugins` list of sluice.yaml; none by default. */
  readonly plugins?: readonly string[];
  /** Further lines of sluice.yaml. */
  readonly node?: string;
  /** Options for Node, such as `--inspect=127.0.0.1:0`. */
  readonly nodeOptions?: string;
}

export const sluice = {
  name: 'sluice',
  missing: () => (existsSync(PROGRAM) ? undefined : 'src/sluice.mjs is not there'),
  async start(scene: SluiceScene) {
    await writeConfiguration(scene);
    const config = join(scene.folder, 'sluice.yaml');
    const env = { ...process.env, NODE_OPTIONS: scene.nodeOptions ?? '' };
    const child = launch(scene.folder, process.execPath, [PROGRAM, 'start', '-c', config], env);
    try {
      await untilGreets(scene.port, scene.folder, child);
    } catch (error) {
      await terminate(child);
      throw error;
    }
    return { pid: child.pid ?? 0, stop: () => terminate(child) };
  },
} satisfies Peer;

async function writeConfiguration(scene: SluiceScene): Promise<void> {
  const { folder, port, destinationPort, plugins = [], node = '' } = scene;
  mkdirSync(join(folder, 'domains'), { recursive: true });
  writeFileSync(join(folder, 'recipients.txt'), `${knownRecipients().join('\n')}\n`);
  writeFileSync(
    join(folder, 'domains', `${DOMAIN}.yaml`),
    `domain: ${DOMAIN}
destination: { hosts: ["127.0.0.1:${destinationPort}"], tls: off }
recipients: { file: ../recipients.txt }
${plugins.length === 0 ? 'services: [relay, fallback]\n' : ''}`,
  );
  writeFileSync(
    join(folder, 'sluice.yaml'),
    `hostname: sluice.bench.test
data: ./data
domains: ./domains
listeners: [{ name: mx, address: "127.0.0.1:${port}", tls: off }]
control: { address: "127.0.0.1:${await freePort()}" }
limits: { message_size: 60MiB, connections: 20000, connections_per_client: 20000, unknown_recipients: 10000, unknown_recipients_per_hour: 1000000 }
log: { level: info, file: ./log/sluice.log }
plugins:${plugins.length === 0 ? ' []' : ''}
${plugins.map((line) => `  - ${line}\n`).join('')}${node}\n`,
  );
}
