/** The room on a disk, and who asks for it while the disk stands still. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FolderRoom } from '../../src/base/disk-room.ts';
import type { DiskRoom } from '../../src/base/disk-room.ts';
import { FakeClock } from '../support/fake-clock.ts';

const ROOM: DiskRoom = { freeBytes: 5e9, freeFiles: 1e6 };

test('a disk that stands still has one question, whoever asks, and nobody waits longer than he wants', async () => {
  const clock = new FakeClock();
  const asked: PromiseWithResolvers<DiskRoom>[] = [];
  const room = new FolderRoom('/mail', clock, () => {
    const one = Promise.withResolvers<DiskRoom>();
    asked.push(one);
    return one.promise;
  });
  const late = assert.rejects(room.within(5000), { code: 'DEADLINE' });
  const looks = [room.look(), room.look()];
  await clock.advance(2000);
  assert.deepEqual(await Promise.all(looks), [undefined, undefined]);
  await clock.advance(3000);
  await late;
  const again = room.look();
  assert.equal(asked.length, 1, 'each question holds a thread');
  asked[0]?.resolve(ROOM);
  assert.equal(await again, ROOM);
  const fresh = room.within(1000);
  assert.equal(asked.length, 2, 'what was said once is asked anew');
  asked[1]?.reject(new Error('it does not say'));
  await assert.rejects(fresh, /it does not say/);
  const gone = room.look();
  asked[2]?.reject(new Error('it does not say'));
  assert.equal(await gone, undefined);
});
