/** What ends a session that brings no message, and what a message wins back. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Patience } from '../../src/smtp/patience.ts';
import { DEFAULT_LIMITS } from '../../src/smtp/session-settings.ts';

const LIMITS = { ...DEFAULT_LIMITS, errors: 2, fruitless: 3, recipientsNotTaken: 4 };

/** How often something can be done before it is enough. */
function timesUntilOver(patience: Patience, step: (patience: Patience) => void): number {
  for (let times = 1; times < 100; times++) {
    step(patience);
    if (patience.isOver) return times;
  }
  return Infinity;
}

const STEPS: readonly [what: string, step: (patience: Patience) => void, times: number][] = [
  ['errors', (p) => p.error(), 3],
  ['failed logins', (p) => p.loginFailed(), 3],
  ['NOOP', (p) => p.command('NOOP', false), 6],
  ['NOOP within a transaction', (p) => p.command('NOOP', true), 6],
  ['transactions', (p) => p.command('MAIL', false), 6],
  ['RSET that ends nothing', (p) => p.command('RSET', false), 6],
  ['RSET that ends a transaction', (p) => p.command('RSET', true), Infinity],
  ['RCPT', (p) => p.command('RCPT', true), Infinity],
  ['chunks of nothing', (p) => p.ledToNothing(), 6],
  ['chunks in vain', (p) => p.chunkInVain({ octets: 1, isLast: false }), 7],
  ['much in vain', (p) => p.chunkInVain({ octets: 50_000_000, isLast: true }), 3],
  ['recipients not taken', (p) => p.recipientNotTaken(), 7],
];

for (const [what, step, times] of STEPS) {
  test(`${what}: enough after ${times}, and after as many behind a message`, () => {
    const patience = new Patience(LIMITS);
    assert.equal(timesUntilOver(patience, step), times);
    patience.messageTaken();
    const isForgiven = what !== 'failed logins';
    assert.equal(patience.isOver, !isForgiven && times < Infinity);
    if (isForgiven) assert.equal(timesUntilOver(patience, step), times);
  });
}

test('messages that are refused neither count nor win anything back', () => {
  const patience = new Patience(LIMITS);
  const refused = () => {
    patience.command('MAIL', false);
    patience.messageRefused();
  };
  assert.equal(timesUntilOver(patience, refused), Infinity);
  patience.error();
  refused();
  assert.equal(
    timesUntilOver(patience, (p) => p.error()),
    2,
  );
});

test('what counts, counts together, and errors are told in all', () => {
  const patience = new Patience(LIMITS);
  patience.error();
  patience.messageTaken();
  patience.loginFailed();
  patience.error();
  assert.equal(patience.isOver, false);
  for (let i = 0; i < 4; i++) patience.command('NOOP', false);
  assert.equal(patience.isOver, true);
  assert.equal(patience.errors, 4);
});
