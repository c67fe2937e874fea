/**
 * Attacks on the running program, from both sides: clients that flood, smuggle, break off and never
 * read, destinations that lie. Nothing of it may end the process, lose or alter a message, or reach
 * a log or a reply unescaped.
 */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { after, afterEach, before, describe, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'From: a@client.example\r\nSubject: hi\r\n\r\nHello\r\n';

/** Whatever was done to it, it lives, has noticed no surprise, and takes mail. */
function unharmed(gateway: Gateway): void {
  assert.equal(gateway.exitCode, undefined, gateway.stderr);
  assert.equal(gateway.stderr, '');
  const surprises = gateway.lines.filter(({ level }) => level === 'fatal' || level === 'error');
  assert.deepEqual(surprises, []);
}

type Lies = Readonly<Record<string, string | Buffer | ((socket: Socket) => void)>>;

/** A destination that answers each verb (`greeting`, `.` too) with the bytes it is told. */
class LyingDestination {
  #answers: Lies = {};
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#serve(socket)).unref();

  async start(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port; // listening on TCP
  }

  /** From now on and from the greeting on. */
  answer(answers: Lies): void {
    this.#answers = answers;
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    socket.unref();
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const say = (verb: string, usual: string) => {
      const answer = this.#answers[verb] ?? `${usual}\r\n`;
      if (typeof answer === 'function') answer(socket);
      else socket.write(answer);
    };
    let input = '';
    let inContent = false;
    say('greeting', '220 lies.test');
    socket.on('data', (chunk) => {
      input += chunk.toString('latin1');
      for (;;) {
        const end = inContent ? '\r\n.\r\n' : '\r\n';
        const at = input.indexOf(end);
        if (at < 0) return;
        const verb = inContent ? '.' : input.slice(0, 4).toUpperCase();
        input = input.slice(at + end.length);
        inContent = verb === 'DATA';
        if (verb === 'EHLO') say(verb, '250-lies.test\r\n250 PIPELINING');
        else say(verb, verb === 'DATA' ? '354 go on' : '250 ok');
      }
    });
  }
}

describe('a destination that lies', () => {
  const destination = new LyingDestination();
  let gateway: Gateway;
  before(async () => {
    gateway = await Gateway.run({
      node: 'delivery: { final_reply_timeout: 1s }\nqueue: { retry: [1h], probe: 100ms }',
      domains: { 'example.org': domainFile(await destination.start()) },
    });
  });
  after(() => gateway.remove());
  afterEach(async () => {
    destination.answer({});
    unharmed(gateway);
    // What was lied about made the destination look down; the next case begins with it up.
    await until('the destination to be up', async () =>
      /delivered/.test(await sendMail(gateway.port(), '', ['a@example.org'], MAIL)),
    );
  });

  const endless = (text: string) => (socket: Socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(text.repeat(1000)));
    };
    socket.on('drain', more);
    more();
  };
  const lies: Readonly<Record<string, Lies>> = {
    'takes the message before it was sent': { DATA: '354 go on\r\n250 ok\r\n' },
    'refuses it before it was sent': { DATA: '354 go on\r\n421 4.3.0 changed my mind\r\n' },
    'hangs up with its 354': { DATA: (socket) => socket.end('354 go on\r\n') },
    'answers the final dot with 354': { '.': '354 once more\r\n' },
    'answers with a code that is none': { '.': '999 what\r\n' },
    'ends a reply with a bare LF': { '.': '250 ok\n' },
    'ends no reply': { '.': endless('250-2.0.0 and more\r\n') },
    'ends no line': { '.': endless('250 ') },
    'ends no greeting': { greeting: endless('220-hello\r\n') },
    'is not asked and talks on': { EHLO: endless('250 ok\r\n') },
    'talks garbage': { greeting: Buffer.from([0, 255, 10, 13, 10, 0, 27, 91]) },
    'is silent behind the final dot': { '.': () => undefined },
  };
  for (const [name, answers] of Object.entries(lies)) {
    test(`that ${name} leaves the message with us`, { timeout: 20_000 }, async () => {
      destination.answer(answers);
      const reply = await sendMail(gateway.port(), 'a@client.example', ['b@example.org'], MAIL);
      assert.match(reply, /^250 2\.0\.0 Ok: (\S+) queued$/);
      const id = /Ok: (\S+)/.exec(reply)?.[1] ?? '';
      assert.equal((await gateway.cli('queue', 'delete', id)).code, 0, `${id} is in the queue`);
    });
  }

  test('its terminal codes and long lines do not reach the client', async () => {
    const nasty = '\x1b[31mred\x07 \u009b31m \u0085 \u202e caf\u00e9 \x7f\t';
    for (const final of [
      `554 5.7.1 ${nasty}\r\n`,
      `554 5.7.1 ${'\u00e9'.repeat(1500)}\r\n`,
      `${`554-5.7.1 ${nasty.repeat(30)}\r\n`.repeat(60)}554 5.7.1 end\r\n`,
      Buffer.from('554 5.7.1 \x9b31m \xff\xfe\r\n', 'latin1'),
      `250 2.0.0 ${nasty}\r\n`,
    ]) {
      destination.answer({ '.': final });
      const reply = await sendMail(gateway.port(), '', ['b@example.org'], MAIL);
      assert.match(reply, /^(?:554|250)/);
      assert.match(reply, /^[\n\x20-\x7e]*$/, 'ASCII and printable');
      for (const line of reply.split('\n')) assert.ok(line.length <= 510, `${line.length} octets`);
    }
  });
});

