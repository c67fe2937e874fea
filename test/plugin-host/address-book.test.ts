/** Which of several addresses of a daemon is asked first. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { AddressBook } from '../../src/plugin-host/address-book.ts';
import type { Endpoint } from '../../src/plugin.ts';
import { FakeClock } from '../support/fake-clock.ts';

const ONE: Endpoint = { host: '192.0.2.1', port: 3310 };
const TWO: Endpoint = { path: '/run/clamd.ctl' };
const NEVER = new AbortController().signal;

/** Asks once; says who was asked, in order, and what came of it. */
async function asked(book: AddressBook, broken: readonly Endpoint[], signal = NEVER) {
  const order: Endpoint[] = [];
  const result = await book
    .firstAnswer([ONE, TWO], signal, async (endpoint) => {
      order.push(endpoint);
      if (broken.includes(endpoint)) throw new Error('broken');
      return 'answer';
    })
    .catch((error: Error) => error.message);
  return { order, result };
}

test('addresses are asked as configured, one that failed last for half a minute', async () => {
  const clock = new FakeClock();
  const book = new AddressBook(clock);
  assert.deepEqual(await asked(book, []), { order: [ONE], result: 'answer' });
  assert.deepEqual(await asked(book, [ONE]), { order: [ONE, TWO], result: 'answer' });
  assert.deepEqual(await asked(book, [ONE]), { order: [TWO], result: 'answer' });
  await clock.advance(31_000);
  assert.deepEqual(await asked(book, []), { order: [ONE], result: 'answer' });
  assert.deepEqual(await asked(book, [ONE, TWO]), { order: [ONE, TWO], result: 'broken' });
});

test('one that answers again is in working order at once', async () => {
  const book = new AddressBook(new FakeClock());
  await asked(book, [ONE, TWO]);
  assert.deepEqual((await asked(book, [TWO])).order, [ONE]);
  assert.deepEqual((await asked(book, [])).order, [ONE]);
});

test('of those that have failed only one question at a time finds out whether they work again', async () => {
  const clock = new FakeClock();
  const book = new AddressBook(clock);
  await asked(book, [ONE]);
  await clock.advance(31_000);
  const hung = Promise.withResolvers<string>();
  const first = book.firstAnswer([ONE, TWO], NEVER, (one) =>
    one === ONE ? hung.promise : Promise.resolve('answer'),
  );
  assert.deepEqual((await asked(book, [])).order, [TWO], 'nobody else waits for it');
  hung.resolve('answer');
  await first;
  assert.deepEqual((await asked(book, [])).order, [ONE], 'it has answered');
});

test('that question goes to the next address when there is only silence, and the silent one is told', async () => {
  const clock = new FakeClock();
  const book = new AddressBook(clock);
  await asked(book, [ONE]);
  await clock.advance(31_000);
  let ended = false;
  let said = 'nothing';
  const ask = (one: Endpoint, signal: AbortSignal) => {
    if (one !== ONE) return Promise.resolve('answer');
    signal.addEventListener('abort', () => (ended = true));
    return Promise.withResolvers<string>().promise;
  };
  void book.firstAnswer([ONE, TWO], NEVER, ask).then((answer) => (said = answer));
  await clock.advance(2000);
  assert.equal(said, 'answer');
  assert.ok(ended);
  assert.deepEqual((await asked(book, [])).order, [TWO], 'it has not answered');
});

test('it is told once when another address has to do the work, and when the first is back', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const book = new AddressBook(clock, (address, error) =>
    told.push(`${address} ${error instanceof Error ? error.message : 'back'}`),
  );
  await asked(book, [ONE]);
  await asked(book, [ONE]);
  await clock.advance(31_000);
  await asked(book, [ONE]);
  assert.deepEqual(told, ['192.0.2.1:3310 broken']);
  await clock.advance(31_000);
  await asked(book, []);
  await asked(book, []);
  assert.deepEqual(told.slice(1), ['192.0.2.1:3310 back']);
  await book.firstAnswer([ONE], NEVER, () => Promise.reject(new Error('x'))).catch(() => undefined);
  assert.equal(told.length, 2, 'of one that is alone others tell');
});

test('being late counts against an address, being called off does not', async () => {
  const hang = async (book: AddressBook, reason: CodedError) => {
    const controller = new AbortController();
    await assert.rejects(
      book.firstAnswer([ONE, TWO], controller.signal, async () => {
        controller.abort(reason);
        throw reason;
      }),
    );
    return (await asked(book, [])).order;
  };
  const clock = new FakeClock();
  const late = new CodedError('DEADLINE', 'no answer within 30000 ms');
  assert.deepEqual(await hang(new AddressBook(clock), late), [TWO]);
  const decided = new CodedError('STOPPING', 'another filter has refused the message');
  assert.deepEqual(await hang(new AddressBook(clock), decided), [ONE]);
});

test('without an answer a question waits for signs of life, and goes to the next without them', async () => {
  const clock = new FakeClock();
  const book = new AddressBook(clock);
  const heard: string[] = [];
  const ask = (one: Endpoint, signal: AbortSignal) => {
    if (one !== ONE) return Promise.resolve('answer');
    signal.addEventListener('abort', () => heard.push('ended'));
    return Promise.withResolvers<string>().promise;
  };
  const sign = () => {
    heard.push('sign');
    return heard.length > 3 ? new Promise<void>(() => undefined) : Promise.resolve();
  };
  const answer = book.firstAnswer([ONE, TWO], NEVER, ask, sign).then((said) => {
    heard.push(said);
  });
  for (let step = 0; step < 3; step++) await clock.advance(2000);
  assert.deepEqual(heard, ['sign', 'sign', 'sign']);
  await clock.advance(4000);
  await answer;
  assert.deepEqual(heard, ['sign', 'sign', 'sign', 'sign', 'ended', 'answer']);
  assert.deepEqual((await asked(book, [])).order, [TWO]);
  await clock.advance(10_000);
  assert.equal(heard.length, 6, 'nobody asks on');
});
