/** The id of the next server is read from the replies of the servers there are. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { remoteId } from '../../src/mail/remote-id.ts';

test('each server words it in its own way', () => {
  for (const [text, id] of [
    ['250 2.0.0 Ok: queued as 4bHzXk0vJ2z1', '4bHzXk0vJ2z1'],
    ['250 2.0.0 Ok: queued as 9F1A2B3C4D', '9F1A2B3C4D'],
    ['250 OK id=1rABcd-0001Xy-2z', '1rABcd-0001Xy-2z'],
    [
      '250 2.6.0 <a1@shop.example> [InternalId=12345678, Hostname=X.example] 9876 bytes in 0.2, 4 KB/sec Queued mail for delivery',
      '12345678',
    ],
    ['250 2.0.0 41BCD3abc012345 Message accepted for delivery', '41BCD3abc012345'],
    ['250 ok 1700000000 qp 12345', '1700000000 qp 12345'],
    [
      '250 2.0.0 OK  1700000000 d2e1a72fcca58-6c4-20020a05.123 - gsmtp',
      'd2e1a72fcca58-6c4-20020a05.123',
    ],
    ['250 Message Queued (1AB2C3D4-AAAA-BBBB.1)', '1AB2C3D4-AAAA-BBBB.1'],
    ['250 2.0.0 Ok: 4K7QZ2M9XT.1 queued', '4K7QZ2M9XT.1'],
    ['250 2.0.0 Ok', undefined],
    ['250 thank you', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(remoteId(text), id, text);
  }
});

test('a long reply costs no more than its beginning', () => {
  assert.equal(remoteId(`250 ${'x'.repeat(100_000)} id=12345`), undefined);
  assert.equal(remoteId(`250 ${'a'.repeat(500)} queued as 12345`), undefined);
});
