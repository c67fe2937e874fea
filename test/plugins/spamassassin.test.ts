/**
 * The spamassassin plugin against a spamd that does whatever a broken one may do: a score is taken
 * from a whole, exact reply only; everything else defers.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { inflateSync } from 'node:zlib';
import { readSymbols } from '../../plugins/spamassassin/symbols.ts';
import { RECEIVED } from '../support/filter-view.ts';
import { filterOf } from '../support/filter-host.ts';
import type { TableDns } from '../support/table-dns.ts';
import type { Behaviour } from '../support/fake-service.ts';
import { FakeService } from '../support/fake-service.ts';

const MAIL = Buffer.from('Subject: x\r\n\r\ntext\r\n');
const WHOLE = Buffer.concat([RECEIVED, MAIL]);

function reply(body: string, spam = 'True ; 1000.5 / 5.0', length = body.length): string {
  return `SPAMD/1.1 0 EX_OK\r\nContent-length: ${length}\r\nSpam: ${spam}\r\n\r\n${body}`;
}

/** Answers when the client has closed its side, as spamd does. */
function says(text: string): Behaviour {
  return (socket, _input, isEnd) => {
    if (isEnd) socket.end(text, 'latin1');
  };
}

async function judged(
  behaviour: Behaviour,
  options = {},
  content: Uint8Array = MAIL,
  dns: TableDns = {},
) {
  const spamd = await FakeService.start(behaviour);
  try {
    const raw = { address: spamd.address, timeout: '500ms', ...options };
    const filter = await filterOf('spamassassin', raw, dns);
    const verdict = await filter.judge(content);
    return { verdict, spamd, err: String(filter.log.of('scan.error')[0]?.['err']) };
  } finally {
    await spamd.stop();
  }
}

test('score, tests and fields come from the reply; spamd got the message byte for byte', async () => {
  const { verdict, spamd } = await judged(says(reply('GTUBE,NO_RELAYS')));
  assert.equal(verdict.kind, 'pass');
  assert.equal(verdict.score, 1000.5);
  assert.deepEqual(verdict.tests, ['GTUBE', 'NO_RELAYS']);
  assert.deepEqual(verdict.fields, [
    { name: 'X-Spam-Score', value: '1000.5' },
    { name: 'X-Spam-Tests', value: 'GTUBE, NO_RELAYS' },
  ]);
  const head = `SYMBOLS SPAMC/1.5\r\nContent-length: ${WHOLE.length}\r\n\r\n`;
  assert.deepEqual(spamd.inputs, [Buffer.concat([Buffer.from(head), WHOLE])]);
});

test('the client has its name in the field on top, if the DNS confirms it', async () => {
  for (const [names, from] of [
    [['client.example'], 'client.example (client.example [192.0.2.1])'],
    [['other.example'], 'client.example ([192.0.2.1])'],
    [['x) by evil.example', 'client.example'], 'client.example (client.example [192.0.2.1])'],
  ] as const) {
    const dns = {
      names: { '192.0.2.1': names },
      zones: { 'client.example': { a: ['192.0.2.1'] } },
    };
    const { spamd } = await judged(says(reply('A')), {}, MAIL, dns);
    const [, content = ''] = String(spamd.inputs[0]).split('\r\n\r\n');
    assert.ok(content.startsWith(`Received: from ${from}\r\n`), content);
  }
});

test('compressed on demand, with the compressed length', async () => {
  const { verdict, spamd } = await judged(says(reply('A')), {
    compress: 'always',
    user: 'x y\r\nz',
  });
  assert.equal(verdict.kind, 'pass');
  const input = spamd.inputs[0] ?? Buffer.alloc(0);
  const headEnd = input.indexOf('\r\n\r\n') + 4;
  const body = input.subarray(headEnd);
  assert.deepEqual(input.subarray(0, headEnd).toString().split('\r\n'), [
    'SYMBOLS SPAMC/1.5',
    `Content-length: ${body.length}`,
    'Compress: zlib',
    'User: x_y__z',
    '',
    '',
  ]);
  assert.deepEqual(inflateSync(body), WHOLE);
});

const REPLIES: readonly [what: string, text: string, score: number, tests: readonly string[]][] = [
  ['no test', reply('', 'False ; 0.0 / 5.0'), 0, []],
  ['a score below zero', reply('A', 'False ; -1.9 / 5.0'), -1.9, ['A']],
  ['a whole score', reply('A_1', 'False ; 3 / 5'), 3, ['A_1']],
  ['a line end behind the tests', reply('A,B\r\n'), 1000.5, ['A', 'B']],
];
for (const [what, text, score, tests] of REPLIES) {
  test(`reply read: ${what}`, () => assert.deepEqual(readSymbols(text), { score, tests }));
}

