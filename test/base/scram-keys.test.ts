/** Keys of SCRAM-SHA-256: those of the RFC, their stored form, and passwords in one form. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPassword, parsePasswordHash } from '../../src/base/password-hash.ts';
import { saslPrep } from '../../src/base/sasl-prep.ts';
import {
  formatScramKeys,
  isProof,
  makeScramKeys,
  parseScramKeys,
  serverSignature,
} from '../../src/base/scram-keys.ts';

const url = (base64: string) => Buffer.from(base64, 'base64').toString('base64url');
/** RFC 7677 3: user `user`, password `pencil`. */
const RFC_7677 = `scram-sha-256:i=4096:${[
  'W22ZaJ0SNY7soEsUEjb6gQ==',
  'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=',
  'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
]
  .map(url)
  .join(':')}`;
const NONCE = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const MESSAGES = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${NONCE}`;
const PROOF = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');

test('RFC 7677: proof and signature of its example', async () => {
  const keys = parseScramKeys(RFC_7677);
  assert.ok(keys);
  assert.equal(isProof({ proof: PROOF, messages: MESSAGES }, keys), true);
  assert.equal(isProof({ proof: PROOF, messages: `${MESSAGES}x` }, keys), false);
  assert.equal(isProof({ proof: PROOF.subarray(1), messages: MESSAGES }, keys), false);
  const signature = serverSignature(MESSAGES, keys).toString('base64');
  assert.equal(signature, '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  const hash = parsePasswordHash(RFC_7677);
  assert.ok(hash);
  assert.equal(await isPassword(Buffer.from('pencil'), hash), true);
  assert.equal(await isPassword(Buffer.from('Pencil'), hash), false);
  assert.equal(await isPassword(Buffer.from([0xff]), hash), false);
});

test('a stored form that is read is written the same; what is out of bounds is none', async () => {
  const made = await makeScramKeys('correct horse');
  assert.ok(made);
  assert.deepEqual(parseScramKeys(formatScramKeys(made)), made);
  for (const text of [
    RFC_7677.replace('4096', '4095'),
    RFC_7677.replace('4096', '9999999'),
    RFC_7677.replace('scram-sha-256', 'scram-sha-1'),
    RFC_7677.slice(0, -1),
    `${RFC_7677}:`,
    'scram-sha-256:',
  ]) {
    assert.equal(parseScramKeys(text), undefined, text);
  }
});

test('RFC 4013: passwords that look the same are the same', () => {
  const cases: readonly [string, string | undefined][] = [
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['p\u0061\u0308ss', 'p\u00e4ss'],
    ['\u0007', undefined],
    ['\u00ad', undefined],
    ['\ufffd', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(saslPrep(text), expected, text);
});
