/** Files of the old form .lzma: what begins in them is seen, and wrong bytes do no harm. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { beginningOfLzmaAlone, isLzmaAlone } from '../../plugins/attachments/lzma-alone.ts';
import { fileKind } from '../../plugins/attachments/file-kind.ts';
import { foundIn } from '../../plugins/attachments/office.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { seededRandom } from '../support/seeded-random.ts';

const LIMITS = { bytes: 256 * 1024 * 1024, depth: 8 };
const found = (bytes: Uint8Array, name = '') =>
  foundIn(bytes, LIMITS, name, { names: ['*.exe'], kinds: ['exe'] });

/** As xz 5.4.1 packs 204 octets that begin like a program, and a tar with a.exe in it. */
const PROGRAM = Buffer.from('XQAAgAD//////////wAmlnwb1MsPf///4AgAAA==', 'base64');
const TAR = Buffer.from(
  'XQAAgAD//////////wAwi4inw4qc511qunBuFSb1mosl9/Cv5bJGpnw2awoPHc7joW6/uC/PV+b/3ROEriOOiXKQmR5v' +
    'unTTxa2GOq+x5aYoNXkwH/ALe3nYl5gJaVvF7VP8RPx2JOotxz//YP9AAA==',
  'base64',
);

function withLength(bytes: Buffer, length: number): Buffer {
  const sized = Buffer.from(bytes);
  sized.writeBigUInt64LE(BigInt(length), 5);
  return sized;
}

test('with and without a length, by its bytes and by its name', () => {
  for (const bytes of [PROGRAM, withLength(PROGRAM, 204)]) {
    assert.ok(isLzmaAlone(bytes));
    assert.equal(fileKind(bytes), 'lzma');
    const begun = beginningOfLzmaAlone(bytes, 1024);
    assert.deepEqual([begun?.bytes.length, begun?.isWhole], [204, true]);
    assert.deepEqual(found(bytes).kinds, ['exe']);
  }
  assert.equal(beginningOfLzmaAlone(PROGRAM, 100)?.bytes.length, 100);
  assert.equal(beginningOfLzmaAlone(PROGRAM, 100)?.isWhole, false);
  assert.deepEqual(found(TAR).names, ['*.exe']);
  assert.deepEqual(found(TAR, 'a.tlz').names, ['*.exe']);
  assert.deepEqual(found(PROGRAM, 'b.exe.lzma').names, ['*.exe']);
  const unusual = Buffer.from(PROGRAM);
  unusual[0] = 0x5e;
  assert.ok(!isLzmaAlone(unusual));
  assert.deepEqual(found(unusual), { findings: [], names: [], kinds: [], isDisguised: false });
  assert.deepEqual(found(unusual, 'a.lzma').findings, ['unexamined'], 'under its name it is none');
  assert.deepEqual(found(PROGRAM.subarray(0, 20), 'a.lzma').findings, ['unexamined']);
});

test('what only looks like one is none', () => {
  for (const bytes of [
    Buffer.from(']\0\0\x01\0 is text'),
    Buffer.alloc(100),
    Buffer.alloc(100, ']'),
    withLength(PROGRAM, 2 ** 40),
    PROGRAM.subarray(0, 13),
  ]) {
    assert.ok(!isLzmaAlone(bytes));
    assert.equal(fileKind(bytes), undefined);
  }
});

test('any byte may be wrong', () => {
  const random = seededRandom(11);
  for (const sound of [PROGRAM, TAR, withLength(TAR, 10_240)]) {
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(sound);
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const startedAt = cpuMs();
      found(bytes, 'a.lzma');
      assert.ok(cpuMs() - startedAt < 2000);
    }
  }
});
