/** Callouts: only a clear word about the mailbox makes a recipient unknown. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { CalloutAnswer } from '../../src/delivery/courier.ts';
import { saysUnknown } from '../../src/delivery/callout.ts';
import {
  address,
  courierOn,
  destinationAt,
  jobFor,
  outcomeText,
  peerOn,
} from '../support/courier-bench.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { ScriptedPeer } from '../support/scripted-peer.ts';
import { until } from '../support/until.ts';

const ANNA = address('anna@example.org');

function textOf(answer: CalloutAnswer): string {
  if (answer.kind !== 'unsure') return `${answer.kind} ${answer.reply.code}`;
  return `unsure${answer.unreachable ? ' unreachable' : ''} ${answer.reply?.code ?? ''}`.trim();
}

const ASKED = ['C: MAIL FROM:<>', 'C: RCPT TO:<anna@example.org>'];
const CASES: readonly [name: string, script: string[], answer: string, seen: string][] = [
  ['taken', ['S: 250 x', 'S: 250 x'], 'known 250', 'answered'],
  ['refused', ['S: 250 x', 'S: 550 5.1.1 x'], 'unknown 550', 'answered'],
  ['refused for policy', ['S: 250 x', 'S: 550 5.7.1 x'], 'unsure 550', 'answered'],
  ['greylisted', ['S: 250 x', 'S: 450 4.2.0 x'], 'unsure 450', 'answered'],
  ['sender refused', ['S: 550 5.1.8 x', 'S: 503 x'], 'unsure 550', 'answered'],
  ['sender put off', ['S: 451 x', 'S: 503 x'], 'unsure 451', 'temporary'],
  ['421 to RCPT', ['S: 250 x', 'S: 421 x'], 'unsure 421', 'temporary'],
  ['a goodbye to RCPT', ['S: 250 x', 'S: 221 x'], 'unsure', 'temporary'],
  ['closed after MAIL', ['S: 250 x', 'close'], 'unsure', 'temporary'],
  ['closed', ['close'], 'unsure unreachable', 'unreachable'],
  ['silence', ['hang'], 'unsure unreachable', 'unreachable'],
  ['garbage', ['S: 250 x', 'S: ?'], 'unsure', 'temporary'],
];
for (const [name, script, expected, seen] of CASES) {
  for (const hello of ['HELLO', 'HELLO slow']) {
    test(`callout: ${name} (${hello})`, async (t) => {
      // In lock-step the answer to MAIL comes before RCPT is asked.
      const steps =
        hello === 'HELLO'
          ? [...ASKED, ...script]
          : [
              ASKED[0] ?? '',
              script[0] ?? '',
              ...(script[0] === 'S: 250 x' ? [ASKED[1] ?? '', ...script.slice(1)] : []),
            ];
      const peer = await peerOn(t, [hello, ...steps]);
      const bench = courierOn(t, hurriedClock(name === 'silence' ? 100 : 1));
      const answer = await bench.courier.callout(destinationAt([peer.port]), null, ANNA, false);
      assert.equal(textOf(answer), expected);
      assert.deepEqual(bench.seen, [seen]);
      assert.deepEqual([...peer.faults, ...bench.logged], []);
    });
  }
}

test('nobody there: unsure, and unreachable', async (t) => {
  const dead = await ScriptedPeer.start([]);
  await dead.stop();
  const bench = courierOn(t);
  const answer = await bench.courier.callout(destinationAt([dead.port]), null, ANNA, false);
  assert.equal(textOf(answer), 'unsure unreachable');
  assert.deepEqual(bench.seen, ['unreachable']);
});

const WORDS: readonly [
  code: number,
  enhanced: string | undefined,
  text: string,
  unknown: boolean,
][] = [
  [550, '5.1.1', 'User unknown', true],
  [550, '5.1.10', 'RecipientNotFound', true],
  [550, '5.4.1', 'Recipient address rejected: Access denied', true],
  [550, '5.2.1', 'mailbox disabled', true],
  [554, '5.1.1', 'no', true],
  [550, undefined, 'No such user here', true],
  [550, undefined, '<spam@relay.example>: unknown user', true],
  [551, undefined, 'User not local', true],
  [550, '5.0.0', 'User unknown', true],
  [550, '5.7.1', 'Relaying denied', false],
  [550, '5.1.7', 'bad sender', false],
  [550, '5.1.8', 'Sender address rejected', false],
  [552, '5.2.2', 'mailbox full', false],
  [550, '5.2.2', 'mailbox full', false],
  [550, undefined, 'relay not permitted', false],
  [550, undefined, 'Administrative prohibition', false],
  [550, undefined, 'Sender verify failed', false],
  [550, '5.0.0', 'blocked', false],
  [503, '5.5.1', 'nested MAIL', false],
  [530, '5.7.0', 'Must issue STARTTLS', false],
  [450, '4.1.1', 'later', false],
];
for (const [code, enhanced, text, unknown] of WORDS) {
  test(`${code} ${enhanced ?? ''} ${text}: ${unknown ? 'unknown' : 'unsure'}`, () => {
    const reply = { code, lines: [text], ...(enhanced !== undefined && { enhanced }) };
    assert.equal(saysUnknown(reply), unknown);
  });
}

test('callouts share one connection with each other and with deliveries, reset in between', async (t) => {
  const ask = (reply: string) => ['C: MAIL', 'C: RCPT', 'S: 250 x', reply];
  const reset = ['C: RSET', 'S: 250 x'];
  const peer = await peerOn(t, [
    'HELLO',
    ...ask('S: 250 x'),
    ...reset,
    ...ask('S: 550 5.1.1 x'),
    ...reset,
    'MESSAGE',
    ...ask('S: 250 x'),
  ]);
  const { courier } = courierOn(t);
  const destination = destinationAt([peer.port]);
  const texts = [
    textOf(await courier.callout(destination, null, ANNA, false)),
    textOf(await courier.callout(destination, null, ANNA, false)),
    ...(await courier.deliver(jobFor(destination))).outcomes.map(outcomeText),
    textOf(await courier.callout(destination, null, ANNA, false)),
  ];
  assert.deepEqual(texts, ['known 250', 'unknown 550', 'delivered 250', 'known 250']);
  assert.deepEqual(peer.faults, []);
  assert.equal(peer.connections, 1);
});

test('a connection sees at most 8 refused recipients, or the destination tarpits us', async (t) => {
  const refusal = ['C: MAIL', 'C: RCPT', 'S: 250 x', 'S: 550 5.1.1 x'];
  const further = ['C: RSET', ...refusal.slice(0, 2), 'S: 250 x', ...refusal.slice(2)];
  const peer = await peerOn(t, ['HELLO', ...refusal, ...new Array(20).fill(further).flat()]);
  const { courier } = courierOn(t);
  const destination = destinationAt([peer.port]);
  for (let i = 0; i < 20; i++) {
    assert.equal(textOf(await courier.callout(destination, null, ANNA, false)), 'unknown 550');
  }
  assert.equal(peer.connections, 3);
  assert.deepEqual(peer.faults, []);
});

test('two callouts at a time: deliveries keep their connections', async (t) => {
  const ask = ['C: MAIL', 'C: RCPT', 'pause', 'S: 250 x', 'S: 250 x'];
  const again = ['C: RSET', 'S: 250 x', ...ask];
  const peer = await peerOn(t, ['HELLO', ...ask, ...again, ...again, ...again]);
  const { courier } = courierOn(t);
  const destination = destinationAt([peer.port]);
  let answered = 0;
  const answers = Array.from({ length: 5 }, async () => {
    const answer = await courier.callout(destination, null, ANNA, false);
    answered += 1;
    return textOf(answer);
  });
  await until('two are asking', () => peer.paused.length === 2);
  await until('all are answered in turn', () => peer.resume() === 0 && answered === 5);
  assert.equal(peer.connections, 2);
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(['known 250']));
});

test('a recipient beyond ASCII cannot be asked about where SMTPUTF8 is not offered', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'hang']);
  const { courier } = courierOn(t);
  const destination = destinationAt([peer.port]);
  const grete = address('gréte@example.org');
  assert.equal(textOf(await courier.callout(destination, null, grete, true)), 'unsure 550');
  assert.equal(textOf(await courier.callout(destination, grete, ANNA, true)), 'unsure');
  assert.deepEqual(peer.lines, ['EHLO mx.test']);
});
