/** What filters find in mail of customers: kept back, told to whoever answers for them, or as the account wants it. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

/** Spam, viruses and papers are what the content says they are. */
const SMELL = (what: string, service: string, verdict: string) => `export default {
  name: 'smell-${what}',
  service: '${service}',
  hooks: {
    async content(view) {
      let text = '';
      for await (const bytes of view.content.read()) text += Buffer.from(bytes).toString('latin1');
      return text.includes('${what.toUpperCase()}') ? ${verdict} : undefined;
    },
  },
};
`;
const QUIET = '127.0.2.1';
const TOLD = '127.0.2.2';
const OWN = '127.0.2.3';
const NONE = '127.0.2.4';

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  const account = (ip: string, more = '') => `accounts: [{ ip: ${ip}${more} }]`;
  const customer = (
    name: string,
    outgoing: string,
    more: Readonly<Record<string, string>> = {},
  ) => ({
    [name]: domainFile(
      destination.port,
      { outgoing: `{ enabled: true, ${outgoing} }`, ...more },
      name,
    ),
  });
  gateway = await Gateway.make({
    plugins: '[smell-spam, smell-virus, smell-paper]',
    node: 'quarantine: { requests: Release@away.test }',
    domains: {
      ...customer('quiet.test', account(QUIET), {
        contact: 'it@away.test',
        services: '[relay, fallback]',
      }),
      ...customer('told.test', account(TOLD, ', quarantine_reply: reject')),
      ...customer(
        'own.test',
        `spam: { quarantine: null, reject: 15 }, virus: quarantine, ${account(OWN)}`,
        { contact: 'it@away.test', report_language: 'de' },
      ),
      ...customer('none.test', `services: [], ${account(NONE)}`),
      'away.test': domainFile(
        destination.port,
        { aliases: `['${'y'.repeat(60)}.away.test']` },
        'away.test',
      ),
    },
  });
  mkdirSync(join(gateway.folder, 'plugins'));
  writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
  const plugin = (what: string, service: string, verdict: string) =>
    writeFileSync(
      join(gateway.folder, 'plugins', `smell-${what}.js`),
      SMELL(what, service, verdict),
    );
  plugin('spam', 'spam', `{ kind: 'pass', score: 12, tests: ['SMELL'] }`);
  plugin('virus', 'virus', `{ kind: 'refuse', reason: 'virus', text: 'a smell' }`);
  plugin('paper', 'virus', `{ kind: 'quarantine', reason: 'attachment', text: 'a sealed paper' }`);
  await gateway.start();
});
beforeEach(() => {
  destination.arrived.length = 0;
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});

async function send(
  address: string,
  from: string,
  body: string,
  to = ['eve@away.test'],
): Promise<string> {
  const talk = await SmtpTalk.greeted(gateway.port(), 'client.test', address);
  try {
    const content = `From: ${from}\r\nTo: eve@away.test\r\nSubject: offer\r\n\r\n${body}\r\n`;
    return await talk.send(from, to, content);
  } finally {
    await talk.quit().catch(() => undefined);
  }
}

const sluice = (line: string) => runInside([...line.split(' '), '-c', gateway.configFile], {});

test('J5 I51 I52: spam of a customer is kept back without a word to the client', async () => {
  const reply = await send(QUIET, 'anna@quiet.test', 'SPAM');
  const id = /^250 2\.0\.0 Ok: (\S+) queued$/.exec(reply)?.[1] ?? '';
  assert.notEqual(id, '', reply);
  const listed = await sluice('quarantine list --json');
  const rows = listed.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string });
  assert.ok(
    rows.some((row) => row.id === id),
    listed.out,
  );

  // Whoever answers for the customer gets a report with the message.
  await until('one arrival', () => destination.arrived.length === 1);
  const [report] = destination.arrived;
  assert.deepEqual(report?.to, ['it@away.test']);
  const text = String(report?.content);
  assert.match(text, /^Reply-To: <Release@away\.test>\r$/m);
  assert.match(
    text,
    /^Subject: Spam from 127\.0\.2\.1 was not sent \/ Spam von 127\.0\.2\.1 wurde nicht versendet \[\S+ [0-9a-f]{24}\]\r$/m,
  );
  assert.match(text, /^Content-Type: multipart\/report; report-type=feedback-report;\r$/m);
  assert.match(
    text,
    /^Feedback-Type: abuse\r\nUser-Agent: Sluice\/\S+\r\nVersion: 1\r\nOriginal-Mail-From: <anna@quiet\.test>\r\nOriginal-Rcpt-To: <eve@away\.test>\r$/m,
  );
  assert.match(text, /^Source-IP: 127\.0\.2\.1\r$/m);
  assert.match(text, /\r\nContent-Type: message\/rfc822\r\n\r\nReceived: [^]*\r\n\r\nSPAM\r\n/);
  assert.match(text, new RegExp(`ask for ${id} by answering this message`));
  assert.match(text, new RegExp(`bitten Sie um ${id}, indem Sie auf diese Nachricht antworten`));
});

