/** Lanes of mail to the outside, as they are stored and as people know them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isRemote,
  laneOfSender,
  placeOf,
  senderOf,
  withoutSender,
} from '../../src/mail/remote-lane.ts';
import { domainOfLane, isOneOfSplit } from '../../src/mail/split-lane.ts';

test('a lane says where it leads and whose mail it is', () => {
  const cases = [
    ['far.test', 'example.org', 'mx:far.test/example.org', 'mx:far.test'],
    ['*', 'example.org', 'mx:*/example.org', 'mx:*'],
    ['far.test', undefined, 'mx:far.test', 'mx:far.test'],
  ] as const;
  for (const [place, sender, lane, shared] of cases) {
    assert.equal(laneOfSender(place, sender), lane);
    assert.deepEqual([placeOf(lane), senderOf(lane)], [place, sender]);
    assert.deepEqual([withoutSender(lane), domainOfLane(lane)], [shared, shared]);
    assert.deepEqual([isRemote(lane), isOneOfSplit(lane)], [true, false]);
  }
});

test('other lanes have no sender and stay as they are', () => {
  for (const lane of ['example.org', 'example.org/192.0.2.1:25', 'to:192.0.2.9:25/mx:far.test/x']) {
    assert.deepEqual(
      [isRemote(lane), senderOf(lane), withoutSender(lane)],
      [false, undefined, lane],
    );
  }
});
