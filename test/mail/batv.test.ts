/** A BATV tag hides no mailbox, and what only looks like one is none. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { untagged } from '../../src/mail/batv.ts';

const CASES: [string, string][] = [
  ['prvs=1234abcdef=anna', 'anna'],
  ['PRVS=0999ABCDEF=Anna.B', 'Anna.B'],
  ['prvs=1234abcdef=a=b', 'a=b'],
  ['anna', 'anna'],
  ['prvs=anna', 'prvs=anna'],
  ['prvs=1234abcde=anna', 'prvs=1234abcde=anna'],
  ['prvs=1234abcdeg=anna', 'prvs=1234abcdeg=anna'],
  ['prvs=1234abcdef=', 'prvs=1234abcdef='],
  ['x-prvs=1234abcdef=anna', 'x-prvs=1234abcdef=anna'],
];
for (const [given, local] of CASES) {
  test(`${given} is the mailbox ${local}`, () => {
    const address = { local: given, domain: 'example.org' };
    assert.deepEqual(untagged(address), { local, domain: 'example.org' });
  });
}