test('J1 I53: the customer asks for a message by answering the report; only the operator releases it', async () => {
  const reply = await send(QUIET, 'anna@quiet.test', 'SPAM');
  const id = /Ok: (\S+) queued$/.exec(reply)?.[1] ?? '';
  await until('one arrival', () => destination.arrived.length === 1);
  const subject = /^Subject: (.*)\r$/m.exec(String(destination.arrived[0]?.content))?.[1] ?? '';
  const [, mark = ''] = /(\[.*\])/.exec(subject) ?? [];

  async function answer(
    words: string,
    { from = 'it@away.test', to = 'release@away.test', header = '', body = 'please' } = {},
  ): Promise<string> {
    const talk = await SmtpTalk.greeted(gateway.port(), 'client.test', '127.0.2.9');
    try {
      return await talk.send(from, [to], `${header}Subject: ${words}\r\n\r\n${body}\r\n`);
    } finally {
      await talk.quit().catch(() => undefined);
    }
  }
  const asked = async () => {
    const { out } = await sluice('quarantine list --asked --json');
    const rows = out.split('\n').filter((line) => line !== '');
    return rows.map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  // Nobody asks who has no report, and no program; a mark of one message is none of another.
  const code = mark.slice(-25, -1);
  const forged = mark.replace(/.{4}\]$/, '0000]');
  const other = mark.replace(id, '4K7QZ2M9XT.1');
  await answer(`Re: ${subject.replace(mark, `[${id}]`)}`);
  for (const words of [forged, other, `[${id} ${code.toUpperCase()}]`]) await answer(words);
  await answer(mark, { from: '' });
  await answer(mark, { header: 'Auto-Submitted: auto-generated\r\n' });
  await answer(mark, { header: 'Precedence: bulk\r\n' });
  await answer(mark, { to: 'eve@away.test' });
  assert.deepEqual(await asked(), []);

  // An answer that quotes the spam counts even if a filter refuses it.
  const folded = `AW: ${subject.replace(' [', '\r\n [')}`;
  const header = 'Auto-Submitted: no\r\nConstructor: x\r\n';
  assert.match(await answer(folded, { header, body: 'SPAM' }), /^550/);
  assert.match(await answer(mark, { from: 'boss@away.test' }), /^250/);
  const [row, ...more] = await asked();
  assert.deepEqual([row?.['id'], more], [id, []]);
  const { by, mail } = (row?.['asked'] ?? {}) as Record<string, unknown>;
  assert.equal(by, 'it@away.test');
  assert.deepEqual(
    gateway.events('quar.ask').map((line) => [line['id'], line['by'], line['mail']]),
    [[id, by, mail]],
  );
  assert.match(
    (await sluice(`quarantine show ${id} -e`)).out,
    /^asked for .* by it@away\.test in /m,
  );
  assert.match(
    (await sluice('quarantine list --columns ID,ASKED')).out,
    /\.1 +\d\d-\d\d \d\d:\d\d/,
  );
  assert.match((await sluice(`trace ${id}`)).out, /asked for +by it@away\.test in/);

  // It goes when the operator says so, and the wishes of people have gone to his mailbox.
  assert.equal((await sluice(`quarantine release ${id}`)).code, 0);
  await until('the message', () => destination.arrived.some(({ to }) => to[0] === 'eve@away.test'));
  assert.ok(destination.arrived.some(({ from }) => from === 'boss@away.test'));
  assert.match(await answer(mark), /^250/);
  assert.deepEqual(await asked(), []);
});

