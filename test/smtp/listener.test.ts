import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { loadTestContexts, startServer } from '../support/smtp-server.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const contexts = await loadTestContexts();

async function openContent(port: number): Promise<SmtpTalk> {
  const talk = await SmtpTalk.greeted(port);
  await talk.say('MAIL FROM:<a@client.test>');
  await talk.say('RCPT TO:<b@example.test>');
  await talk.say('DATA');
  return talk;
}

test('more connections than allowed in all, or from one client, hear 421', async () => {
  for (const spec of [{ connections: 2 }, { connectionsPerClient: 2 }]) {
    const server = await startServer(contexts, spec);
    const first = await SmtpTalk.greeted(server.port);
    await SmtpTalk.greeted(server.port);
    const third = await SmtpTalk.open(server.port);
    assert.match(await third.reply(), /^421 4\.7\.0 mx\.test too many connections/);
    await until('server to close', () => third.isClosed);
    assert.equal(server.log.of('smtp.reject.conn').length, 1);
    await first.quit();
    await until('place to be free', () => server.listener.sessions === 1);
    const fourth = await SmtpTalk.open(server.port);
    assert.match(await fourth.reply(), /^220/);
    await server.stop();
  }
});

test('a port that is taken is a telling error', async () => {
  const server = await startServer(contexts);
  const { SmtpListener } = await import('../../src/smtp/listener.ts');
  const { createIds } = await import('../../src/base/ids.ts');
  const { systemClock } = await import('../../src/base/clock.ts');
  const second = new SmtpListener({
    name: 'second',
    address: '127.0.0.1',
    port: server.port,
    tls: 'off',
    contexts,
    settings: server.settings,
    clock: systemClock,
    ids: createIds(systemClock),
    log: server.log,
    begin: server.program.begin,
  });
  await assert.rejects(second.start(), (error: unknown) => {
    assert.ok(error instanceof CodedError);
    assert.equal(error.code, 'LISTEN_FAILED');
    assert.match(
      error.message,
      /^second cannot listen on 127\.0\.0\.1:\d+: the port is taken: "ss -ltnp 'sport = :\d+'" says by whom$/,
    );
    return true;
  });
  await server.stop();
});

test('new settings are for new sessions', async () => {
  const server = await startServer(contexts);
  const old = await SmtpTalk.greeted(server.port);
  const { settings } = server;
  server.listener.reconfigure({
    ...settings,
    hostname: 'new.test',
    limits: { ...settings.limits, messageSize: 5 },
  });
  assert.match(await old.say('EHLO x'), /mx\.test\n(.*\n)*250-SIZE 52428800/);
  const fresh = await SmtpTalk.open(server.port);
  assert.match(await fresh.reply(), /^220 new\.test/);
  assert.match(await fresh.say('EHLO x'), /250-SIZE 5\n/);
  await server.stop();
});

test('stop: idle sessions hear 421, an open transaction may finish first', async () => {
  const server = await startServer(contexts);
  const idle = await SmtpTalk.greeted(server.port);
  const busy = await openContent(server.port);
  const stopped = server.stop(30_000);
  assert.match(await idle.reply(), /^421 4\.3\.2 mx\.test shutting down/);
  await assert.rejects(SmtpTalk.open(server.port));
  busy.write('x\r\n.\r\nMAIL FROM:<a@client.test>\r\n');
  assert.match(await busy.reply(), /^250 2\.0\.0/);
  assert.match(await busy.reply(), /^421 4\.3\.2/);
  idle.socket.destroy();
  busy.socket.destroy();
  await stopped;
  const ends = server.program.summaries.map((summary) => summary.end);
  assert.deepEqual(ends, ['stopped', 'stopped']);
  assert.equal(server.program.contents[0]?.toString(), 'x\r\n');
});

test('stop: what does not finish within the grace is cut, and nothing of it counts', async () => {
  const server = await startServer(contexts);
  const busy = await openContent(server.port);
  busy.write('half\r\n');
  await server.stop(50);
  assert.equal(await busy.reply(), '');
  assert.deepEqual(server.program.calls.slice(-2), ['abort', 'closed stopped']);
  assert.equal(server.listener.sessions, 0);
});

test('stop without sessions is at once', async () => {
  const server = await startServer(contexts);
  await server.stop(60_000);
});

test('only TLS 1.2 and later', async () => {
  const server = await startServer(contexts, { tls: 'implicit' });
  const socket = connectTls({
    port: server.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', () => resolve());
    socket.once('secureConnect', () => reject(new Error('TLS 1.1 was accepted')));
  });
  socket.destroy();
  await server.stop();
});
