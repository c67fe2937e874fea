/** An end that is noted first, and told to those who ask for its signal. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LazyAbort } from '../../src/base/lazy-abort.ts';

test('who has the signal before the end hears of it, with its reason', () => {
  const over = new LazyAbort();
  const { signal } = over;
  const reason = new Error('gone');
  let heard = 0;
  signal.addEventListener('abort', () => (heard += 1));
  assert.equal(over.aborted, false);
  over.abort(reason);
  over.abort(new Error('gone again'));
  assert.equal(over.aborted, true);
  assert.equal(heard, 1);
  assert.equal(signal.reason, reason);
  assert.equal(over.signal, signal, 'there is one signal');
});

test('who asks for the signal after the end finds it aborted', () => {
  const over = new LazyAbort();
  const reason = new Error('gone');
  over.abort(reason);
  assert.equal(over.signal.aborted, true);
  assert.equal(over.signal.reason, reason);
});
