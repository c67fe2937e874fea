/** What a record must say for a key to count, and what is said of one that does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordFault, recordName, recordText } from '../../src/dkim/record.ts';
import { makeKey, parseSigningKey } from '../../src/dkim/signing-key.ts';

const RSA = { algorithm: 'rsa-sha256', publicKey: 'MIIBIjANkey' } as const;

test('a key and the record that is made for it fit', async () => {
  for (const kind of ['rsa2048', 'ed25519'] as const) {
    const parsed = parseSigningKey(await makeKey(kind));
    assert.ok(parsed.ok);
    assert.equal(recordFault([recordText(parsed.value)], parsed.value), undefined);
  }
  assert.equal(recordName('example.org', 's1'), 's1._domainkey.example.org');
});

test('receivers read a record leniently, so do we', () => {
  for (const text of [
    'p=MIIBIjANkey',
    'v=DKIM1; p=MIIB IjAN\tkey;',
    ' v = DKIM1 ;k = rsa; t=y:s; s=email:other; h=sha1 : sha256; n=a note; p=MIIBIjANkey ; ',
    'v=DKIM1;k=rsa;s=*;p=MIIBIjANkey',
  ]) {
    assert.equal(recordFault([text], RSA), undefined, text);
  }
});

test('each fault has its words', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /there is no record/],
    [['v=DKIM1; p=a', 'v=DKIM1; p=b'], /there are 2 records/],
    [['hello'], /is no list of tags: "hello"/],
    [['v=DKIM1; p=a; p=b'], /is no list of tags/],
    [['v=DKIM2; p=MIIBIjANkey'], /says v="DKIM2"/],
    [['v=DKIM1; k=ed25519; p=MIIBIjANkey'], /key of type "ed25519"/],
    [['v=DKIM1; k=rsa'], /has no key/],
    [['v=DKIM1; p='], /revoked/],
    [['v=DKIM1; p=MIIBIj'], /only a part/],
    [['v=DKIM1; p=other'], /another key/],
    [['v=DKIM1; h=sha1; p=MIIBIjANkey'], /sha256/],
    [['v=DKIM1; s=tlsrpt; p=MIIBIjANkey'], /not for mail/],
  ];
  for (const [texts, fault] of cases) {
    assert.match(recordFault(texts, RSA) ?? 'nothing', fault, texts.join());
  }
});
