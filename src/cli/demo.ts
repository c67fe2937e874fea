/**
 * `sluice demo`: the whole story in a minute, on real parts: a gateway with private clamd and
 * spamd, a sink on npm's smtp-server as the customer's server, mail by SMTP. Everything lies in a
 * temporary folder and on ports of its own, the world outside is a second sink that stands behind a
 * smarthost, and is gone afterwards. Exit code 2 when a step did not go as told.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { SILENT_LOG } from '../base/log.ts';
import { readVersion } from '../base/version.ts';
import { Gateway } from '../gateway.ts';
import { loadGeneration } from '../gateway/generations.ts';
import { createRecorder } from '../gateway/recorder.ts';
import type { RunningSink } from './sink.ts';
import { runSink } from './sink.ts';
import type { DialogEnd } from './smtp-dialog.ts';
import { sendTestMail } from './smtp-dialog.ts';
import { EICAR, GTUBE } from '../mail/test-patterns.ts';

interface Scene {
  readonly port: number;
  readonly say: (line: string) => void;
  /** Subjects of what the customer's server has taken. */
  readonly arrived: readonly string[];
  /** The same of the mail server of somebody outside. */
  readonly outside: readonly string[];
  readonly sink: { stop(): Promise<void>; start(): Promise<void> };
}

const WAIT_MS = 30_000;
/** Where the customer's own server sends from: another address of loopback. */
const CUSTOMER = '127.0.0.2';

