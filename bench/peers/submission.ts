/**
 * Two ways to take mail of customers by submission: Postfix with Cyrus SASL and opendkim as a milter, and
 * our gateway with a login, a key and MX from a DNS of the benchmark's own, with limits and without. Both sign with the same
 * RSA-2048 key and the same certificate. Postfix is told the next host instead of asking a DNS.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { recordName, recordText } from '../../src/dkim/record.ts';
import { makeKey, parseSigningKey } from '../../src/dkim/signing-key.ts';
import { makeCertificate } from '../../src/smtp/self-made-certificate.ts';
import { DnsServer } from '../../test/support/dns-server.ts';
import { DOMAIN } from '../message.ts';
import { PASSWORD, USER } from '../submission-source.ts';
import { freePort, launch, terminate, untilGreets } from './peer.ts';
import type { RunningPeer, Scene } from './peer.ts';
import { postfix } from './postfix.ts';

export interface SubmissionPeer {
  readonly name: string;
  missing(): string | undefined;
  start(scene: Scene, secrets: Secrets): Promise<RunningSubmission>;
}

export interface RunningSubmission extends RunningPeer {
  /** Roots of the process trees whose CPU counts. */
  readonly pids: readonly number[];
}

export interface Secrets {
  /** PEM, of source.test with the selector `bench`. */
  readonly signingKey: string;
  readonly tls: { readonly cert: string; readonly key: string };
}

export const SENDER_DOMAIN = 'source.test';
const SELECTOR = 'bench';
const DAY = 86_400_000;
const SEEN_MS = 20_000;
const LIMITS = ['connections', 'messages', 'recipients']
  .flatMap((what) =>
    ['minute', 'hour', 'day', 'week', 'month'].map((window) => `${what}_per_${window}`),
  )
  .concat('first_time_recipients_per_day');

export async function makeSecrets(): Promise<Secrets> {
  const now = Date.now();
  const tls = makeCertificate({
    hostname: 'submission.bench.test',
    notBefore: now - DAY,
    notAfter: now + DAY,
  });
  return { signingKey: await makeKey('rsa2048'), tls };
}

export const postfixSubmission: SubmissionPeer = {
  name: 'postfix+opendkim',
  missing() {
    const lacking = ['opendkim', 'saslpasswd2'].filter((name) => spawnSync(name, ['-V']).error);
    if (lacking.length > 0) {
      return 'apt-get install opendkim sasl2-bin libsasl2-modules libsasl2-modules-db';
    }
    return postfix.missing();
  },
  async start(scene, secrets) {
    const { folder, destinationPort } = scene;
    const milterPort = await freePort();
    const milter = startOpendkim(folder, milterPort, secrets.signingKey);
    writeSasl(folder);
    for (const [name, text] of Object.entries(secrets.tls)) {
      writeFileSync(join(folder, `${name}.pem`), text);
    }
    const more = `relay_domains =
relay_recipient_maps =
default_transport = relay:[127.0.0.1]:${destinationPort}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = ${folder}/sasl
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = ${folder}/cert.pem
smtpd_tls_key_file = ${folder}/key.pem
smtpd_milters = inet:127.0.0.1:${milterPort}
milter_default_action = tempfail
`;
    try {
      const running = await postfix.start({ ...scene, mainCf: more });
      const stop = async () => {
        await running.stop();
        await terminate(milter);
      };
      return { ...running, pids: [running.pid, milter.pid ?? 0], stop };
    } catch (error) {
      await terminate(milter);
      throw error;
    }
  },
};

