/** The client against scripted servers: order of replies, losses, deadlines, content on the wire. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.ts';
import { CodedError } from '../../src/base/errors.ts';
import { memoryContent } from '../../src/mail/content.ts';
import type { Content } from '../../src/mail/content.ts';
import type { SmtpClient } from '../../src/smtp/client.ts';
import { CLIENT_DEADLINES } from '../../src/smtp/client-deadlines.ts';
import { openClient } from '../../src/smtp/client-opening.ts';
import type { Opening, OpeningOptions } from '../../src/smtp/client-opening.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { ScriptedPeer } from '../support/scripted-peer.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { until } from '../support/until.ts';

const ANNA = { address: { local: 'anna', domain: 'example.org' }, parameters: {} };
const BEN = { address: { local: 'ben', domain: 'example.org' }, parameters: {} };

async function peerOf(t: TestContext, ...scripts: string[][]): Promise<ScriptedPeer> {
  const peer = await ScriptedPeer.start(scripts, { tls: SELF_SIGNED });
  t.after(() => peer.stop());
  return peer;
}

function opening(port: number, options: Partial<OpeningOptions> = {}): Promise<Opening> {
  return openClient({
    host: '127.0.0.1',
    port,
    clock: systemClock,
    deadlines: CLIENT_DEADLINES,
    hostname: 'mx.test',
    tls: 'opportunistic',
    ...options,
  });
}

async function clientOf(
  t: TestContext,
  port: number,
  options: Partial<OpeningOptions> = {},
): Promise<SmtpClient> {
  const opened = await opening(port, options);
  assert.equal(opened.kind, 'open', JSON.stringify(opened));
  assert.ok(opened.kind === 'open');
  t.after(() => opened.client.close());
  return opened.client;
}

function failsWith(code: string, text?: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof CodedError, String(error));
    assert.equal(error.code, code, error.message);
    if (text !== undefined) assert.match(error.message, text);
    return true;
  };
}

function unreadable(sizeBytes: number): Content {
  return {
    sizeBytes,
    async *read() {
      yield Buffer.from('half of it\r\n');
      await Promise.resolve();
      throw new Error('disk');
    },
  };
}

function streamed(chunks: readonly Uint8Array[]): Content {
  const content = memoryContent(chunks);
  return { sizeBytes: content.sizeBytes, read: () => content.read() };
}

test('pipelined commands leave in one write and meet their replies in order', async (t) => {
  const peer = await peerOf(t, [
    'HELLO',
    'C: MAIL FROM:<>',
    'C: RCPT TO:<anna@example.org>',
    'C: RCPT TO:<ben@example.org>',
    'C: DATA',
    'S: 250 2.1.0 sender',
    'S: 550 5.1.1 who',
    'S: 250 2.1.5 ben',
    'S: 354 go',
    'C* content',
    'S: 250-2.0.0 taken',
    'S: 250 2.0.0 as 42',
  ]);
  const client = await clientOf(t, peer.port);
  assert.equal(client.offers.pipelining, true);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.rcpt(BEN), client.data()];
  const codes = (await Promise.all(calls)).map((reply) => reply.code);
  assert.deepEqual(codes, [250, 550, 250, 354]);
  assert.equal(client.refusals, 1);
  const content = memoryContent([Buffer.from('a\r\n.b'), Buffer.from('\r\n')]);
  const final = await client.content(content, 1000);
  assert.deepEqual(final, { code: 250, enhanced: '2.0.0', lines: ['taken', 'as 42'] });
  assert.equal(peer.contents[0]?.toString(), 'a\r\n..b\r\n.\r\n');
  assert.equal(client.refusals, 0, 'a delivery clears the count');
  assert.deepEqual(peer.faults, []);
});

test('replies that come byte by byte are the same replies', async (t) => {
  const peer = await ScriptedPeer.start([['HELLO', 'MESSAGE']], { bytewise: true });
  t.after(() => peer.stop());
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
  await Promise.all(calls);
  const final = await client.content(memoryContent([Buffer.from('x\r\n')]), 1000);
  assert.equal(final.lines[0], 'taken');
});

test('any content arrives as it was, from memory and as a stream', async (t) => {
  const lines = fc.array(fc.constantFrom('.', '..', 'text', '', '. x', 'ü'), { maxLength: 8 });
  const cut = fc.nat(20);
  await fc.assert(
    fc.asyncProperty(lines, cut, fc.boolean(), async (parts, at, inMemory) => {
      const peer = await ScriptedPeer.start([['HELLO', 'MESSAGE']]);
      try {
        const client = await clientOf(t, peer.port);
        const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
        await Promise.all(calls);
        const bytes = Buffer.from(parts.map((part) => `${part}\r\n`).join(''));
        const chunks = [bytes.subarray(0, at), bytes.subarray(at)];
        await client.content(inMemory ? memoryContent(chunks) : streamed(chunks), 5000);
        const wire = peer.contents[0]?.toString() ?? '';
        assert.equal(wire.slice(-3), '.\r\n');
        assert.equal(wire.slice(0, -3).replace(/^\./gm, ''), bytes.toString());
      } finally {
        await peer.stop();
      }
    }),
    { numRuns: 60 },
  );
});

test('content larger than memory allows goes through with back-pressure', async (t) => {
  const peer = await peerOf(t, ['HELLO', 'ENVELOPE', 'C* content', 'S: 250 taken']);
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
  await Promise.all(calls);
  const chunk = Buffer.from(`${'x'.repeat(62)}\r\n`.repeat(1000));
  let read = 0;
  const content: Content = {
    sizeBytes: chunk.length * 40,
    async *read() {
      for (; read < 40; read++) {
        await Promise.resolve();
        yield chunk;
      }
    },
  };
  assert.equal((await client.content(content, 5000)).lines[0], 'taken');
  assert.equal(peer.contents[0]?.length, chunk.length * 40 + 3);
});

test('a source that is faster than the peer is made to wait', async (t) => {
  const peer = await peerOf(t, ['HELLO', 'ENVELOPE', 'hang']);
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
  await Promise.all(calls);
  // The peer's sockets keep reading in this process, so the wait is for the write to be taken.
  let ahead = 0;
  const chunk = Buffer.from(`${'x'.repeat(1022)}\r\n`.repeat(1024));
  const content: Content = {
    sizeBytes: chunk.length * 50,
    async *read() {
      for (let i = 0; i < 50; i++) {
        ahead += 1;
        await Promise.resolve();
        yield chunk;
      }
    },
  };
  const reply = client.content(content, 5000);
  await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(ahead < 50, `${ahead} MiB were read at once`);
  client.close();
  await assert.rejects(reply, failsWith('STOPPING'));
});

const SILENT: readonly [phase: string, script: string[], text: RegExp][] = [
  ['greeting', ['hang'], /greeting/],
  ['EHLO', ['S: 220 peer', 'C: EHLO', 'hang'], /EHLO/],
  ['half a reply to EHLO', ['S: 220 peer', 'C: EHLO', 'S: 250-peer', 'hang'], /EHLO/],
];
for (const [phase, script, text] of SILENT) {
  test(`a server that falls silent at the ${phase} is given up`, async (t) => {
    const peer = await peerOf(t, script);
    const opened = await opening(peer.port, { clock: hurriedClock(100) });
    assert.ok(opened.kind === 'failed');
    failsWith('DEADLINE', text)(opened.error);
    await until('the connection is closed', () => peer.open === 0);
  });
}

test('deadlines of a transaction: a reply, and the final one as the caller says', async (t) => {
  const script = ['HELLO', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'hang'];
  const peer = await peerOf(t, script, ['HELLO', 'ENVELOPE', 'C* content', 'hang']);
  const client = await clientOf(t, peer.port, { clock: hurriedClock(100) });
  const mail = client.mail(null, {});
  const rcpt = client.rcpt(ANNA);
  assert.equal((await mail).code, 250, 'answered before the loss');
  await assert.rejects(rcpt, failsWith('DEADLINE', /RCPT/));
  const second = await clientOf(t, peer.port, { clock: hurriedClock(100) });
  const calls = [second.mail(null, {}), second.rcpt(ANNA), second.data()];
  await Promise.all(calls);
  const final = second.content(memoryContent([Buffer.from('x\r\n')]), 9_000);
  await assert.rejects(final, failsWith('DEADLINE', /final reply/));
  assert.equal(second.contentSent, 'whole');
});

test('when the connection is lost all open calls reject, what was answered stays', async (t) => {
  const peer = await peerOf(t, [
    'HELLO',
    'C: MAIL',
    'C: RCPT',
    'S: 250 ok',
    'S: 250 anna',
    'close',
  ]);
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.rcpt(BEN), client.data()];
  const results = await Promise.allSettled(calls);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  await assert.rejects(client.noop(), failsWith('PEER_CLOSED'), 'later calls as well');
});

test('421 answers the call it meets and ends the connection', async (t) => {
  const peer = await peerOf(t, [
    'HELLO',
    'C: MAIL',
    'C: RCPT',
    'S: 250 ok',
    'S: 421 4.3.2 bye',
    'hang',
  ]);
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.rcpt(BEN)];
  const [, anna, ben] = await Promise.allSettled(calls);
  assert.ok(anna?.status === 'fulfilled' && anna.value.enhanced === '4.3.2');
  assert.equal(ben?.status, 'rejected');
  failsWith('PEER_CLOSED', /421 4\.3\.2 bye/)(client.lost);
});

const UNASKED: readonly [name: string, step: string, code: string][] = [
  ['421', 'S: 421 4.4.2 idle too long', 'PEER_CLOSED'],
  ['a reply nobody asked for', 'S: 250 here you are', 'PEER_OUT_OF_STEP'],
  ['garbage', 'S! \\0\\0\\0\\n', 'PEER_PROTOCOL'],
  ['the end', 'close', 'PEER_CLOSED'],
  ['a reset', 'reset', 'PEER_CLOSED'],
];
for (const [name, step, code] of UNASKED) {
  test(`an idle connection notices ${name}`, async (t) => {
    const peer = await peerOf(t, ['HELLO', 'C: NOOP', 'S: 250 ok', 'pause', step, 'hang']);
    const client = await clientOf(t, peer.port);
    let lost = 0;
    client.whenLost(() => (lost += 1));
    await client.noop();
    assert.equal(client.lost, undefined);
    await until('paused', () => peer.resume() === 1);
    await until('noticed', () => client.lost !== undefined);
    failsWith(code)(client.lost);
    assert.equal(lost, 1);
  });
}

const OUT_OF_ORDER: readonly [name: string, script: string[], code?: string][] = [
  ['354 to MAIL', ['C: MAIL', 'S: 354 go'], 'PEER_OUT_OF_STEP'],
  ['a goodbye to MAIL', ['C: MAIL', 'S: 221 2.0.0 bye'], 'PEER_OUT_OF_STEP'],
  ['a reply too many', ['C: MAIL', 'S: 250 ok', 'S: 250 ok', 'S: 250 ok'], 'PEER_OUT_OF_STEP'],
  ['mixed codes', ['C: MAIL', 'S: 250-ok', 'S: 251 ok']],
  ['an endless reply', ['C: MAIL', ...new Array<string>(200).fill('S: 250-more')]],
  [
    'a flood of replies',
    ['C: MAIL', ...new Array<string>(5000).fill('S: 250 more')],
    'PEER_OUT_OF_STEP',
  ],
];
for (const [name, script, code = 'PEER_PROTOCOL'] of OUT_OF_ORDER) {
  test(`a server that breaks the protocol is left: ${name}`, async (t) => {
    const peer = await peerOf(t, ['HELLO', ...script, 'hang']);
    const client = await clientOf(t, peer.port);
    await client.mail(null, {}).catch(() => undefined);
    await until('left', () => client.lost !== undefined);
    failsWith(code)(client.lost);
  });
}

test('content that cannot be read back never gets a final dot', async (t) => {
  const peer = await peerOf(t, ['HELLO', 'ENVELOPE', 'C* content', 'S: 250 taken']);
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
  await Promise.all(calls);
  await assert.rejects(
    client.content(unreadable(100), 1000),
    failsWith('CONTENT_UNREADABLE', /disk/),
  );
  assert.equal(client.contentSent, 'part');
  await until('the connection is closed', () => peer.open === 0);
  assert.deepEqual(peer.contents, []);
});

test('content with a bare LF never leaves', async (t) => {
  const peer = await peerOf(t, ['HELLO', 'ENVELOPE', 'C* content', 'S: 250 taken']);
  const client = await clientOf(t, peer.port);
  const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
  await Promise.all(calls);
  const smuggling = memoryContent([Buffer.from('a\n.\r\nMAIL FROM:<x>\r\n')]);
  await assert.rejects(client.content(smuggling, 1000), failsWith('CONTENT_UNFIT'));
  assert.equal(client.contentSent, 'nothing');
});

const AMID: readonly [name: string, step: string, end: string][] = [
  ['a refusal is the final reply, and the connection is left', 'S: 552 5.3.4 x', '552'],
  ['a 250 is worth nothing', 'S: 250 2.0.0 taken', 'PEER_OUT_OF_STEP'],
  ['the end is a loss', 'close', 'PEER_CLOSED'],
];
for (const [name, step, end] of AMID) {
  test(`amid the content: ${name}`, async (t) => {
    const peer = await peerOf(t, ['HELLO', 'ENVELOPE', 'C< 5', step, 'hang']);
    const client = await clientOf(t, peer.port);
    const calls = [client.mail(null, {}), client.rcpt(ANNA), client.data()];
    await Promise.all(calls);
    const endless: Content = {
      sizeBytes: 1e9,
      async *read() {
        for (;;) {
          await new Promise((resolve) => setImmediate(resolve));
          yield Buffer.from('more\r\n');
        }
      },
    };
    const [result] = await Promise.allSettled([client.content(endless, 1000)]);
    if (result.status === 'fulfilled') assert.equal(String(result.value.code), end);
    else failsWith(end)(result.reason);
    assert.equal(client.contentSent, 'part');
    assert.notEqual(client.lost, undefined);
  });
}

test('no command carries a control character', async (t) => {
  const peer = await peerOf(t, ['HELLO', 'hang']);
  const client = await clientOf(t, peer.port);
  const evil = { local: 'a>\r\nRSET\r\nRCPT TO:<b', domain: 'example.org' };
  await assert.rejects(client.rcpt({ address: evil, parameters: {} }), failsWith('CONTENT_UNFIT'));
  assert.deepEqual(peer.lines, ['EHLO mx.test']);
});

test('QUIT needs no care: an answer, an end or silence closes the connection', async (t) => {
  const peer = await peerOf(
    t,
    ['HELLO'],
    ['HELLO', 'C: QUIT', 'close'],
    ['HELLO', 'C: QUIT', 'hang'],
  );
  for (let i = 0; i < 3; i++) {
    const client = await clientOf(t, peer.port, { clock: hurriedClock(100) });
    void client.quit();
    await until('closed', () => client.lost !== undefined && peer.open === 0);
  }
});
