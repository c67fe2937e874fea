/**
 * What a client says must not become more than what it said: no field of ours, no line of a log or a
 * terminal, no longer reply, no message that was never ended or a second copy of one that was.
 */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { after, afterEach, before, describe, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail, stuffed } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'From: a@client.example\r\nSubject: hi\r\n\r\nHello\r\n';
const latin1 = (text: string) => Buffer.from(text).toString('latin1');

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  const list = '{ list: [anna@listed.example] }';
  gateway = await Gateway.run({
    node: 'queue: { probe: 100ms, retry: [1s] }',
    listeners:
      '[{ name: mx, address: "127.0.0.1:0", tls: starttls }, { name: tls, address: "127.0.0.1:0", tls: implicit }]',
    domains: {
      'example.org': domainFile(destination.port),
      'listed.example': domainFile(destination.port, { recipients: list }, 'listed.example'),
    },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});
afterEach(() => {
  destination.arrived.length = 0;
  assert.equal(gateway.exitCode, undefined, gateway.stderr);
  const surprises = gateway.lines.filter(({ level }) => level === 'fatal' || level === 'error');
  assert.deepEqual(surprises, []);
});

test('fields that claim to be ours are taken out, and nothing else', async () => {
  const forged = [
    'Authentication-Results: mx.sluice.test; spf=pass smtp.mailfrom=a@bank.example',
    'AUTHENTICATION-RESULTS : MX.SLUICE.TEST 1; dkim=pass',
    'authentication-results: (a comment) mx.sluice.test (another); dmarc=pass',
    'Authentication-Results:\r\n\tmx.sluice.test;\r\n\tarc=pass',
    'X-Spam-Checker-Version: SpamAssassin 4.0.0 on mx.sluice.test',
    'X-Virus-Scanned: by mx.sluice.test',
  ];
  const foreign = [
    'Authentication-Results: mx.elsewhere.example; spf=pass',
    'Authentication-Results: mx.sluice.test.elsewhere.example; spf=pass',
    'X-Spam-Status: No, score=-100',
  ];
  const mixed = forged.flatMap((field, i) => [field, foreign[i] ?? `X-Other: ${i}`]);
  const body = '\r\nAuthentication-Results: mx.sluice.test; spf=pass\r\n';
  await sendMail(gateway.port(), '', ['a@example.org'], `${mixed.join('\r\n')}\r\n${body}`);
  const kept = mixed.filter((field) => !forged.includes(field));
  const text = destination.arrived[0]?.content.toString('latin1') ?? '';
  const ours = /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n(?:\t.*\r\n)+/.exec(text);
  assert.equal(text.slice(ours?.[0].length), `${kept.join('\r\n')}\r\n${body}`);
});

test('whatever stands in the envelope, our Received field is one field', async () => {
  for (const [hello, recipient] of [
    ['[127.0.0.1]', 'a@example.org'],
    ['[IPv6:2001:db8::1]', '"a>; by evil (x)"@example.org'],
    ['a_b.c-d', '"a; Mon, 1 Jan 2026"@example.org'],
    ['x'.repeat(255), `"${'()<>,; '.repeat(8)}"@example.org`],
  ] as const) {
    destination.arrived.length = 0;
    const talk = await SmtpTalk.greeted(gateway.port(), hello);
    assert.match(await talk.send('', [recipient], MAIL), /^250/, recipient);
    await talk.quit();
    const text = destination.arrived[0]?.content.toString('latin1') ?? '';
    const at = text.indexOf('\r\nFrom: ');
    const lines = text.slice(0, at).split('\r\n');
    assert.equal(lines[0], `Received: from ${hello} ([127.0.0.1])`);
    assert.ok(lines.slice(1).every((line) => line.startsWith('\t')));
    assert.ok(text.includes(`\r\n\tfor <${recipient}>;\r\n`));
    assert.equal(text.slice(at + 2), MAIL);
  }
});

test('a header of a megabyte is refused once it is whole, and the session lives on', async () => {
  const talk = await SmtpTalk.greeted(gateway.port());
  const header = `X-Long: ${'x'.repeat(900)}\r\n`.repeat(1100);
  assert.match(await talk.send('', ['a@example.org'], `${header}\r\nbody\r\n`), /^552 5\.3\.4 /);
  const endless = `X-Long: ${'x'.repeat(1_000_000)}`;
  assert.match(await talk.send('', ['a@example.org'], endless), /^552 5\.3\.4 /);
  assert.match(await talk.send('', ['a@example.org'], MAIL), /^250 /);
  await talk.quit();
});

