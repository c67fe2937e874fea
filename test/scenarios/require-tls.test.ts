/**
 * REQUIRETLS (RFC 8689): such a message goes on over verified TLS to a host that promises the same,
 * or not at all. What is known is said at RCPT, else by the final reply; what is found out later is
 * held, for a stranger's word proves no sender.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { after, before, test } from 'node:test';
import { makeCertificate } from '../../src/smtp/self-made-certificate.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, stuffed } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const DAY = 86_400_000;
const CUSTOMER = '127.0.6.1';
const SMELL = `export default { name: 'smell', service: 'spam', hooks: { async content(view) {
  for await (const bytes of view.content.read())
    if (String(Buffer.from(bytes)).includes('SPAM')) return { kind: 'pass', score: 12 };
} } };`;
const tls = makeCertificate({
  hostname: 'localhost',
  notBefore: Date.now() - DAY,
  notAfter: Date.now() + DAY,
});
const full = new Destination({ tls, offers: ['REQUIRETLS', 'DSN'] });
const lacking = new Destination({ tls, offers: ['DSN'] });
const late = new Destination({ tls, offers: [] });
let gateway: Gateway;

before(async () => {
  for (const destination of [full, lacking, late]) await destination.start();
  const to = (name: string, destination: string) =>
    domainFile(0, { destination, recipients: 'any' }, name);
  const hosts = (...places: string[]) =>
    `{ hosts: [${places.map((place) => `"${place}"`).join(', ')}] }`;
  const deadPort = late.port;
  gateway = await Gateway.make({
    node: 'queue: { retry: [1s], probe: 100ms }',
    domains: {
      'full.example': to('full.example', `localhost:${full.port}`),
      'lacking.example': to('lacking.example', `localhost:${lacking.port}`),
      'by-address.example': to('by-address.example', `127.0.0.1:${full.port}`),
      'two.example': to(
        'two.example',
        hosts(`localhost:${lacking.port}`, `localhost:${full.port}`),
      ),
      'pair.example': to(
        'pair.example',
        `{ hosts: [{ host: 127.0.0.1, port: ${lacking.port}, priority: 1 }, { host: localhost, port: ${full.port}, priority: 2 }] }`,
      ),
      'half-down.example': to(
        'half-down.example',
        hosts(`localhost:${lacking.port}`, `127.0.0.1:${deadPort}`),
      ),
      'late.example': to('late.example', `localhost:${late.port}`),
      'firm.example': domainFile(
        0,
        {
          destination: `localhost:${full.port}`,
          contact: 'it@full.example',
          outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER}, archive: true }] }`,
        },
        'firm.example',
      ),
    },
    plugins: '[smell]',
    listeners: '[{ name: mx, address: "127.0.0.1:0", tls: implicit }]',
  });
  const trusted = join(gateway.folder, 'trusted.pem');
  await writeFile(trusted, tls.cert);
  await gateway.configure({ env: { NODE_EXTRA_CA_CERTS: trusted } });
  await mkdir(join(gateway.folder, 'plugins'));
  await writeFile(join(gateway.folder, 'plugins', 'smell.mjs'), SMELL);
  await late.stop();
  await gateway.start();
});
after(async () => {
  await gateway.remove();
  for (const destination of [full, lacking, late]) await destination.stop();
});

/** The reply that decided. */
async function sent(
  domain: string,
  sender = 'a@client.example',
  { from = '127.0.0.1', content = 'Subject: x\r\n\r\nHello\r\n' } = {},
): Promise<string> {
  const port = gateway.port();
  const socket = connectTls({ port, localAddress: from, rejectUnauthorized: false } as object);
  const talk = SmtpTalk.on(socket);
  await talk.reply();
  assert.match(await talk.say('EHLO client.example'), /^250.REQUIRETLS$/m);
  try {
    await talk.say(`MAIL FROM:<${sender}> REQUIRETLS`);
    const rcpt = await talk.say(`RCPT TO:<anna@${domain}>`);
    if (!rcpt.startsWith('250')) return `RCPT ${rcpt}`;
    await talk.say('DATA');
    talk.write(stuffed(content));
    return await talk.reply();
  } finally {
    socket.destroy();
  }
}

const UNMET = /^550 5\.7\.30 Destination does not offer REQUIRETLS over verified TLS \(tls\)$/;

