/** Who has a store open, as the list of locks of Linux has it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { holderIn } from '../../src/store/leveldb/lock-holder.ts';

const LOCKS = `1: FLOCK  ADVISORY  WRITE 11 08:01:77 0 EOF
2: POSIX  ADVISORY  READ  12 08:11:77 0 EOF
3: POSIX  ADVISORY  WRITE 13 08:11:77 0 EOF
4: POSIX  ADVISORY  WRITE 14 103:101:77 0 EOF
5: POSIX  ADVISORY  WRITE 15 00:1f:78 0 EOF
`;
const device = (major: number, minor: number) =>
  (major << 8) | (minor & 0xff) | ((minor & ~0xff) << 12);

test('the same number of a file on another device is another file', () => {
  const holder = (dev: number, ino: number) => holderIn(LOCKS, { dev, ino });
  assert.equal(holder(device(8, 0x11), 77), 13);
  assert.equal(holder(device(0x103, 0x101), 77), 14);
  assert.equal(holder(device(8, 2), 77), undefined);
  assert.equal(holder(device(8, 0x11), 78), undefined);
  assert.equal(holder(device(0, 0x2a), 78), 15, 'a subvolume of btrfs');
});
