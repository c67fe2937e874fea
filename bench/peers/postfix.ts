/**
 * Postfix as a peer: the Debian package with a configuration, queue, data and log of its own, so the
 * system's Postfix is not touched. As it would run in earnest (queue files synced, log written), but
 * without the limits that a load test from one address would hit.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch, terminate, untilGreets } from './peer.ts';
import { DOMAIN, knownRecipients } from '../message.ts';
import type { Peer, RunningPeer, Scene } from './peer.ts';

/** Enough smtpd processes for 1,000 sessions, as many clients as they need behind them. */
const PROCESSES = 1100;

export interface PostfixScene extends Scene {
  /** Further lines of main.cf, in place of ours of the same names. */
  readonly mainCf?: string;
}

export const postfix = {
  name: 'postfix',
  missing() {
    if (spawnSync('postconf', ['-d', 'mail_version']).status !== 0) return 'not installed';
    return process.getuid?.() === 0 ? undefined : 'its master needs root';
  },
  async start(scene: PostfixScene) {
    writeConfiguration(scene);
    const child = launch(scene.folder, 'postfix', ['-c', scene.folder, 'start-fg']);
    try {
      await untilGreets(scene.port, scene.folder, child);
    } catch (error) {
      await terminate(child);
      throw error;
    }
    const pid = Number(readFileSync(join(scene.folder, 'queue', 'pid', 'master.pid'), 'utf8'));
    const running: RunningPeer = {
      pid,
      flush: () => {
        must('postqueue', ['-c', scene.folder, '-f']);
        return Promise.resolve();
      },
      stop: () => terminate(child, pid),
    };
    return running;
  },
} satisfies Peer;

function writeConfiguration(scene: PostfixScene): void {
  const { folder } = scene;
  mkdirSync(join(folder, 'queue'));
  mkdirSync(join(folder, 'data'));
  must('chown', ['postfix', join(folder, 'data')]);
  writeFileSync(
    join(folder, 'recipients'),
    knownRecipients()
      .map((address) => `${address} ok\n`)
      .join(''),
  );
  writeFileSync(join(folder, 'main.cf'), withoutDoubles(mainCf(scene) + (scene.mainCf ?? '')));
  writeFileSync(join(folder, 'master.cf'), masterCf(scene));
}

function mainCf({ folder, destinationPort }: Scene): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
multi_instance_enable = no
myhostname = postfix.bench.test
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 192.0.2.1/32
relay_domains = ${DOMAIN}
relay_recipient_maps = texthash:${folder}/recipients
relay_transport = relay:[127.0.0.1]:${destinationPort}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtpd_tls_security_level = none
smtp_tls_security_level = none
message_size_limit = 60000000
default_process_limit = ${PROCESSES}
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_error_sleep_time = 0
smtpd_junk_command_limit = 1000
`;
}

/** Postfix warns of a setting that is there twice, and its log daemon hangs on that. */
function withoutDoubles(text: string): string {
  const settings = new Map<string, string>();
  for (const line of text.trimEnd().split('\n')) settings.set(line.split(' ', 1)[0] ?? '', line);
  return `${[...settings.values()].join('\n')}\n`;
}

function masterCf({ port }: Scene): string {
  const services = [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap',
    'relay unix - - n - - smtp',
    'smtp unix - - n - - smtp',
    'showq unix n - n - - showq',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'postlog unix-dgram n - n - 1 postlogd',
  ];
  return `${services.join('\n')}\n`;
}

function must(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
}