test('goes on to a host that promises the same, with the same demand', async () => {
  assert.match(await sent('full.example'), /^250 2\.0\.0 Ok: \S+ delivered/);
  assert.equal(full.arrived.at(-1)?.mailLine, 'MAIL FROM:<a@client.example> REQUIRETLS');
});

test('is refused where it is not offered: after the content, then at RCPT', async () => {
  assert.match(await sent('lacking.example'), UNMET);
  assert.match((await sent('lacking.example')).replace(/^RCPT /, ''), UNMET);
  assert.match(await sent('lacking.example'), /^RCPT /);
  assert.equal(lacking.arrived.length, 0);
});

test('is refused where the certificate does not bear the host as it is configured', async () => {
  assert.match(await sent('by-address.example'), UNMET);
});

test('takes the next host when the first one lacks it', async () => {
  assert.match(await sent('two.example'), /^250 2\.0\.0 Ok: \S+ delivered/);
  assert.equal(lacking.arrived.length, 0);
});

test('is not refused for a host that ordinary mail does not go to', async () => {
  const port = gateway.port();
  const talk = SmtpTalk.on(connectTls({ port, rejectUnauthorized: false }));
  await talk.reply();
  await talk.say('EHLO client.example');
  const plain = await talk.send(
    'a@client.example',
    ['anna@pair.example'],
    'Subject: x\r\n\r\nHi\r\n',
  );
  assert.match(plain, /^250 .* delivered/);
  await talk.quit();
  assert.equal(lacking.arrived.length, 1);
  lacking.arrived.length = 0;
  assert.match(await sent('pair.example'), /^250 2\.0\.0 Ok: \S+ delivered/);
  assert.match(full.arrived.pop()?.mailLine ?? '', / REQUIRETLS$/);
});

test('waits when a host that may have it cannot be reached', async () => {
  assert.match(await sent('half-down.example'), /^250 2\.0\.0 Ok: \S+ queued/);
});

test('a report goes on all the same', async () => {
  assert.match(await sent('lacking.example', ''), /^250 2\.0\.0 Ok: \S+ delivered/);
  assert.equal(lacking.arrived.at(-1)?.mailLine, 'MAIL FROM:<>');
});

test('keeps its demand in the queue, and is held when it cannot be met', async () => {
  assert.match(await sent('late.example'), /^250 2\.0\.0 Ok: \S+ queued/);
  await late.start();
  const hold = await gateway.event('rcpt.hold', (line) => line['dest'] === 'late.example');
  assert.match(String(hold['text']), /5\.7\.30/);
  await full.stop();
  assert.match(await sent('full.example'), /^250 2\.0\.0 Ok: \S+ queued/);
  await full.start();
  await until('delivery', () => full.arrived.length >= 3);
  assert.match(full.arrived.at(-1)?.mailLine ?? '', / REQUIRETLS$/);
});

const customers = (body: string) => ({
  from: CUSTOMER,
  content: `From: anna@firm.example\r\nSubject: x\r\n\r\n${body}\r\n`,
});

test('what the archive sends once more goes on the same way or not at all', async () => {
  full.arrived.length = 0;
  const reply = await sent('full.example', 'anna@firm.example', customers('Hello'));
  const id = /^250 \S+ Ok: (\S+) delivered/.exec(reply)?.[1] ?? '';
  const again = async (to: string) => {
    const { stdout } = await gateway.cli('archive', 'resend', id, '--json', '--to', to);
    const made = /"ids":\["([^"]+)"\]/.exec(stdout)?.[1];
    return gateway.event('msg.done', (line) => line['id'] === made);
  };
  assert.equal((await again('bob@full.example'))['res'], 'delivered');
  assert.match(full.arrived[1]?.mailLine ?? '', / REQUIRETLS/);
  const before = lacking.arrived.length;
  assert.equal((await again('bob@lacking.example'))['res'], 'failed');
  assert.equal(lacking.arrived.length, before);
});

test('a report of mail that was kept back has its header alone', async () => {
  full.arrived.length = 0;
  assert.match(
    await sent('full.example', 'anna@firm.example', customers('SPAM')),
    /^250 .* queued/,
  );
  const report = await until('a report', () => full.arrived[0]);
  assert.match(report.mailLine, / REQUIRETLS/);
  assert.match(String(report.content), /^Content-Type: text\/rfc822-headers\r$/m);
  assert.ok(!String(report.content).includes('SPAM'));
});
