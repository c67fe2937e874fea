/** How a connection is opened: greeting, EHLO or HELO, STARTTLS by policy; refusals and failures. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { SMTPServer } from 'smtp-server';
import { systemClock } from '../../src/base/clock.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { CLIENT_DEADLINES } from '../../src/smtp/client-deadlines.ts';
import { openClient } from '../../src/smtp/client-opening.ts';
import type { TlsPolicy } from '../../src/smtp/client-opening.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { ScriptedPeer } from '../support/scripted-peer.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';

const TLS_HELLO = [
  'S: 220 peer',
  'C: EHLO mx.test',
  'S: 250-peer',
  'S: 250-PIPELINING',
  'S: 250 STARTTLS',
  'C: STARTTLS',
];

/** What opening comes to: how it ended, the way of TLS, and what was learnt last. */
const CASES: readonly {
  name: string;
  tls: TlsPolicy;
  scripts: string[][];
  end: string;
  connections?: number;
}[] = [
  { name: 'plain', tls: 'off', scripts: [['HELLO']], end: 'open - pipelining' },
  { name: 'no STARTTLS', tls: 'opportunistic', scripts: [['HELLO']], end: 'open - pipelining' },
  { name: 'STARTTLS not wanted', tls: 'off', scripts: [TLS_HELLO], end: 'open - pipelining' },
  {
    name: 'HELO for a server without EHLO',
    tls: 'opportunistic',
    scripts: [['S: 220 old', 'C: EHLO', 'S: 500 what', 'C: HELO mx.test', 'S: 250 old']],
    end: 'open - ',
  },
  { name: 'greeting 421', tls: 'off', scripts: [['S: 421 4.3.2 later']], end: 'refused 421' },
  { name: 'greeting 554', tls: 'off', scripts: [['S: 554 no']], end: 'refused 554' },
  {
    name: 'EHLO 451',
    tls: 'off',
    scripts: [['S: 220 x', 'C: EHLO', 'S: 451 x']],
    end: 'refused 451',
  },
  {
    name: 'EHLO and HELO 550',
    tls: 'off',
    scripts: [['S: 220 x', 'C: EHLO', 'S: 550 x', 'C: HELO', 'S: 550 y']],
    end: 'refused 550',
  },
  { name: 'garbage', tls: 'off', scripts: [['S: SSH-2.0-x']], end: 'failed PEER_PROTOCOL' },
  { name: 'hung up', tls: 'off', scripts: [['close']], end: 'failed PEER_CLOSED' },
  {
    name: 'TLS with a certificate signed by itself, and what was learnt before is forgotten',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: 220 go', 'TLS', 'C: EHLO mx.test', 'S: 250-peer', 'S: 250 SIZE']],
    end: 'open TLSv1.3 ',
  },
  {
    name: 'injection: replies in plaintext behind the 220 are not those of the server inside',
    tls: 'opportunistic',
    scripts: [
      [
        ...TLS_HELLO,
        'S! 220 go\\r\\n250-evil\\r\\n250-PIPELINING\\r\\n250 X\\r\\n250 unfi',
        'TLS',
        'C: EHLO mx.test',
        'S: 250 peer',
      ],
    ],
    end: 'open TLSv1.3 ',
  },
  {
    name: 'handshake fails: once more in plaintext',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: 220 go', 'C< 5', 'S: this is no TLS', 'hang'], ['HELLO']],
    end: 'open - pipelining',
    connections: 2,
  },
  {
    name: 'handshake hangs up: once more in plaintext',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: 220 go', 'close'], ['HELLO']],
    end: 'open - pipelining',
    connections: 2,
  },
  {
    name: 'handshake falls silent: once more in plaintext',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: 220 go', 'hang'], ['HELLO']],
    end: 'open - pipelining',
    connections: 2,
  },
  {
    name: 'STARTTLS put off by the server: plaintext goes on',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: 454 4.7.0 not now']],
    end: 'open - pipelining',
  },
  {
    name: 'STARTTLS answered with 421: once more in plaintext',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: 421 4.3.2 busy'], ['HELLO']],
    end: 'open - pipelining',
    connections: 2,
  },
  {
    name: 'STARTTLS answered with rubbish: once more in plaintext',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'S: what?'], ['HELLO']],
    end: 'open - pipelining',
    connections: 2,
  },
  {
    name: 'STARTTLS hangs up: once more in plaintext',
    tls: 'opportunistic',
    scripts: [[...TLS_HELLO, 'close'], ['HELLO']],
    end: 'open - pipelining',
    connections: 2,
  },
  {
    name: 'TLS required, STARTTLS answered with 421',
    tls: 'required',
    scripts: [[...TLS_HELLO, 'S: 421 4.3.2 busy']],
    end: 'failed TLS_FAILED',
  },
  {
    name: 'TLS required and there',
    tls: 'required',
    scripts: [[...TLS_HELLO, 'S: 220 go', 'TLS', 'C: EHLO', 'S: 250 peer']],
    end: 'open TLSv1.3 ',
  },
  {
    name: 'TLS required, not offered',
    tls: 'required',
    scripts: [['HELLO']],
    end: 'failed TLS_FAILED',
  },
  {
    name: 'TLS required, refused',
    tls: 'required',
    scripts: [[...TLS_HELLO, 'S: 454 not now']],
    end: 'failed TLS_FAILED',
  },
  {
    name: 'TLS required, handshake fails',
    tls: 'required',
    scripts: [[...TLS_HELLO, 'S: 220 go', 'C< 5', 'S: this is no TLS', 'hang']],
    end: 'failed TLS_FAILED',
  },
];

