/**
 * The trial destination as its users see it: what it prints, what it keeps, whom it refuses.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import nodemailer from 'nodemailer';
import { runSink } from '../../src/cli/sink.ts';
import type { SinkOptions } from '../../src/cli/sink.ts';
import { runCommand } from '../support/command.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

async function start(t: TestContext, options: Partial<SinkOptions> = {}) {
  const lines: string[] = [];
  const sink = await runSink({ port: 0, write: (line) => lines.push(line), ...options });
  t.after(() => sink.stop());
  return { ...sink, lines };
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sink-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test('each message is one JSON line with time, id, envelope, size and subject', async (t) => {
  const { port, lines } = await start(t);
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port, secure: false });
  t.after(() => transport.close());
  const raw = 'Subject: one\r\n two\r\nFrom: a@a.example\r\n\r\nText\r\n';
  const envelope = { from: 'a@a.example', to: ['b@b.example', 'c@c.example'] };
  const { response } = await transport.sendMail({ envelope, raw });

  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^\{.*\}\n$/);
  const { time, id, ...rest } = JSON.parse(lines[0] ?? '') as { time: string; id: string };
  assert.deepEqual(rest, {
    v: 1,
    from: 'a@a.example',
    to: ['b@b.example', 'c@c.example'],
    size: raw.length,
    subject: 'one two',
  });
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.match(response, new RegExp(`^250 2\\.\\d\\.0 Ok: taken as ${id}$`));
});

test('it offers what a modern destination offers, neither login nor TLS', async (t) => {
  const { port } = await start(t);
  const talk = await SmtpTalk.open(port);
  await talk.reply();
  const offered = (await talk.say('EHLO client.example')).split('\n').map((line) => line.slice(4));
  for (const wanted of ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES']) {
    assert.ok(offered.includes(wanted), `${wanted} in ${offered.join(' ')}`);
  }
  assert.ok(offered.some((line) => /^SIZE \d+$/.test(line)));
  assert.ok(!offered.some((line) => /^(AUTH|STARTTLS)/.test(line)));
  await talk.quit();
});

const MAGIC = [
  ['unknown@example.test', /^550 5\.1\.1 /],
  ['UNKNOWN@example.test', /^550 5\.1\.1 /],
  ['550@example.test', /^550 /],
  ['permerror@example.test', /^550 /],
  ['temperror@example.test', /^451 4\.3\.0 /],
  ['452@example.test', /^452 /],
  ['constructor@example.test', /^250 /],
  ['650@example.test', /^250 /],
  ['anybody@example.test', /^250 /],
] as const;

for (const [address, expected] of MAGIC) {
  test(`RCPT ${address} hears ${expected.source}`, async (t) => {
    const { port } = await start(t);
    const talk = await SmtpTalk.greeted(port);
    await talk.say('MAIL FROM:<>');
    assert.match(await talk.say(`RCPT TO:<${address}>`), expected);
    assert.match(await talk.say('RCPT TO:<other@example.test>'), /^250 /);
    await talk.quit();
  });
}

test('told whom it knows, it refuses others as unknown, and the magic ones still misbehave', async (t) => {
  const { port } = await start(t, { recipients: ['Anna@example.test', 'bob@example.test'] });
  const talk = await SmtpTalk.greeted(port);
  await talk.say('MAIL FROM:<>');
  for (const [address, expected] of [
    ['anna@Example.test', /^250 /],
    ['bob@example.test', /^250 /],
    ['carl@example.test', /^550 5\.1\.1 /],
    ['anna@other.test', /^550 5\.1\.1 /],
    ['temperror@example.test', /^451 /],
  ] as const)
    assert.match(await talk.say(`RCPT TO:<${address}>`), expected, address);
  await talk.quit();
  const wrong = await runCommand(['sink', '--port', '0', '--recipients', 'anna@example.test,bob']);
  assert.equal(wrong.code, 64);
  assert.match(wrong.err, /"bob" is no address/);
});

test('RCPT timeout@ never hears an answer', async (t) => {
  const { port } = await start(t);
  const talk = await SmtpTalk.greeted(port);
  await talk.say('MAIL FROM:<>');
  talk.write('RCPT TO:<timeout@example.test>\r\n');
  await assert.rejects(talk.reply(300), /no reply/);
  talk.socket.destroy();
});

test('RCPT close@ breaks the connection, and only that one', async (t) => {
  const { port } = await start(t);
  const other = await SmtpTalk.greeted(port);
  const talk = await SmtpTalk.greeted(port);
  await talk.say('MAIL FROM:<>');
  assert.equal(await talk.say('RCPT TO:<close@example.test>'), '');
  assert.match(await other.say('NOOP'), /^250 /);
  await other.quit();
});

test('data-550@ and data-timeout@ are taken at RCPT and fail after the content', async (t) => {
  const { port, lines } = await start(t);
  const refused = await sendMail(port, '', ['a@b.example', 'data-550@b.example'], 'Subject: x\r\n');
  assert.match(refused, /^550 /);
  assert.match(await sendMail(port, '', ['data-451@b.example'], 'Subject: x\r\n'), /^451 /);
  const talk = await SmtpTalk.greeted(port);
  for (const line of ['MAIL FROM:<>', 'RCPT TO:<data-timeout@b.example>', 'DATA']) {
    await talk.say(line);
  }
  talk.write('Subject: x\r\n\r\n.\r\n');
  await assert.rejects(talk.reply(300), /no reply/);
  talk.socket.destroy();
  assert.deepEqual(lines, [], 'none of them was taken');
});

test('the command says where it listens and whom it treats badly, its help too', async (t) => {
  const help = await runCommand(['sink', '--help']);
  assert.match(help.out, /^ {2}data-554@ /m);
  const launcher = join(import.meta.dirname, '../../src/sluice.mjs');
  const child = spawn(process.execPath, [launcher, 'sink', '--port', '0'], { stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('the sink to speak', () => said.includes('data-timeout@'), 30_000);
  for (const line of [...help.out.split('\n'), ...said.split('\n')])
    assert.ok(line.length <= 80, `fits a terminal: ${line}`);
  const port = Number(/^sink: listening on 127\.0\.0\.1:(\d+);/.exec(said)?.[1]);
  const reply = await sendMail(port, '', ['unknown@b.example'], '');
  assert.match(reply, /^550 /);
  const second = await runCommand(['sink', '--port', String(port)]);
  assert.match(
    second.err,
    /^sluice: the sink cannot listen on 127\.0\.0\.1:\d+: the port is taken/,
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
});

test('with a file, messages are in it as mbox, whole and in turn, before the 250', async (t) => {
  const out = join(await folder(t), 'mail.mbox');
  const { port } = await start(t, { out });
  const content = 'Subject: x\r\n\r\nFrom here\r\n>From there\r\nnot From\r\n.dot\r\n\xe4\r\n';
  await sendMail(port, 'a@a.example', ['b@b.example'], content);
  const kept = await readFile(out, 'latin1');
  const separator = /^From a@a\.example [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\n/;
  assert.match(kept, separator);
  assert.equal(
    kept.replace(separator, ''),
    'Subject: x\n\n>From here\n>>From there\nnot From\n.dot\n\xe4\n\n',
  );

  const big = (letter: string) =>
    `Subject: ${letter}\r\n\r\n${`${letter.repeat(70)}\r\n`.repeat(20_000)}`;
  await Promise.all(['b', 'c', 'd'].map((l) => sendMail(port, '', ['x@b.example'], big(l))));
  const entries = (await readFile(out, 'latin1')).split(/^From .*\n/m).slice(2);
  assert.deepEqual(
    entries.toSorted().map((entry) => entry.trimEnd()),
    ['b', 'c', 'd'].map((l) => big(l).replaceAll('\r\n', '\n').trimEnd()),
  );
});

test('what cannot be kept is refused for now and not printed', async (t) => {
  const { port, lines } = await start(t, { out: await folder(t) });
  t.mock.method(console, 'error', () => undefined);
  assert.match(await sendMail(port, '', ['a@a.example'], 'Subject: x\r\n\r\n'), /^452 /);
  assert.deepEqual(lines, []);
});

test('a message cut off before its final dot was never taken', async (t) => {
  const { port, lines } = await start(t);
  const talk = await SmtpTalk.greeted(port);
  await talk.say('MAIL FROM:<>');
  await talk.say('RCPT TO:<a@a.example>');
  await talk.say('DATA');
  talk.write('Subject: cut off\r\n\r\ntext\r\n');
  talk.socket.destroy();
  await sendMail(port, '', ['a@a.example'], 'Subject: whole\r\n\r\n');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /"subject":"whole"/);
});

test('stopped, it drops its connections and frees the port', async (t) => {
  const sink = await start(t);
  const { port } = sink;
  const talk = await SmtpTalk.greeted(port);
  await sink.stop();
  assert.equal(await talk.reply(), '', 'dropped without a word');
  const again = await runSink({ port, write: () => undefined });
  assert.equal(again.port, port);
  await again.stop();
});
