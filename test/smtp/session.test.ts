/** What a session does in time: deadlines, slow readers and writers, and how it ends. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import test from 'node:test';
import type { Clock, Timer } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { loadTestContexts, startServer } from '../support/smtp-server.ts';
import type { RunningServer, ServerSpec } from '../support/smtp-server.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const contexts = await loadTestContexts();

async function withServer(
  spec: ServerSpec,
  work: (server: RunningServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(contexts, spec);
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

async function inContent(server: RunningServer, sender = 'a'): Promise<SmtpTalk> {
  const talk = await SmtpTalk.greeted(server.port);
  await talk.say(`MAIL FROM:<${sender}@client.test>`);
  await talk.say('RCPT TO:<b@example.test>');
  assert.match(await talk.say('DATA'), /^354/);
  return talk;
}

/** A minute of the session takes 60 ms. */
const hurried = hurriedClock(1000);

test('a client that says nothing hears 421 after the command deadline', async () => {
  await withServer({ clock: hurried }, async (server) => {
    const talk = await SmtpTalk.open(server.port);
    assert.match(await talk.reply(), /^220/);
    assert.equal(await talk.reply(), '421 4.4.2 mx.test timeout exceeded, closing connection');
    await until('server to close', () => talk.isClosed);
    assert.ok(server.program.calls.includes('closed timeout'));
  });
});

test('a drip of bytes that never makes a command earns no more time', async () => {
  await withServer({ clock: hurried }, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    const drip = setInterval(() => talk.write('x'), 20);
    try {
      assert.match(await talk.reply(5_000), /^421 4\.4\.2/);
    } finally {
      clearInterval(drip);
      talk.socket.destroy();
    }
  });
});

test('each whole command earns the full time anew', async () => {
  await withServer({ clock: hurried, timeouts: { command: 1_000_000 } }, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    for (let i = 0; i < 6; i++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      assert.equal(await talk.say('NOOP'), '250 2.0.0 Ok');
    }
    await talk.quit();
  });
});

test('an hour without a message ends a session, however busy; a message earns another', async () => {
  const clock = new FakeClock();
  await withServer({ clock }, async (server) => {
    const talk = await inContent(server);
    clock.stall(3_500_000);
    assert.match(await talk.say('Subject: x\r\n\r\n.'), /^250/);
    for (let i = 0; i < 7; i++) {
      clock.stall(500_000);
      assert.equal(await talk.say('NOOP'), '250 2.0.0 Ok');
    }
    clock.stall(500_000);
    assert.equal(await talk.say('NOOP'), '421 4.4.2 mx.test timeout exceeded, closing connection');
    await until('server to close', () => talk.isClosed);
    assert.ok(server.program.calls.includes('closed timeout'));
  });
});

test('content that stops coming is given up, and nothing of it counts', async () => {
  await withServer({ clock: hurried }, async (server) => {
    const talk = await inContent(server);
    talk.write('half a message\r\n');
    assert.match(await talk.reply(), /^421 4\.4\.2/);
    await until('abort', () => server.program.calls.includes('abort'));
    assert.deepEqual(server.program.contents, []);
  });
});

test('a chunk that stops coming is given up, wanted or not', async () => {
  await withServer({ clock: hurried }, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    await talk.say('MAIL FROM:<a@client.test>');
    await talk.say('RCPT TO:<b@example.test>');
    talk.write('BDAT 100 LAST\r\nhalf a message\r\n');
    assert.match(await talk.reply(), /^421 4\.4\.2/);
    await until('abort', () => server.program.calls.includes('abort'));
    assert.deepEqual(server.program.contents, []);
    const other = await SmtpTalk.greeted(server.port);
    other.write('BDAT 100 LAST\r\nhalf of what nobody wants\r\n');
    assert.match(await other.reply(), /^421 4\.4\.2/);
  });
});

test('a message in very many chunks costs time linear in them', async () => {
  await withServer({}, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    await talk.say('MAIL FROM:<a@client.test>');
    await talk.say('RCPT TO:<b@example.test>');
    talk.socket.removeAllListeners('data').resume(); // its replies are not what is measured
    const before = process.cpuUsage();
    talk.write('BDAT 1\r\nx'.repeat(50_000));
    talk.write('BDAT 0 LAST\r\n');
    await until('message', () => server.program.contents.length === 1, 20_000);
    assert.equal(server.program.contents[0]?.length, 50_000);
    const ms = process.cpuUsage(before).user / 1000;
    assert.ok(ms < 5_000, `${ms} ms`); // quadratic cost would take a minute
    talk.socket.destroy();
  });
});

test('content that drips for ever is given up as well', async () => {
  await withServer({ clock: hurried, timeouts: { contentInAll: 300_000 } }, async (server) => {
    const talk = await inContent(server);
    const drip = setInterval(() => talk.write('x'), 20);
    try {
      assert.match(await talk.reply(5_000), /^421 4\.4\.2/);
    } finally {
      clearInterval(drip);
      talk.socket.destroy();
    }
    await until('abort', () => server.program.calls.includes('abort'));
  });
});