function startOpendkim(folder: string, port: number, key: string) {
  const keyFile = join(folder, 'signing.pem');
  const config = join(folder, 'opendkim.conf');
  writeFileSync(keyFile, key, { mode: 0o600 });
  const lines = [
    ...['Mode s', `Domain ${SENDER_DOMAIN}`, `Selector ${SELECTOR}`, `KeyFile ${keyFile}`],
    ...[`Socket inet:${port}@127.0.0.1`, 'Canonicalization relaxed/relaxed'],
    ...['OversignHeaders From', 'SignatureAlgorithm rsa-sha256', 'Background no'],
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return launch(folder, 'opendkim', ['-f', '-x', config]);
}

function writeSasl(folder: string): void {
  mkdirSync(join(folder, 'sasl'));
  const database = join(folder, 'sasldb2');
  writeFileSync(
    join(folder, 'sasl', 'smtpd.conf'),
    `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\nmech_list: PLAIN\n`,
  );
  const [user = '', realm = ''] = USER.split('@');
  const args = ['-p', '-c', '-f', database, '-u', realm, user];
  const done = spawnSync('saslpasswd2', args, { input: PASSWORD, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`saslpasswd2: ${done.stderr}`);
  chmodSync(database, 0o644);
}

export const sluiceSubmission = sluiceWith('sluice', '');

/** With a limit in every window, and an identity that is counted for itself. */
export const limitedSubmission = sluiceWith('sluice+limits', limited('login'));

/** The same limits, and each of the thousand senders that the source names in turn counted for itself. */
export const sendersSubmission = sluiceWith('sluice+senders', limited('sender'));

function limited(identity: 'login' | 'sender'): string {
  const limits = LIMITS.map((name) => `${name}: 1000000000`).join(', ');
  return `, identity: ${identity}, limits: { ${limits} }`;
}

/** `settings`: of the account that sends. */
function sluiceWith(name: string, settings: string): SubmissionPeer {
  return {
    name,
    missing: () => undefined,
    start: (scene, secrets) => startSluice(scene, secrets, settings),
  };
}

async function startSluice(
  scene: Scene,
  secrets: Secrets,
  settings: string,
): Promise<RunningSubmission> {
  const { folder, port, destinationPort } = scene;
  const parsed = parseSigningKey(secrets.signingKey);
  if (!parsed.ok) throw new Error(parsed.problem);
  const record = recordText(parsed.value);
  const dns = await new DnsServer({
    [DOMAIN]: { mx: [`10 mx.${DOMAIN}`] },
    [`mx.${DOMAIN}`]: { a: ['127.0.0.1'] },
    [recordName(SENDER_DOMAIN, SELECTOR)]: { txt: [record.match(/.{1,255}/g) ?? []] },
  }).start();
  await writeConfiguration(scene, secrets, dns.address, settings);
  const program = join(import.meta.dirname, '../../test/support/remote-main.ts');
  const args = [program, 'start', '-c', join(folder, 'sluice.yaml')];
  const env = { ...process.env, SLUICE_TEST_REMOTE_PORT: String(destinationPort) };
  const child = launch(folder, process.execPath, args, env);
  const stop = async () => {
    await terminate(child);
    await dns.stop();
  };
  try {
    await untilGreets(port, folder, child);
    await untilSigning(join(folder, 'sluice.log'));
  } catch (error) {
    await stop();
    throw error;
  }
  const pid = child.pid ?? 0;
  return { pid, pids: [pid], stop };
}

async function untilSigning(log: string): Promise<void> {
  const deadline = performance.now() + SEEN_MS;
  while (!readFileSync(log, 'utf8').includes('"evt":"dkim.seen"')) {
    if (performance.now() > deadline) throw new Error('the record of the key was not seen');
    await sleep(50);
  }
}

async function writeConfiguration(
  { folder, port }: Scene,
  { signingKey, tls }: Secrets,
  dns: string,
  settings: string,
): Promise<void> {
  for (const name of ['domains', `dkim/${SENDER_DOMAIN}`, 'tls']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const files: Readonly<Record<string, string>> = {
    [`dkim/${SENDER_DOMAIN}/${SELECTOR}.pem`]: signingKey,
    'tls/cert.pem': tls.cert,
    'tls/key.pem': tls.key,
    [`domains/${SENDER_DOMAIN}.yaml`]: `domain: ${SENDER_DOMAIN}
destination: 127.0.0.1:${await freePort()}
recipients: any
licensed_users: 1000000
services: [relay, fallback]
outgoing:
  enabled: true
  accounts:
    - { user: ${USER}, password: "${formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)))}"${settings} }
`,
    'sluice.yaml': `hostname: sluice.bench.test
data: ./data
domains: ./domains
listeners: [{ name: submission, address: "127.0.0.1:${port}", auth: required }]
control: { address: "127.0.0.1:${await freePort()}" }
tls: { cert: ./tls/cert.pem, key: ./tls/key.pem }
dns: { servers: ["${dns}"] }
delivery: { private_networks: [127.0.0.0/8] }
limits: { connections: 20000, connections_per_client: 20000 }
log: { level: info, file: ./sluice.log }
`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
}
