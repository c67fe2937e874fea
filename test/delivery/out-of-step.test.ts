/**
 * A server that says more than it was asked: the reply too many meets the next message on the same
 * connection, whose answers are then each that of another command. No message is refused for it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { courierOn, destinationAt, jobFor, outcomeText, peerOn } from '../support/courier-bench.ts';

const TAKEN = ['HELLO', 'MESSAGE'];

const AHEAD: readonly [name: string, answers: string[]][] = [
  ['a refusal before the answer to MAIL', ['S: 550 more', 'S: 250 x', 'S: 250 x', 'S: 354 x']],
  ['a refusal before the answer to RCPT', ['S: 250 x', 'S: 550 more', 'S: 250 x', 'S: 354 x']],
  ['a refusal before the answer to DATA', ['S: 250 x', 'S: 250 x', 'S: 550 more', 'S: 354 x']],
  ['a word that puts off', ['S: 450 more', 'S: 250 x', 'S: 250 x', 'S: 354 x']],
];
for (const [name, answers] of AHEAD) {
  test(`left over from the message before: ${name}`, async (t) => {
    const late = ['C: MAIL', 'C: RCPT', 'C: DATA', ...answers, 'hang'];
    const peer = await peerOn(t, [...TAKEN, ...late], TAKEN);
    const { courier, seen } = courierOn(t);
    const job = jobFor(destinationAt([peer.port]));
    for (const _ of [1, 2]) {
      const { outcomes } = await courier.deliver(job);
      assert.deepEqual(outcomes.map(outcomeText), ['delivered 250']);
    }
    assert.deepEqual([peer.connections, peer.contents.length], [2, 2], 'each went out once');
    assert.deepEqual(seen, ['answered', 'answered']);
  });
}

test('a server that is out of step on every connection: put off, and never refused', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'C: MAIL', 'S: 550 x', 'S: 250 x', 'S: 250 x', 'hang']);
  const { courier } = courierOn(t);
  const { outcomes } = await courier.deliver(jobFor(destinationAt([peer.port])));
  assert.match(outcomes.map(outcomeText).join(), /^deferred/);
  await until('left', () => peer.open === 0);
});
