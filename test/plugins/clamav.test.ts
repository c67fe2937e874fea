/**
 * The clamav plugin against a clamd that does whatever a broken one may do: only a clear OK to the
 * whole content passes, only a clear FOUND refuses, everything else defers.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import { RECEIVED } from '../support/filter-view.ts';
import { filterOf } from '../support/filter-host.ts';
import type { Behaviour } from '../support/fake-service.ts';
import { FakeService } from '../support/fake-service.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { until } from '../support/until.ts';

const MAIL = Buffer.from('Subject: x\r\n\r\ntext\r\n');
const BIG = Buffer.alloc(8 * 1024 * 1024, 'x'); // more than sockets buffer
const COMMAND = 'zIDSESSION\0zINSTREAM\0';

/** What of an INSTREAM command is the content, or undefined while it is not whole. */
function streamed(input: Buffer): Buffer | undefined {
  if (!input.subarray(0, COMMAND.length).equals(Buffer.from(COMMAND))) return undefined;
  const chunks: Buffer[] = [];
  for (let at = COMMAND.length; at + 4 <= input.length;) {
    const length = input.readUInt32BE(at);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(input.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return undefined;
}

/** Answers when it has the whole stream. */
function answering(answer: (socket: Socket, content: Buffer) => void): Behaviour {
  const answered = new WeakSet<Socket>();
  return (socket, input) => {
    const content = streamed(input);
    if (content === undefined || answered.has(socket)) return;
    answered.add(socket);
    answer(socket, content);
  };
}

const says = (text: string) => answering((socket) => socket.end(text, 'latin1'));

async function judged(behaviour: Behaviour, options = {}, content: Uint8Array = MAIL) {
  const clamd = await FakeService.start(behaviour);
  try {
    const raw = { address: clamd.address, timeout: '500ms', ...options };
    const filter = await filterOf('clamav', raw);
    const verdict = await filter.judge(content);
    return { verdict, clamd, err: String(filter.log.of('scan.error')[0]?.['err']) };
  } finally {
    await clamd.stop();
  }
}

test('OK is clean, and clamd got our Received field and the content, byte for byte', async () => {
  let seen: Buffer = Buffer.alloc(0);
  const behaviour = answering((socket, content) => {
    seen = content;
    socket.end('1: stream: OK\0');
  });
  const { verdict } = await judged(behaviour);
  assert.equal(verdict.kind, 'pass');
  assert.deepEqual(verdict.fields, [{ name: 'X-Virus-Status', value: 'Clean' }]);
  assert.equal(verdict.results?.['clamd'], 'clean');
  assert.deepEqual(seen, Buffer.concat([RECEIVED, MAIL]));
});

test('large content in many chunks arrives whole, empty chunks do not end it', async () => {
  let seen: Buffer = Buffer.alloc(0);
  const behaviour = answering((socket, content) => {
    seen = content;
    socket.end('1: stream: OK\0');
  });
  const clamd = await FakeService.start(behaviour);
  const { judge } = await filterOf('clamav', { address: clamd.address });
  const chunks = Array.from({ length: 40 }, (_, i) => Buffer.alloc(i % 3 === 0 ? 0 : 60_000, i));
  const content = Buffer.concat(chunks);
  const verdict = await judge({
    sizeBytes: content.length,
    async *read() {
      yield* chunks;
    },
  });
  await clamd.stop();
  assert.equal(verdict.kind, 'pass');
  assert.ok(seen.equals(Buffer.concat([RECEIVED, content])));
});

const FOUND: readonly [reply: string, name: string][] = [
  ['1: stream: Win.Test.EICAR_HDB-1 FOUND\0', 'Win.Test.EICAR_HDB-1'],
  ['1: stream: A.B(44d88612fea8a8f36de82e1278abb02f:68) FOUND\0', 'A.B'],
  ['1: stream: odd <name>; x FOUND FOUND\0', 'odd_name_x_FOUND'],
  [`1: stream: ${'a'.repeat(400)} FOUND\0`, 'a'.repeat(100)],
];
for (const [reply, name] of FOUND) {
  test(`found: ${reply.slice(0, 60)}`, async () => {
    const { verdict } = await judged(says(reply));
    assert.equal(verdict.kind, 'refuse');
    assert.equal(verdict.kind === 'refuse' && verdict.reason, 'virus');
    assert.equal(verdict.results?.['virus'], name);
  });
}

const FAULTS: readonly [what: string, behaviour: Behaviour, err: RegExp, content?: Buffer][] = [
  ['an ERROR', says("1: stream: Can't allocate memory ERROR\0"), /answered: stream: Can't/],
  ['OK with something behind it', says('1: stream: OK FOUND?\0'), /answered/],
  ['OK in front of something', says('x 1: stream: OK\0'), /answered/],
  ['OK without a number', says('stream: OK\0'), /answered: unnumbered/],
  ['OK to another command', says('2: stream: OK\0'), /answered: unnumbered/],
  ['OK in lower case', says('1: stream: ok\0'), /answered/],
  ['OK without its end', says('1: stream: OK'), /closed before the reply/],
  ['OK ended by a line feed', says('1: stream: OK\n'), /closed before the reply/],
  ['a FOUND without a name', says('1: stream:  FOUND\0'), /answered/],
  ['a FOUND with control characters', says('1: stream: a\x01b FOUND\0'), /answered/],
  ['two replies', says('1: stream: OK\x001: stream: OK\0'), /more than one reply/],
  ['nothing, and closes', says(''), /closed before the reply/],
  ['half a reply', says('1: stream: O'), /closed before the reply/],
  ['garbage', says('\x16\x03\x01\x02\0'), /answered/],
  ['an endless reply', answering((socket) => socket.write('x'.repeat(5000))), /endless reply/],
  ['an unknown command', says('UNKNOWN COMMAND\0'), /answered: unnumbered: UNKNOWN/],
  ['silence', () => undefined, /no answer within 500 ms/],
  ['a reset after the stream', answering((socket) => socket.resetAndDestroy()), /./],
  ['a close at once', (socket) => socket.end(), /closed|EPIPE|ECONNRESET/, BIG],
  [
    'a reset in mid-stream',
    (socket, input) => {
      if (input.length > 100_000) socket.resetAndDestroy();
    },
    /ECONNRESET|EPIPE|closed/,
    BIG,
  ],
  [
    'OK before it has all',
    (socket) => {
      socket.pause();
      socket.write('1: stream: OK\0');
    },
    /before it had all/,
    BIG,
  ],
  [
    'FOUND before it has all',
    (socket) => {
      socket.pause();
      socket.write('1: stream: Some.Name FOUND\0');
    },
    /before it had all/,
    BIG,
  ],
  ['no reading at all', (socket) => socket.pause(), /no answer within 500 ms/, BIG],
];
for (const [what, behaviour, err, content] of FAULTS) {
  test(`clamd gives ${what}: the mail is deferred`, async () => {
    const judgement = await judged(behaviour, {}, content);
    assert.equal(judgement.verdict.kind, 'defer');
    assert.match(judgement.err, err);
  });
}

test('a reply that comes in pieces is read as one', async () => {
  const behaviour = answering((socket) => {
    socket.setNoDelay(true);
    const pieces = '1: stream: OK\0'.split('');
    const next = () => {
      const piece = pieces.shift();
      if (piece !== undefined) socket.write(piece, () => setImmediate(next));
    };
    next();
  });
  assert.equal((await judged(behaviour)).verdict.kind, 'pass');
});

test('nobody listening: deferred', async () => {
  const filter = await filterOf('clamav', { address: '/nonexistent/clamd.ctl' });
  assert.equal((await filter.judge(MAIL)).kind, 'defer');
  assert.match(String(filter.log.of('scan.error')[0]?.['err']), /ENOENT/);
});

test('content that cannot be read back is never seen as whole', async () => {
  const clamd = await FakeService.start(says('1: stream: OK\0'));
  const { judge } = await filterOf('clamav', { address: clamd.address });
  const broken = async function* () {
    yield Buffer.from('Subject: x\r\n');
    throw new Error('disk');
  };
  const short = async function* () {
    yield Buffer.from('Subject: x\r\n');
  };
  for (const read of [broken, short]) {
    assert.equal((await judge({ sizeBytes: 100, read })).kind, 'defer');
  }
  assert.ok(clamd.inputs.every((input) => streamed(input) === undefined));
  await clamd.stop();
});

/** A clamd that keeps its sessions: answers each stream of a connection with its number. */
function keeping(answer: (socket: Socket, number: number) => void): Behaviour {
  const answered = new WeakMap<Socket, number>();
  return (socket, input) => {
    const number = (answered.get(socket) ?? 0) + 1;
    if (streamsIn(input) < number) return;
    answered.set(socket, number);
    answer(socket, number);
  };
}

/** Whole INSTREAM commands of one session. */
function streamsIn(input: Buffer): number {
  const opening = 'zIDSESSION\0';
  if (!input.subarray(0, opening.length).equals(Buffer.from(opening))) return 0;
  let streams = 0;
  let at = opening.length;
  while (input.subarray(at, at + 10).toString('latin1') === 'zINSTREAM\0') {
    at += 10;
    let length = -1;
    while (length !== 0) {
      if (at + 4 > input.length) return streams;
      length = input.readUInt32BE(at);
      at += 4 + length;
    }
    streams++;
  }
  return streams;
}

const ok = (socket: Socket, number: number) => socket.write(`${number}: stream: OK\0`);

test('one connection serves one message after another', async (t) => {
  const clamd = await FakeService.start(keeping(ok));
  t.after(() => clamd.stop());
  const { judge } = await filterOf('clamav', { address: clamd.address });
  for (let i = 0; i < 5; i++) assert.equal((await judge(MAIL)).kind, 'pass');
  assert.equal(clamd.inputs.length, 1);
  assert.equal(streamsIn(clamd.inputs[0] ?? Buffer.alloc(0)), 5);
  const verdicts = await Promise.all([judge(MAIL), judge(MAIL), judge(MAIL)]);
  assert.ok(verdicts.every((verdict) => verdict.kind === 'pass'));
  assert.equal(clamd.inputs.length, 3, 'and as many as are asked at a time');
});

const BREAKS: readonly [how: string, leave: (socket: Socket) => void][] = [
  ['closed', (socket) => socket.end()],
  ['reset', (socket) => socket.resetAndDestroy()],
  ['closed by the next message', () => undefined],
];
for (const [how, leave] of BREAKS) {
  test(`a connection that clamd has ${how} meanwhile costs no message`, async (t) => {
    const clamd = await FakeService.start(
      keeping((socket, number) => {
        if (number > 1) socket.destroy();
        else socket.write('1: stream: OK\0', () => leave(socket));
      }),
    );
    t.after(() => clamd.stop());
    const filter = await filterOf('clamav', { address: clamd.address });
    for (let i = 0; i < 3; i++) assert.equal((await filter.judge(MAIL)).kind, 'pass');
    assert.equal(clamd.inputs.length, 3);
    assert.deepEqual(filter.log.of('scan.error'), []);
  });
}

test('a kept connection is not trusted more than a new one', async (t) => {
  const replies = ['2: stream: OK\x002: stream: OK\0', '1: stream: OK\0', 'stream: OK\0'];
  for (const reply of replies) {
    const clamd = await FakeService.start(
      keeping((socket, number) => {
        socket.write(number === 1 ? '1: stream: OK\0' : reply, 'latin1');
      }),
    );
    t.after(() => clamd.stop());
    const { judge } = await filterOf('clamav', { address: clamd.address, timeout: '500ms' });
    assert.equal((await judge(MAIL)).kind, 'pass');
    assert.equal((await judge(MAIL)).kind, 'defer', reply);
    assert.equal(clamd.inputs.length, 1, 'what it said is its answer: nobody asks again');
  }
});

test('a word that nobody asked for ends a connection at rest', async (t) => {
  const clamd = await FakeService.start(
    keeping((socket, number) => {
      ok(socket, number);
      setTimeout(() => socket.write('2: stream: OK\0'), 20); // not in one piece with the reply
    }),
  );
  t.after(() => clamd.stop());
  const { judge } = await filterOf('clamav', { address: clamd.address });
  assert.equal((await judge(MAIL)).kind, 'pass');
  await until('the connection is closed', () => clamd.open === 0);
});

const OVERSIZE: readonly [oversize: string, kind: string][] = [
  ['error', 'defer'],
  ['accept', 'pass'],
  ['reject', 'refuse'],
];
for (const [oversize, kind] of OVERSIZE) {
  test(`over max_size, oversize ${oversize}: ${kind}, and clamd is not asked`, async () => {
    const { verdict, clamd } = await judged(says('1: stream: OK\0'), { max_size: '10B', oversize });
    assert.equal(verdict.kind, kind);
    assert.equal(clamd.inputs.length, 0);
  });

  test(`over clamd's own limit, oversize ${oversize}: ${kind}`, async () => {
    const behaviour: Behaviour = (socket) => {
      socket.end('INSTREAM size limit exceeded. ERROR\0');
    };
    assert.equal((await judged(behaviour, { oversize }, BIG)).verdict.kind, kind);
  });

  test(`beyond a limit within archives, oversize ${oversize}: ${kind}, and no virus`, async () => {
    const limit = says('1: stream: Heuristics.Limits.Exceeded.MaxFiles FOUND\0');
    const { verdict } = await judged(limit, { oversize });
    assert.equal(verdict.kind, kind);
    if (verdict.kind === 'refuse') assert.equal(verdict.reason, 'size');
  });
}

test('the next address is asked when one fails, and a failed one comes last for a while', async () => {
  const bad = await FakeService.start((socket) => socket.resetAndDestroy());
  const good = await FakeService.start(says('1: stream: OK\0'));
  const address = ['/nonexistent/clamd.ctl', bad.address, good.address];
  const filter = await filterOf('clamav', { address });
  assert.equal((await filter.judge(MAIL)).kind, 'pass');
  assert.equal((await filter.judge(MAIL)).kind, 'pass');
  assert.equal(bad.inputs.length, 1, 'the failed one is not asked again');
  assert.equal(good.inputs.length, 2);
  await good.stop();
  assert.equal((await filter.judge(MAIL)).kind, 'defer');
  assert.equal(bad.inputs.length, 2, 'when nothing else is left it is');
  await bad.stop();
});

test('no more than max_concurrent connections are open at a time', async () => {
  const clamd = await FakeService.start(says('1: stream: OK\0'));
  const { judge } = await filterOf('clamav', { address: clamd.address, max_concurrent: 2 });
  const verdicts = await Promise.all(Array.from({ length: 10 }, () => judge(MAIL)));
  assert.ok(verdicts.every((verdict) => verdict.kind === 'pass'));
  assert.ok(clamd.mostOpen <= 3, `${clamd.mostOpen} open`); // one may still be closing
  await clamd.stop();
});

test('the probe wants to hear a version', async () => {
  const clamd = await FakeService.start((socket) => socket.end('1: ClamAV 1.4.6/27000/Mon\0'));
  const signal = new AbortController().signal;
  const { host } = await filterOf('clamav', { address: ['/nonexistent', clamd.address] });
  const text = 'clamd does not say of which day they are';
  assert.deepEqual(await host.probes(signal), [
    {
      ...{ name: 'clamav', state: 'ok', text: 'ClamAV 1.4.6/27000/Mon' },
      signatures: { age: 'unknown', text },
    },
  ]);
  clamd.behaviour = (socket) => socket.end('HTTP/1.1 400 Bad Request\0');
  assert.equal((await host.probes(signal))[0]?.state, 'down');
  await clamd.stop();
});

test('nothing of a scan stays open', async (t) => {
  const clamd = await FakeService.start(() => undefined);
  t.after(() => clamd.stop());
  const { judge } = await filterOf('clamav', { address: clamd.address, timeout: '50ms' });
  await Promise.all(Array.from({ length: 20 }, () => judge(MAIL)));
  await until('all connections are closed', () => clamd.open === 0);
});

test('of two clamds one that stays silent costs no mail more than some seconds', async () => {
  const silent = await FakeService.start(() => undefined);
  const other = await FakeService.start(says('1: stream: OK\0'));
  const clock = hurriedClock(100);
  const options = { address: [silent.address, other.address], timeout: '30s' };
  const { judge, log } = await filterOf('clamav', options, {}, clock);
  try {
    const begunAt = clock.mono();
    const first = await Promise.all([judge(MAIL), judge(MAIL), judge(MAIL)]);
    assert.deepEqual(
      first.map(({ kind }) => kind),
      ['pass', 'pass', 'pass'],
    );
    assert.ok(clock.mono() - begunAt < 15_000, `${clock.mono() - begunAt} ms`);
    for (let later = 0; later < 3; later++) {
      assert.equal((await judge(MAIL)).kind, 'pass');
      assert.equal((await judge(MAIL)).kind, 'pass');
      await clock.sleep(31_000);
    }
    const asked = silent.inputs.filter((input) => input.includes('zINSTREAM'));
    assert.ok(asked.length >= 5, 'it was asked again');
    assert.equal(log.of('scan.error').length, 0);
  } finally {
    await silent.stop();
    await other.stop();
  }
});

test('a scan that takes long is waited for while clamd answers a PING, though there is another', async () => {
  const done = Promise.withResolvers<void>();
  let signs = 0;
  const busy = await FakeService.start((socket, input) => {
    if (input.equals(Buffer.from('zPING\0'))) {
      signs += 1;
      if (signs === 3) done.resolve();
      socket.end('PONG\0');
    }
    if (streamed(input)) void done.promise.then(() => socket.end('1: stream: Worm FOUND\0'));
  });
  const other = await FakeService.start(says('1: stream: OK\0'));
  const options = { address: [busy.address, other.address], timeout: '30s' };
  const { judge } = await filterOf('clamav', options, {}, hurriedClock(20));
  try {
    const verdict = await judge(MAIL);
    assert.deepEqual([verdict.kind, signs, other.inputs.length], ['refuse', 3, 0]);
  } finally {
    await busy.stop();
    await other.stop();
  }
});