test('content that came in chunks arrives as it was, with its dots and without an end of line', async () => {
  const talk = await SmtpTalk.greeted(gateway.port());
  /** The reply to each chunk, sent without waiting. */
  const inChunks = async (...chunks: string[]): Promise<string[]> => {
    talk.write('MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\n');
    for (const [index, chunk] of chunks.entries()) {
      const last = index === chunks.length - 1 ? ' LAST' : '';
      talk.write(`BDAT ${chunk.length}${last}\r\n${chunk}`);
    }
    assert.match(await talk.reply(), /^250 2\.1\.0/);
    assert.match(await talk.reply(), /^250 2\.1\.5/);
    const replies: string[] = [];
    for (const _ of chunks) replies.push(await talk.reply());
    return replies;
  };
  const arrivedBelowOurs = () => {
    const text = destination.arrived.at(-1)?.content.toString('latin1') ?? '';
    return text.replace(/^Received: .*\r\n(?:\t.*\r\n)+/, '');
  };
  const dots = '\r\n.\r\n..\r\nMAIL FROM:<evil@client.example>\r\n.';
  const replies = await inChunks('Subject: x\r', `\n${dots.slice(0, 3)}`, dots.slice(3));
  assert.match(replies[2] ?? '', /^250 2\.0\.0 Ok: \S+ delivered/);
  assert.equal(arrivedBelowOurs(), `Subject: x\r\n${dots}\r\n`);

  // By way of the queue.
  let refusals = 0;
  destination.behaviour = { final: () => (refusals++ === 0 ? '451 4.3.0 Later' : '250 2.0.0 Ok') };
  assert.match((await inChunks('Subject: y\r\n\r\n.', '')).at(-1) ?? '', /^250 \S+ Ok: \S+ queued/);
  await until('delivery from the queue', () => destination.arrived.length === 2);
  destination.behaviour = {};
  assert.equal(arrivedBelowOurs(), 'Subject: y\r\n\r\n.\r\n');

  // What is no field must not run into ours, even without an end of line.
  await inChunks(' folded');
  assert.equal(arrivedBelowOurs(), '\r\n folded\r\n');

  const header = `X-Long: ${'x'.repeat(900)}\r\n`.repeat(300);
  assert.match((await inChunks(header, header)).at(-1) ?? '', /^552 5\.3\.4 Message header/);
  await talk.quit();
});

test('no line of a reply is longer than 512 octets', async () => {
  const longest = `${'x'.repeat(64)}@${'y.'.repeat(90)}example`;
  const wide = latin1('\u{1f600}'.repeat(400));
  for (const command of [
    `EHLO ${'x'.repeat(2000)}`,
    `MAIL FROM:<${'x'.repeat(2000)}@b.example>`,
    `MAIL FROM:<a@b.example> ${'X'.repeat(1900)}=1`,
    `MAIL FROM:<a@b.example> ${wide}`,
    `MAIL FROM:<a@b.example> SIZE=${'9'.repeat(1900)}`,
    `RCPT TO:<${longest}>`,
    `RCPT TO:<${'x'.repeat(64)}@listed.example>`,
    `RCPT TO:<${latin1('\u{1f600}'.repeat(16))}@listed.example>`,
    `RCPT TO:<a@example.org> ORCPT=rfc822;${'x'.repeat(1900)}`,
    `VRFY ${'x'.repeat(2000)}`,
    `${'X'.repeat(2040)}`,
  ]) {
    const talk = await SmtpTalk.greeted(gateway.port());
    if (command.startsWith('RCPT')) await talk.say('MAIL FROM:<a@client.example> SMTPUTF8');
    const reply = await talk.say(command);
    for (const line of reply.split('\n')) {
      assert.ok(line.length <= 510, `${line.length} octets and CRLF: ${line.slice(0, 80)}`);
    }
    await talk.quit();
  }
});

