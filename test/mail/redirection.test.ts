/** A lane of mail given to another host says where it goes and where it came from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { homeLane, redirected, redirectionOf } from '../../src/mail/redirection.ts';

test('there and back, over any number of hosts', () => {
  const there = redirected('example.org', { host: '192.0.2.9', port: 2525 });
  assert.equal(there, 'to:192.0.2.9:2525/example.org');
  assert.equal(homeLane(there), 'example.org');
  const further = redirected(there, { host: '2001:db8::1', port: 25 });
  assert.equal(further, 'to:[2001:db8::1]:25/example.org');
  assert.deepEqual(redirectionOf(further), {
    place: '[2001:db8::1]:25',
    host: '2001:db8::1',
    port: 25,
    lane: 'example.org',
  });
  const named = redirected('mx:*', { host: 'spare.example', port: 25 });
  assert.deepEqual([redirectionOf(named)?.host, homeLane(named)], ['spare.example', 'mx:*']);
});

test('every other lane is at home', () => {
  for (const lane of ['example.org', 'mx:far.example', 'mx:*', 'to:', 'to:x/y', 'to.example']) {
    assert.equal(redirectionOf(lane), undefined, lane);
    assert.equal(homeLane(lane), lane);
  }
});