test('a TLS handshake that does not come is cut', async () => {
  await withServer({ clock: hurried }, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    assert.match(await talk.say('STARTTLS'), /^220/);
    assert.equal(await talk.reply(), '');
    await until('end', () => server.program.calls.includes('closed timeout'));
  });
});

test('a client on an implicit-TLS port that speaks no TLS is cut', async () => {
  await withServer({ tls: 'implicit' }, async (server) => {
    const talk = await SmtpTalk.open(server.port);
    talk.write('EHLO client.test\r\n');
    await until('server to close', () => talk.isClosed);
    await until('conversation to hear', () => server.program.calls.includes('closed lost'));
  });
});

test('a client that reads none of its replies is not read from, then cut', async () => {
  await withServer({ clock: hurriedClock(200), limits: { fruitless: 1e9 } }, async (server) => {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.pause();
    socket.on('error', () => undefined);
    const flood = Buffer.from('NOOP\r\n'.repeat(20_000));
    // Far more replies than the sockets' buffers hold.
    for (let i = 0; i < 400; i++) socket.write(flood);
    await until('session to end', () => server.program.summaries.length > 0, 20_000);
    assert.equal(server.program.summaries[0]?.end, 'timeout');
    const { bytesRead } = server.program.summaries[0];
    assert.ok(bytesRead < 20_000_000, `${bytesRead} bytes were read`);
    socket.destroy();
  });
});

test('replies already given do not wait for what takes longer', async () => {
  for (const rest of ['y\r\n.\r\nNOOP\r\n', 'y\r\n']) {
    await withServer({}, async (server) => {
      let release: () => void = () => undefined;
      server.program.onPiece = () => new Promise((resolve) => (release = resolve));
      const talk = await SmtpTalk.greeted(server.port);
      talk.write(`MAIL FROM:<slow@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n${rest}`);
      assert.match(await talk.reply(), /^250 2\.1\.0/);
      assert.match(await talk.reply(), /^250 2\.1\.5/);
      assert.match(await talk.reply(5_000), /^354/);
      release();
      if (!rest.endsWith('NOOP\r\n')) talk.write('.\r\nNOOP\r\n');
      assert.match(await talk.reply(), /^250 2\.0\.0 Ok: 1 queued/);
      assert.match(await talk.reply(), /^250 2\.0\.0 Ok$/);
      await talk.quit();
    });
  }
});

test('a program that takes content slowly slows the client down', async () => {
  await withServer({}, async (server) => {
    const talk = await inContent(server);
    const waiting: (() => void)[] = [];
    server.program.onPiece = () => new Promise((resolve) => waiting.push(resolve));
    const megabyte = Buffer.from(`${'x'.repeat(998)}\r\n`.repeat(1000));
    for (let i = 0; i < 30; i++) talk.write(megabyte);
    await until('piece', () => waiting.length === 1);
    // Everything in flight has settled when the client's buffer no longer shrinks.
    let before = -1;
    await until('client to be held up', () => {
      const now = talk.socket.writableLength;
      const still = now === before;
      before = now;
      return still;
    });
    assert.ok(talk.socket.writableLength > 10_000_000, `${talk.socket.writableLength}`);
    server.program.onPiece = () => undefined;
    for (const resolve of waiting) resolve();
    talk.write('.\r\n');
    assert.match(await talk.reply(), /^250/);
    assert.equal(server.program.contents[0]?.length, 30_000_000);
    await talk.quit();
  });
});

test('a last reply arrives whatever the client still sends, and the session ends soon', async () => {
  await withServer({}, async (server) => {
    const talk = await inContent(server);
    let release: () => void = () => undefined;
    server.program.onPiece = () => new Promise((resolve) => (release = resolve));
    talk.write('x\r\n.\r\nQUIT\r\n');
    const junk = Buffer.alloc(1_000_000, 'x');
    for (let i = 0; i < 20; i++) talk.write(junk);
    talk.socket.end();
    await until('piece', () => server.program.pieces === 1);
    await until('server to stop reading', () => talk.socket.writableLength < 20_000_000);
    release();
    assert.match(await talk.reply(), /^250 2\.0\.0/);
    assert.match(await talk.reply(), /^221 2\.0\.0/);
    await until('session to end', () => server.listener.sessions === 0, 4_000);
    assert.ok(!server.log.events.some((event) => event.evt === 'smtp.lost'));
  });
});

test('a client that does not close after the last reply is cut', async () => {
  await withServer({ timeouts: { command: 1_000, linger: 500 } }, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    talk.socket.allowHalfOpen = true;
    assert.match(await talk.reply(), /^421/);
    assert.equal(server.listener.sessions, 1);
    await until('session to be forgotten', () => server.listener.sessions === 0, 4_000);
    talk.socket.destroy();
  });
});