export async function demo(): Promise<number> {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  const arrived: string[] = [];
  const outside: string[] = [];
  const into = (subjects: string[]) => (line: string) => {
    const { subject } = JSON.parse(line) as { subject: string }; // written by our own sink
    subjects.push(subject);
  };
  const take = into(arrived);
  const world = await runSink({ port: 0, write: into(outside) });
  let sink: RunningSink | undefined = await runSink({ port: 0, write: take });
  const { port } = sink;
  let gateway: Gateway | undefined;
  try {
    say(`The customer's mail server (a sink) listens on 127.0.0.1:${port}.`);
    say('The gateway starts its own clamd and spamd; that takes some seconds ...');
    const started = await startGateway(folder, port, world.port);
    gateway = started.gateway;
    const failed = await story({
      port: started.smtpPort,
      say,
      arrived,
      outside,
      sink: {
        stop: async () => {
          await sink?.stop();
          sink = undefined;
        },
        start: async () => {
          sink = await runSink({ port, write: take });
        },
      },
    });
    say('');
    say(failed === 0 ? 'All of it went as told.' : `${failed} steps did not go as told.`);
    return failed === 0 ? 0 : 2;
  } finally {
    await gateway?.stop();
    await sink?.stop();
    await world.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function story(scene: Scene): Promise<number> {
  const { say, arrived } = scene;
  let failed = 0;
  const check = (went: boolean) => {
    if (!went) {
      failed += 1;
      say('!!! this did not go as told');
    }
  };
  const arrives = async (count: number, subjects = arrived) => {
    const end = systemClock.mono() + WAIT_MS;
    while (subjects.length < count && systemClock.mono() < end) await systemClock.sleep(50);
    return subjects.length === count;
  };

  chapter(say, "1. A clean mail: judged, handed on, and the sender hears the customer's server");
  check((await send(scene, 'anna', 'Lunch?', 'At noon, as always?')) === 'accepted');
  check(await arrives(1));

  chapter(say, '2. An unknown recipient: refused in the handshake, so nobody must bounce it');
  check((await send(scene, 'nobody', 'Hello', 'Is anybody there?')) === 'refused');

  chapter(say, '3. A virus (the EICAR test file): refused before the 250');
  check((await send(scene, 'anna', 'Invoice', EICAR)) === 'refused');

  chapter(say, '4. Spam (the GTUBE test text): refused before the 250');
  check((await send(scene, 'anna', 'Buy now', GTUBE)) === 'refused');

  chapter(say, "5. The customer's server goes down: mail is kept, safe on disk before the 250");
  await scene.sink.stop();
  check((await send(scene, 'anna', 'While you were out', 'Read this later.')) === 'accepted');
  check((await send(scene, 'nobody', 'Hello again', 'Still nobody?')) === 'refused');

  chapter(say, '6. It comes back: what was kept is delivered at once');
  await scene.sink.start();
  check(await arrives(2));
  say(`The customer's server has: ${arrived.map((subject) => `"${subject}"`).join(', ')}`);

  chapter(say, '7. Mail to the world: not for anybody, but for the customer');
  const answer = { ...FROM_CUSTOMER, subject: 'Re: Lunch?', body: 'At noon.' };
  say('A stranger, with the very same mail:');
  check((await sendLetter(scene, answer)) === 'refused');
  say("The customer's server, an account by its address; through the filters to a server outside:");
  check((await sendLetter(scene, { ...answer, localAddress: CUSTOMER })) === 'accepted');
  check(await arrives(1, scene.outside));
  say(`The server outside has: ${scene.outside.map((subject) => `"${subject}"`).join(', ')}`);
  return failed;
}

function chapter(say: (line: string) => void, title: string): void {
  say('');
  say(title);
  say('-'.repeat(title.length));
}

interface Letter {
  readonly hello: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly body: string;
  readonly localAddress?: string;
}

const FROM_CUSTOMER = {
  hello: 'mail.example.test',
  from: 'anna@example.test',
  to: 'bob@partner.example',
};

/** From a partner outside to somebody at the customer's. */
function send(scene: Scene, name: string, subject: string, body: string): Promise<DialogEnd> {
  const from = 'bob@partner.example';
  const to = `${name}@example.test`;
  return sendLetter(scene, { hello: 'mail.partner.example', from, to, subject, body });
}

function sendLetter(scene: Scene, letter: Letter): Promise<DialogEnd> {
  const { hello, from, to, subject, body, localAddress } = letter;
  const date = new Date(systemClock.now()).toUTCString().replace('GMT', '+0000');
  const fields = [
    `From: <${from}>`,
    `To: <${to}>`,
    `Subject: ${subject}`,
    `Date: ${date}`,
    `Message-ID: <demo-${systemClock.now()}@${from.slice(from.indexOf('@') + 1)}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain',
  ];
  const mail = {
    hello,
    from,
    to: [to],
    content: `${fields.join('\r\n')}\r\n\r\n${body}\r\n`,
  };
  // oxlint-disable-next-line require-await -- the dialogue waits for its printer, ours does not
  const print = async (line: string) => scene.say(line);
  const at = { host: '127.0.0.1', port: scene.port, ...(localAddress && { localAddress }) };
  return sendTestMail(at, mail, print);
}

async function startGateway(
  folder: string,
  destination: number,
  smarthost: number,
): Promise<{ gateway: Gateway; smtpPort: number }> {
  const file = join(folder, 'sluice.yaml');
  await mkdir(join(folder, 'domains'));
  await writeFile(
    file,
    `hostname: mx.sluice.test
data: ./data
listeners: [{ name: mx, address: "127.0.0.1:0", tls: starttls }]
control: { address: "127.0.0.1:0" }
scanners: { managed: true }
plugins: [{ clamav: {} }, { spamassassin: {} }]
queue: { retry: [2s, 5s], probe: 1s }
delivery: { smarthost: "127.0.0.1:${smarthost}" }
log: { level: info, file: ./demo.log }
`,
  );
  await writeFile(
    join(folder, 'domains', 'example.test.yaml'),
    `domain: example.test
destination: 127.0.0.1:${destination}
recipients: { list: [anna@example.test] }
outgoing: { enabled: true, accounts: [{ ip: ${CUSTOMER} }] }
`,
  );
  const clock = systemClock;
  const loaded = await loadGeneration(file, { clock, log: SILENT_LOG, scannerAddresses: {} });
  if (!loaded.ok) throw new Error(loaded.problems.map(({ text }) => text).join('; '));
  await loaded.generation.filters.stop();
  const { config } = loaded;
  const version = readVersion();
  const recorder = createRecorder({
    hostname: config.hostname,
    version,
    level: config.log.level,
    file: config.log.file,
    clock,
  });
  const gateway = new Gateway({ config, clock, recorder, version, onEnd: () => undefined });
  await gateway.start();
  const [listener] = gateway.listeners();
  return { gateway, smtpPort: listener?.port ?? 0 };
}
