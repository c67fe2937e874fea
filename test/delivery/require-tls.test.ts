/** What a connection must be for a message that requires TLS (RFC 8689). */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  givesRequireTls,
  isBeyondRequireTls,
  requiresTls,
  withoutRequiredTls,
} from '../../src/delivery/require-tls.ts';
import type { Link } from '../../src/delivery/require-tls.ts';

const GOOD: Link = {
  tls: 'TLSv1.3',
  isVerified: true,
  offers: { startTls: false, requireTls: true },
};
const LINKS: readonly [what: string, link: Link, kind: string | undefined][] = [
  ['verified, and it is offered', GOOD, undefined],
  ['nobody trusts the certificate', { ...GOOD, isVerified: false }, 'failed'],
  ['it is not offered', { ...GOOD, offers: { startTls: false, requireTls: false } }, 'failed'],
  ['plaintext', { ...GOOD, tls: '-' }, 'failed'],
  [
    'TLS was offered and failed',
    { ...GOOD, tls: '-', offers: { startTls: true, requireTls: true } },
    'deferred',
  ],
];
for (const [what, link, kind] of LINKS) {
  test(`a connection: ${what}`, () => {
    assert.equal(withoutRequiredTls(link)?.kind, kind);
    assert.equal(givesRequireTls(link), kind === 'deferred' ? undefined : kind !== 'failed');
  });
}

test('hosts that an unsigned DNS tells of, and those without TLS, cannot be good enough', () => {
  const destination = { key: 'd', hosts: [], tls: 'opportunistic', maxConnections: 1 } as const;
  assert.equal(isBeyondRequireTls(destination), false);
  assert.equal(isBeyondRequireTls({ ...destination, mx: 'example.net' }), true);
  assert.equal(isBeyondRequireTls({ ...destination, tls: 'off' }), true);
});

test('a report does not wait for TLS, or it would be lost', () => {
  const reversePath = { local: 'a', domain: 'client.example' };
  assert.equal(requiresTls({ reversePath, parameters: { requireTls: true } }), true);
  assert.equal(requiresTls({ reversePath, parameters: {} }), false);
  assert.equal(requiresTls({ reversePath: null, parameters: { requireTls: true } }), false);
});