describe('hostile clients', () => {
  const destination = new Destination();
  let gateway: Gateway;
  before(async () => {
    await destination.start();
    gateway = await Gateway.run({
      listeners:
        '[{ name: mx, address: "127.0.0.1:0", tls: starttls }, { name: tls, address: "127.0.0.1:0", tls: implicit }]',
      domains: { 'example.org': domainFile(destination.port) },
    });
  });
  after(async () => {
    await gateway.remove();
    await destination.stop();
  });
  afterEach(async () => {
    assert.match(await sendMail(gateway.port(), '', ['a@example.org'], MAIL), /^250/);
    destination.arrived.length = 0;
    unharmed(gateway);
  });

  /** Says it all in one write; resolves with what came back once the server has closed. */
  async function flood(text: string): Promise<string> {
    const socket = connect(gateway.port(), '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    await until('the greeting', () => said !== '');
    socket.write(`EHLO flood.example\r\n${text}`);
    await new Promise((resolve) => socket.once('close', resolve));
    return said;
  }

  /** Lines, and how many replies to them there are at the most before the session is ended. */
  const floods: Readonly<Record<string, readonly [line: string, most: number]>> = {
    'unknown commands': ['JUNK', 10],
    'empty lines': ['', 10],
    'recipients elsewhere': ['RCPT TO:<x@elsewhere.example>', 100],
    'recipients past the limit': ['RCPT TO:<x@example.org>', 200 + 2000 + 10],
    'commands that do nothing': ['NOOP', 110],
    'commands that do next to nothing': ['VRFY anna', 110],
    greetings: ['HELO again.example', 110],
    'transactions without a message': ['RSET\r\nMAIL FROM:<>', 2 * 110],
    'transactions without content': ['RSET\r\nMAIL FROM:<>\r\nRCPT TO:<x@example.org>', 3 * 110],
    'declarations of size': ['RSET\r\nMAIL FROM:<> SIZE=99999999999', 2 * 110],
  };
  for (const [name, [line, most]] of Object.entries(floods)) {
    test(`100,000 ${name} end the session early`, async () => {
      const said = await flood(`MAIL FROM:<>\r\n${`${line}\r\n`.repeat(100_000)}`);
      const replies = said.match(/^\d\d\d .*\r$/gm)?.length ?? 0;
      assert.ok(replies <= 4 + most, `${replies} replies`);
      assert.match(said, /421 4\.7\.0 [^\n]*\n$/);
    });
  }

  test('a client with much mail, RSET between the messages and NOOP now and then is served', async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    for (let i = 0; i < 150; i++) {
      for (const command of ['RSET', 'NOOP', 'MAIL FROM:<>', 'RCPT TO:<a@example.org>', 'RSET']) {
        assert.match(await talk.say(command), /^250/);
      }
      await talk.say('MAIL FROM:<>');
      await talk.say('RCPT TO:<a@example.org>');
      await talk.say('DATA');
      assert.match(await talk.say(`${MAIL}.`), /^250 /);
    }
    await talk.quit();
  });

  test('an endless line, and 1,500 recipients', async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    for (let i = 0; i < 100; i++) talk.write('A'.repeat(100_000));
    assert.match(await talk.say(''), /^500 5\.5\.2 Line too long/);
    await talk.say('MAIL FROM:<>');
    for (let i = 0; i < 1500; i++) talk.write(`RCPT TO:<u${i}@example.org>\r\n`);
    const counts = new Map<string, number>();
    for (let i = 0; i < 1500; i++) {
      const code = (await talk.reply()).slice(0, 9);
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(counts), { '250 2.1.5': 200, '452 4.5.3': 1300 });
    await talk.quit();
  });

  test('who floods and does not read keeps nobody from being served', async () => {
    const talks = await Promise.all(
      Array.from({ length: 20 }, () => SmtpTalk.greeted(gateway.port())),
    );
    for (const talk of talks) {
      talk.socket.pause();
      talk.write('EHLO again.example\r\n'.repeat(100_000));
    }
    const startedAt = Date.now();
    assert.match(await sendMail(gateway.port(), '', ['a@example.org'], MAIL), /^250/);
    assert.ok(Date.now() - startedAt < 5000);
    for (const talk of talks) talk.socket.destroy();
  });

  test('idle connections of one client keep nobody else out', async () => {
    const talks: SmtpTalk[] = [];
    for (let i = 0; i < 150; i++) talks.push(await SmtpTalk.open(gateway.port(), '127.0.0.2'));
    const greetings = await Promise.all(talks.map((talk) => talk.reply()));
    assert.equal(greetings.filter((said) => said.startsWith('220 ')).length, 50);
    assert.equal(greetings.filter((said) => said.startsWith('421 4.7.0 ')).length, 100);
    assert.match(await sendMail(gateway.port(), '', ['a@example.org'], MAIL), /^250/);
    for (const talk of talks) talk.socket.destroy();
  });

  test('connections reset at every phase', async () => {
    const steps = ['EHLO a', 'MAIL FROM:<>', 'RCPT TO:<a@example.org>', 'DATA'];
    for (let phase = 0; phase <= steps.length + 1; phase++) {
      for (const how of ['resetAndDestroy', 'end', 'destroy'] as const) {
        const talk = await SmtpTalk.open(gateway.port());
        await talk.reply();
        for (const step of steps.slice(0, phase)) await talk.say(step);
        if (phase > steps.length) talk.write(`${MAIL}.\r`);
        talk.socket[how]();
      }
    }
    for (let i = 0; i < 500; i++) (await SmtpTalk.open(gateway.port())).socket.resetAndDestroy();
    assert.equal(destination.arrived.length, 0);
  });

  const exact: Readonly<Record<string, string>> = {
    '200,000 lines of one dot': `A: b\r\n\r\n${'.\r\n'.repeat(200_000)}`,
    '200,000 lines of one dot and no header': '.\r\n'.repeat(200_000),
    'a line of 300,000 octets and no header': `${'x'.repeat(300_000)}\r\n`,
    '60,000 header fields': `${'A:\r\n'.repeat(60_000)}\r\nbody\r\n`,
    'every octet but CR and LF': `A: b\r\n\r\n${Array.from({ length: 256 }, (_, i) => (i === 10 || i === 13 ? '' : String.fromCharCode(i))).join('')}\r\n`,
  };
  for (const [name, content] of Object.entries(exact)) {
    test(`${name}: delivered to the byte`, async () => {
      const reply = await sendMail(gateway.port(), '', ['a@example.org'], content);
      assert.match(reply, /^250 /);
      const text = destination.arrived[0]?.content.toString('latin1') ?? '';
      assert.ok(text.endsWith(`\r\n${content}`));
    });
  }

  test('a broken TLS record ends the session at once', async () => {
    // Between the client and the gateway sits somebody who can write into the connection.
    let toGateway: Socket | undefined;
    const between = createServer((client) => {
      toGateway = connect(gateway.port('tls'), '127.0.0.1');
      client.pipe(toGateway).pipe(client);
      for (const socket of [client, toGateway]) socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => {
      between.listen(0, '127.0.0.1', resolve);
    });
    const { port } = between.address() as AddressInfo; // listening on TCP
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    client.on('error', () => undefined);
    await new Promise((resolve) => client.once('data', resolve));
    client.write('EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n');
    await until('354', () => gateway.exitCode === undefined && client.bytesRead > 100);
    const ended = new Promise((resolve) => toGateway?.once('close', resolve));
    toGateway?.write('.\r\nQUIT\r\n and much else that is no TLS\r\n');
    await ended;
    await gateway.event('smtp.close', (line) => line['end'] === 'lost');
    client.destroy();
    between.close();
  });
});