const FAULTS: readonly [what: string, text: string, err: RegExp][] = [
  ['nothing', '', /answered: /],
  ['another protocol', 'HTTP/1.1 200 OK\r\n\r\n', /answered: HTTP/],
  ['an error', 'SPAMD/1.0 76 Bad header line: x\r\n', /answered: 76 Bad header/],
  ['a code of 0 that is not EX_OK', 'SPAMD/1.1 0 PONG\r\n', /answered: 0 PONG/],
  ['EX_OK with another code', reply('A').replace(' 0 ', ' 75 '), /answered: 75/],
  ['only its status', 'SPAMD/1.1 0 EX_OK\r\n', /broke off/],
  ['half a head', reply('A').slice(0, 40), /broke off/],
  ['fewer tests than it said', reply('A,B', undefined, 9), /another length/],
  ['more than it said', reply('A,B', undefined, 1), /another length/],
  ['no score', 'SPAMD/1.1 0 EX_OK\r\nContent-length: 1\r\n\r\nA', /no score/],
  ['no length', 'SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9.0 / 5.0\r\n\r\nA', /no length/],
  ['a score that is no number', reply('A', 'True ; nan / 5.0'), /no score/],
  ['an exponent', reply('A', 'True ; 1e9 / 5.0'), /no score/],
  ['an endless number', reply('A', `True ; ${'9'.repeat(40)} / 5.0`), /no score/],
  ['tests that are none', reply('<html>'), /no rules/],
  ['an empty test', reply('A,,B'), /no rules/],
  ['garbage', '\x16\x03\x01\x00', /answered: /],
  ['an endless reply', reply('A,'.repeat(100_000)), /endless reply/],
];
for (const [what, text, err] of FAULTS) {
  test(`spamd gives ${what}: the mail is deferred`, async () => {
    const judgement = await judged(says(text));
    assert.equal(judgement.verdict.kind, 'defer');
    assert.match(judgement.err, err);
  });
}

const BROKEN: readonly [what: string, behaviour: Behaviour, err: RegExp][] = [
  ['says nothing', () => undefined, /no answer within 500 ms/],
  ['closes at once', (socket) => socket.destroy(), /./],
  ['resets', (socket) => socket.resetAndDestroy(), /./],
  [
    'stops in the middle of its reply',
    (socket, _input, isEnd) => {
      if (isEnd) socket.write(reply('A,B').slice(0, -2));
    },
    /no answer within 500 ms/,
  ],
];
for (const [what, behaviour, err] of BROKEN) {
  test(`spamd ${what}: the mail is deferred`, async () => {
    const judgement = await judged(behaviour);
    assert.equal(judgement.verdict.kind, 'defer');
    assert.match(judgement.err, err);
  });
}

test('a reply as long as it says is whole, before spamd closes and however it comes', async () => {
  const { verdict, spamd } = await judged(
    (socket, _input, isEnd) => {
      if (!isEnd) return;
      const bytes = reply('GTUBE,NO_RELAYS').split('');
      const next = () => {
        const byte = bytes.shift();
        if (byte !== undefined) socket.write(byte, next);
      };
      socket.setNoDelay(true);
      next();
    },
    { timeout: '5s' },
  );
  assert.deepEqual(verdict.tests, ['GTUBE', 'NO_RELAYS']);
  assert.equal(spamd.inputs.length, 1);
});

test('an answer to a message that spamd has not read is no answer', async () => {
  const behaviour: Behaviour = (socket) => {
    socket.pause();
    socket.end(reply('A', 'False ; 0.0 / 5.0'));
  };
  const content = Buffer.alloc(8 * 1024 * 1024, 'x'); // more than sockets buffer
  const { verdict, err } = await judged(behaviour, { max_size: '16MiB' }, content);
  assert.equal(verdict.kind, 'defer');
  assert.match(err, /before it had all/);
});

test('content above max_size is not judged, and the trace says so', async () => {
  const { verdict, spamd } = await judged(says(reply('A')), { max_size: '10B' });
  assert.deepEqual(verdict.results, { spamd: 'skipped' });
  assert.equal(verdict.score, undefined);
  assert.equal(spamd.inputs.length, 0);
});

test('many tests make a field of bounded length', async () => {
  const tests = Array.from({ length: 200 }, (_, i) => `RULE_WITH_A_NAME_${i}`);
  const { verdict } = await judged(says(reply(tests.join(','))));
  assert.equal(verdict.tests?.length, 200);
  const value = verdict.fields?.[1]?.value ?? '';
  assert.match(value, /^RULE_WITH_A_NAME_0, .*NAME_\d+, \.\.\.$/);
  assert.ok(value.length < 620);
});

test('the next address is asked when one fails', async () => {
  const bad = await FakeService.start(says('SPAMD/1.0 76 Bad\r\n'));
  const good = await FakeService.start(says(reply('A')));
  const { judge } = await filterOf('spamassassin', { address: [bad.address, good.address] });
  assert.equal((await judge(MAIL)).score, 1000.5);
  assert.equal((await judge(MAIL)).score, 1000.5);
  assert.equal(bad.inputs.length, 1);
  await bad.stop();
  await good.stop();
});

test('the probe wants to hear a PONG', async () => {
  const spamd = await FakeService.start(says('SPAMD/1.5 0 PONG\r\n'));
  const signal = new AbortController().signal;
  const { host } = await filterOf('spamassassin', { address: spamd.address });
  assert.equal((await host.probes(signal))[0]?.state, 'ok');
  spamd.behaviour = says('SPAMD/1.0 76 Bad\r\n');
  assert.equal((await host.probes(signal))[0]?.state, 'down');
  await spamd.stop();
});