test('a report has no line that a server may refuse, however many recipients there are', async () => {
  const to = Array.from(
    { length: 12 },
    (_, i) => `${'x'.repeat(60)}${i}@${'y'.repeat(60)}.away.test`,
  );
  await send(QUIET, 'anna@quiet.test', 'SPAM', to);
  await until('one arrival', () => destination.arrived.length === 1);
  const text = String(destination.arrived[0]?.content);
  assert.ok(text.split('\r\n').every((line) => line.length <= 998));
  assert.match(
    text,
    /^ {2}recipients: x+0@y+\.away\.test\r\n {14}x+1@[^]*\r\n {14}\+ 2\r\n {2}filter: /m,
  );
});

test('I51: an account may want its people to hear of it; the operator can still release it', async () => {
  const reply = await send(TOLD, 'bob@told.test', 'SPAM');
  const told =
    /^550 5\.7\.1 Message looks like spam, score 12\.0; it was not sent and is kept as (\S+) \(spam\)$/;
  const id = told.exec(reply)?.[1] ?? '';
  assert.notEqual(id, '', reply);
  const entry = await gateway.event('msg.in', (line) => line['id'] === id);
  assert.deepEqual([entry['res'], entry['code']], ['quarantine', 550]);
  assert.equal((await sluice(`quarantine release ${id}`)).code, 0);
  await until('one arrival', () => destination.arrived.length === 1);
  assert.deepEqual(destination.arrived[0]?.to, ['eve@away.test']);
});

test('inbound and outbound policy of a domain are apart', async () => {
  // Its own thresholds: nothing is kept back, from 15 on it would be refused.
  assert.match(await send(OWN, 'carl@own.test', 'SPAM'), /^250 2\.0\.0 Ok: \S+ delivered/);
  assert.match(await send(NONE, 'dora@none.test', 'SPAM VIRUS'), /^250 2\.0\.0 Ok: \S+ delivered/);
  // What comes in for them is judged as before.
  const inbound = async (to: string, body: string) => {
    const talk = await SmtpTalk.greeted(gateway.port(), 'client.test', '127.0.2.9');
    try {
      return await talk.send('x@stranger.test', [to], `Subject: x\r\n\r\n${body}\r\n`);
    } finally {
      await talk.quit().catch(() => undefined);
    }
  };
  assert.match(await inbound('dora@none.test', 'SPAM'), /^550 5\.7\.1 /);
  assert.match(await inbound('anna@quiet.test', 'SPAM'), /^250 /);
});

test('a virus is refused; where it is kept, the report does not pass it around', async () => {
  assert.match(await send(QUIET, 'anna@quiet.test', 'VIRUS'), /^554 5\.7\.1 .*\(virus\)$/);
  assert.match(await send(OWN, 'carl@own.test', 'VIRUS'), /^250 2\.0\.0 Ok: \S+ queued$/);
  await until('one arrival', () => destination.arrived.length === 1);
  const text = String(destination.arrived[0]?.content);
  assert.match(text, /^Feedback-Type: virus\r$/m);
  assert.match(text, /^Content-Type: text\/rfc822-headers\r$/m);
  assert.ok(!text.includes('VIRUS'));
});

test('a report says what the filter has against the mail, in the language of the domain', async () => {
  assert.match(await send(OWN, 'carl@own.test', 'PAPER'), /^250 2\.0\.0 Ok: \S+ queued$/);
  await until('one arrival', () => destination.arrived.length === 1);
  const text = String(destination.arrived[0]?.content);
  assert.match(text, /^Subject: Mail von 127\.0\.2\.3 wurde nicht versendet \[/m);
  assert.match(text, /weil ein Filter sie zurückhält:\r\n/);
  assert.match(text, /^ {2}Filter: {4} a sealed paper\r$/m);
  assert.doesNotMatch(text, /[Ss]pam|was not sent/);
  assert.match(text, /^Feedback-Type: other\r$/m);
});