for (const { name, tls, scripts, end, connections = 1 } of CASES) {
  test(`opening (${tls}): ${name}`, async (t) => {
    const peer = await ScriptedPeer.start(scripts, { tls: SELF_SIGNED });
    t.after(() => peer.stop());
    const opening = await openClient({
      host: '127.0.0.1',
      port: peer.port,
      clock: name.includes('silent') ? hurriedClock(100) : systemClock,
      deadlines: CLIENT_DEADLINES,
      hostname: 'mx.test',
      tls,
    });
    if (opening.kind === 'open') {
      const { client } = opening;
      t.after(() => client.close());
      assert.equal(`open ${client.tls} ${client.offers.pipelining ? 'pipelining' : ''}`, end);
      assert.equal(client.address, '127.0.0.1');
    } else if (opening.kind === 'refused') {
      assert.equal(`refused ${opening.reply.code}`, end);
    } else {
      assert.equal(`failed ${opening.error.code}`, end, opening.error.message);
    }
    assert.equal(peer.connections, connections);
    assert.deepEqual(peer.faults, []);
  });
}

test('nobody listens', async () => {
  const peer = await ScriptedPeer.start([]);
  await peer.stop();
  const options = {
    clock: systemClock,
    deadlines: CLIENT_DEADLINES,
    hostname: 'x',
    tls: 'off',
  } as const;
  const opening = await openClient({ host: '127.0.0.1', port: peer.port, ...options });
  assert.ok(opening.kind === 'failed');
  assert.equal(opening.error.code, 'CONNECT_FAILED');
});

test('an aborted opening ends at once', async (t) => {
  const peer = await ScriptedPeer.start([['hang']]);
  t.after(() => peer.stop());
  const abort = new AbortController();
  const opening = openClient(
    {
      host: '127.0.0.1',
      port: peer.port,
      clock: systemClock,
      deadlines: CLIENT_DEADLINES,
      hostname: 'x',
      tls: 'off',
    },
    abort.signal,
  );
  setImmediate(() => abort.abort());
  const result = await opening;
  assert.ok(result.kind === 'failed');
  assert.equal(result.error.code, 'STOPPING');
});

for (const tls of ['off', 'required'] as const) {
  test(`an honest server takes several messages on one connection, TLS ${tls}`, async (t) => {
    const contents: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      onData(stream, _session, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          contents.push(Buffer.concat(chunks).toString());
          done(null, `taken ${contents.length}`);
        });
      },
    });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => new Promise<void>((resolve) => server.close(resolve)));
    const address = server.server.address();
    assert.ok(address !== null && typeof address === 'object');
    const opening = await openClient({
      host: '127.0.0.1',
      port: address.port,
      clock: systemClock,
      deadlines: CLIENT_DEADLINES,
      hostname: 'mx.test',
      tls,
    });
    assert.ok(opening.kind === 'open');
    const { client } = opening;
    assert.equal(client.tls, tls === 'off' ? '-' : 'TLSv1.3');
    const anna = { address: { local: 'anna', domain: 'example.org' }, parameters: {} };
    const texts = ['one\r\n', '.\r\n..\r\n', `${'x'.repeat(70)}\r\n`.repeat(10_000)];
    for (const [index, text] of texts.entries()) {
      const calls = [client.mail(anna.address, {}, text.length), client.rcpt(anna), client.data()];
      const codes = (await Promise.all(calls)).map((reply) => reply.code);
      assert.deepEqual(codes, [250, 250, 354]);
      const reply = await client.content(memoryContent([Buffer.from(text)]), 10_000);
      assert.equal(reply.lines[0], `taken ${index + 1}`);
      assert.equal(client.inTransaction, false);
    }
    assert.deepEqual(contents, texts);
    await client.quit();
  });
}
