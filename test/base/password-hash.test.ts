/** Kept passwords: only the right one fits, and no hash in a file can bring the machine down. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  formatPasswordHash,
  hashPassword,
  isPassword,
  parsePasswordHash,
  unmatchedHash,
} from '../../src/base/password-hash.ts';

const PASSWORD = Buffer.from('pass wörd');

test('a hash survives being written and read, and fits its password only', async () => {
  const text = formatPasswordHash(await hashPassword(PASSWORD));
  assert.match(text, /^scrypt:ln=15,r=8,p=1:[\w-]{22}:[\w-]{43}$/);
  const hash = parsePasswordHash(text);
  assert.ok(hash);
  assert.equal(await isPassword(PASSWORD, hash), true);
  assert.equal(await isPassword(Buffer.from('pass word'), hash), false);
  assert.equal(await isPassword(Buffer.alloc(0), hash), false);
});

test('the same password never has the same hash twice', async () => {
  const [one, other] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD)]);
  assert.notEqual(formatPasswordHash(one), formatPasswordHash(other));
});

test('a known hash keeps its meaning: RFC 7914 section 12, third vector', async () => {
  const key =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
  const hash = parsePasswordHash(
    formatPasswordHash({
      ...{ kind: 'scrypt', ln: 14, r: 8, p: 1 },
      salt: Buffer.from('SodiumChloride'),
      key: Buffer.from(key, 'hex'),
    }),
  );
  assert.ok(hash);
  assert.equal(await isPassword(Buffer.from('pleaseletmein'), hash), true);
});

test('what is not a hash of ours, or costs too much, is none', () => {
  const tail = `:${'a'.repeat(22)}:${'b'.repeat(43)}`;
  for (const text of [
    'scrypt:...',
    'secret',
    `scrypt:ln=15,r=8${tail}`,
    `scrypt:ln=99,r=8,p=1${tail}`,
    `scrypt:ln=24,r=8,p=1${tail}`,
    `scrypt:ln=1,r=8,p=1${tail}`,
    `scrypt:ln=15,r=0,p=1${tail}`,
    `scrypt:ln=15,r=8,p=99${tail}`,
    `scrypt:ln=15,r=8,p=1:a:b`,
    `scrypt:ln=15,r=8,p=1${tail} `,
  ]) {
    assert.equal(parsePasswordHash(text), undefined, text);
  }
  assert.ok(parsePasswordHash(`scrypt:ln=15,r=8,p=1${tail}`));
});

test('the hash of nobody fits nothing', async () => {
  assert.equal(await isPassword(PASSWORD, unmatchedHash()), false);
});