test('what a terminal would obey reaches neither the log nor a command that shows it', async () => {
  const nasty = '\u202egnp.exe \u2066 \u009b31m \x1b]0;title\x07 \x7f \u2028';
  const printable = '\u202egnp.exe\u2066\u2028';
  await destination.stop();
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say(`MAIL FROM:<"${latin1(printable)}"@client.example> SMTPUTF8`);
    await talk.say(`RCPT TO:<"${latin1(printable)}"@example.org>`);
    await talk.say('DATA');
    talk.write(
      stuffed(
        latin1(`Message-ID: <${nasty}@x>\r\nSubject: ${nasty}\r\nFrom: ${nasty}\r\n\r\nx\r\n`),
      ),
    );
    const id = /Ok: (\S+) queued/.exec(await talk.reply())?.[1] ?? '';
    assert.notEqual(id, '');
    // What is wrong once too often is named in the log.
    for (let i = 0; i <= 10; i++) await talk.say(latin1(`EHLO ${printable}`));
    await gateway.event('smtp.proto', ({ what }) => String(what).includes('gnp.exe'));
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
    assert.doesNotMatch(gateway.log, obeyed);
    for (const command of [
      ['trace', id],
      ['trace', id, '--json'],
      ['queue', 'list'],
      ['queue', 'show', id],
    ]) {
      const { stdout, stderr } = await gateway.cli(...command);
      assert.match(stdout, /gnp\.exe/, command.join(' '));
      assert.doesNotMatch(stdout + stderr, obeyed, command.join(' '));
    }
    await gateway.cli('queue', 'delete', id, '--yes');
  } finally {
    await destination.start();
    await until('mail to pass again', async () =>
      /delivered/.test(await sendMail(gateway.port(), '', ['a@example.org'], MAIL)),
    );
  }
});

describe('a connection that is cut', () => {
  async function inContent(): Promise<SmtpTalk> {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@client.example>');
    await talk.say('RCPT TO:<a@example.org>');
    assert.match(await talk.say('DATA'), /^354/);
    return talk;
  }

  test('anywhere before the end of the final dot brings nothing', async () => {
    const before = gateway.events('msg.in').length;
    for (const rest of ['', '.', '.\r', '\r\n', '\r\n.\r', '..\r\n', '.\r.']) {
      for (const how of ['end', 'resetAndDestroy'] as const) {
        const talk = await inContent();
        talk.write(`${MAIL}${rest}`);
        talk.socket[how]();
      }
    }
    await until('all of them to end', () => gateway.events('msg.in').length === before + 14);
    assert.deepEqual(
      new Set(
        gateway
          .events('msg.in')
          .slice(before)
          .map(({ res }) => res),
      ),
      new Set(['abort']),
    );
    // What the last outage left in the queue may arrive now: it has no sender.
    assert.deepEqual(
      destination.arrived.filter(({ from }) => from !== ''),
      [],
    );
  });

  test('right behind the final dot brings one copy at the most', async () => {
    const before = gateway.events('msg.in').length;
    for (let i = 0; i < 20; i++) {
      const talk = await inContent();
      talk.write(stuffed(`Subject: cut ${i}\r\n\r\nbody\r\n`));
      // Now at once, now a little later: while it is judged, or while it is delivered.
      for (let turn = 0; turn < i % 5; turn++) await new Promise((go) => setImmediate(go));
      talk.socket.resetAndDestroy();
    }
    await until('all of them to end', () => gateway.events('msg.in').length === before + 20);
    const subjects = destination.arrived.map(
      ({ content }) => /Subject: .*/.exec(content.toString())?.[0],
    );
    assert.equal(new Set(subjects).size, subjects.length);
    assert.equal((await gateway.cli('queue', 'count')).stdout.trim(), '0');
  });

  test('by a TLS close_notify has ended, whatever comes in the clear behind it', async () => {
    // Between the client and the gateway sits somebody who ends the message in the client's place.
    const between = createServer({ allowHalfOpen: true }, (client) => {
      const toGateway = connect(gateway.port('tls'), '127.0.0.1');
      toGateway.pipe(client);
      client.on('data', (chunk) => toGateway.write(chunk));
      client.on('end', () => toGateway.write('\r\n.\r\n'));
      for (const socket of [client, toGateway]) socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => {
      between.listen(0, '127.0.0.1', resolve);
    });
    const { port } = between.address() as AddressInfo; // listening on TCP
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    let said = '';
    client.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    client.on('error', () => undefined);
    await until('the greeting', () => said.startsWith('220'));
    client.write('EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n');
    await until('354', () => /^354 /m.test(said));
    const aborted = gateway.events('msg.in').length;
    client.end('Subject: half\r\n\r\nI owe you nothing');
    await until('the session to end', () => gateway.events('msg.in').length > aborted);
    assert.equal(gateway.events('msg.in').at(-1)?.['res'], 'abort');
    assert.deepEqual(destination.arrived, []);
    client.destroy();
    between.close();
  });
});