test('a client that has said QUIT is not waited for', async () => {
  await withServer({ timeouts: { linger: 60_000 } }, async (server) => {
    const talk = await SmtpTalk.greeted(server.port);
    talk.socket.allowHalfOpen = true;
    assert.match(await talk.say('QUIT'), /^221/);
    await until('session to be forgotten', () => server.listener.sessions === 0, 4_000);
    talk.socket.destroy();
  });
});

test('a long judgement does not run into the client’s deadline', async () => {
  await withServer({ clock: hurried }, async (server) => {
    const talk = await inContent(server);
    server.program.onPiece = () => new Promise((resolve) => setTimeout(resolve, 700));
    talk.write('x\r\n.\r\n');
    assert.match(await talk.reply(), /^250/);
    talk.socket.destroy();
  });
});

test('a failing sink is a temporary failure and is logged as a crash', async () => {
  await withServer({}, async (server) => {
    const talk = await inContent(server);
    server.program.onPiece = () => Promise.reject(new Error('planted'));
    talk.write('x\r\n');
    assert.match(await talk.reply(), /^421 4\.3\.0/);
    const [crash] = server.log.events.filter((event) => event.evt === 'crash');
    assert.equal(crash?.level, 'error');
    assert.equal(crash?.fields.msg, 'planted');
    await until('abort', () => server.program.calls.includes('abort'));
  });
});

test('a client that leaves while it is being served: the signal says so, closed comes once', async () => {
  await withServer({}, async (server) => {
    const talk = await inContent(server);
    let release: () => void = () => undefined;
    server.program.onPiece = () => new Promise((resolve) => (release = resolve));
    talk.write('x\r\n');
    await until('piece', () => server.program.pieces === 1);
    talk.socket.resetAndDestroy();
    await until('signal', () => server.program.signals[0]?.aborted === true);
    assert.deepEqual(server.program.summaries, []);
    release();
    await until('end', () => server.program.summaries.length > 0);
    assert.deepEqual(server.program.calls.slice(-2), ['abort', 'closed lost']);
    await until('session to be forgotten', () => server.listener.sessions === 0);
    assert.equal(server.log.of('smtp.lost').length, 1);
    assert.equal(server.log.of('smtp.close').length, 1);
  });
});

test('nothing keeps running for a session that is over', async () => {
  const running = new Set<Timer>();
  const clock: Clock = {
    ...systemClock,
    timer: (ms, fn) => {
      const inner = systemClock.timer(ms, fn);
      const timer: Timer = {
        restart: () => {
          inner.restart();
          running.add(timer);
        },
        stop: () => {
          inner.stop();
          running.delete(timer);
        },
      };
      running.add(timer);
      return timer;
    },
  };
  await withServer({ clock }, async (server) => {
    const talk = await inContent(server);
    talk.write('x\r\n.\r\nQUIT\r\n');
    const cut = await inContent(server);
    cut.write('half');
    cut.socket.resetAndDestroy();
    await until('sessions to end', () => server.listener.sessions === 0);
    assert.equal(running.size, 0);
  });
});

test('a session is told of when something was not taken, and else only to who looks at each', async () => {
  await withServer({}, async (server) => {
    const clean = await inContent(server);
    clean.write('x\r\n.\r\n');
    await clean.reply();
    await clean.quit();
    await until('close', () => server.log.of('smtp.close').length === 1);
    const other = await SmtpTalk.greeted(server.port);
    await other.say('MAIL FROM:<a@client.test>');
    for (const local of ['b', 'unknown', 'later', 'unknown']) {
      await other.say(`RCPT TO:<${local}@example.test>`);
    }
    await other.quit();
    await until('close', () => server.log.of('smtp.close').length === 2);
    const closed = server.log.events.filter(({ evt }) => evt === 'smtp.close');
    assert.deepEqual(
      closed.map(({ level, fields: { rcpts, msgs } }) => [level, rcpts, msgs]),
      [
        [undefined, '1/0/0', '1/0/0'],
        ['info', '1/1/2', '0/0/0'],
      ],
    );
  });
});

test('what a session did is in its last log line', async () => {
  await withServer({}, async (server) => {
    const talk = await inContent(server);
    talk.write('x\r\n.\r\n');
    await talk.reply();
    await talk.say('NONSENSE');
    await talk.quit();
    await until('close', () => server.log.of('smtp.close').length > 0);
    const [closed] = server.log.of('smtp.close');
    const { ip, end, errors, transactions, rcpts, msgs, tls } = closed ?? {};
    assert.deepEqual([ip, end, errors, transactions, tls], ['127.0.0.1', 'quit', 1, 1, '-']);
    assert.deepEqual([rcpts, msgs], ['1/0/0', '1/0/0']);
    assert.ok(Number(closed?.['bytes']) > 'x\r\n.\r\nNONSENSE\r\nQUIT\r\n'.length);
    assert.match(String(closed?.['sid']), /^[0-9A-Z]{10}$/);
    assert.deepEqual(server.program.views[0]?.hello, { verb: 'EHLO', name: 'client.example' });
  });
});
