/** Whose turn it is, when there is more to deliver than places. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attempted, AttemptResult } from '../../src/delivery/attempt.ts';
import { Turns } from '../../src/delivery/turns.ts';
import { withoutSender } from '../../src/mail/remote-lane.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { destination } from '../support/scheduler-rig.ts';

const ended = (result: AttemptResult): Attempted => ({
  result,
  conclude: () => Promise.resolve(result),
});

function rig() {
  const stopped = new AbortController();
  const turns = new Turns({
    clock: new FakeClock(),
    route: (lane) => destination(withoutSender(lane), 20),
    rates: undefined,
    isBarred: () => false,
    stopped: stopped.signal,
  });
  const silence = Promise.withResolvers<Attempted>();
  const all: Promise<unknown>[] = [];
  const begun: string[] = [];
  const begin = (lane: string, work: () => Promise<Attempted>) =>
    all.push(turns.run(lane, 1000, stopped.signal, work));
  return {
    turns,
    begun,
    hang: (lanes: readonly string[]) => {
      for (const lane of lanes) begin(lane, () => silence.promise);
    },
    deliver: (lane: string) =>
      begin(lane, () => {
        begun.push(lane);
        return Promise.resolve(ended('delivered'));
      }),
    end: async () => {
      silence.resolve(ended('other'));
      await Promise.all(all);
    },
  };
}

const silent = (sender: string, count = 1000) =>
  Array.from({ length: count }, (_, n) => `mx:silent${n}.test/${sender}`);

test('servers of others that never answer leave places to the mail of hosted domains', async () => {
  const { turns, hang, deliver, begun, end } = rig();
  const senders = Array.from({ length: 10 }, (_, n) => `sender${n}.test`);
  for (const sender of senders) hang([...silent(sender), `mx:*/${sender}`]);
  await settle();
  deliver('a.test');
  deliver('b.test');
  await settle();
  assert.deepEqual(begun, ['a.test', 'b.test']);
  assert.ok(turns.active <= 150, String(turns.active));
  await end();
});

test('what one sender keeps hanging leaves places to the others, and of all servers', async () => {
  const { turns, hang, deliver, begun, end } = rig();
  const several = Array.from({ length: 1000 }, () => 'mx:*/busy.test');
  hang([...several, ...silent('busy.test')]);
  await settle();
  assert.equal(turns.active, 75);
  // He waits for a place of his own, and nobody else's mail to that server behind him.
  for (let n = 0; n < 5; n++) deliver('mx:far.test/busy.test');
  deliver('mx:far.test/other.test');
  deliver('mx:*/other.test');
  deliver('mx:far.test');
  await settle();
  assert.deepEqual(begun.toSorted(), ['mx:*/other.test', 'mx:far.test', 'mx:far.test/other.test']);
  await end();
  assert.equal(begun.length, 8, 'and in the end everybody has had his turn');
});

test('customers’ servers that hang, many at once, leave places to all others', async () => {
  const { hang, deliver, begun, turns, end } = rig();
  const lanes = Array.from({ length: 20 }, (_, n) => `hanging${n}.test`);
  // They were well until now, so each has its full pace.
  for (let n = 0; n < 20; n++) {
    for (const lane of lanes) deliver(lane);
    await settle();
  }
  begun.length = 0;
  for (let n = 0; n < 30; n++) hang(lanes);
  await settle();
  assert.ok(turns.active > 150, String(turns.active));
  deliver('well.test');
  await settle();
  assert.deepEqual(begun, ['well.test']);
  await end();
});
