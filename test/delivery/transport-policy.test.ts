/** How mail to others must be secured, as one function of what is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transportPolicy } from '../../src/delivery/transport-policy.ts';
import type { RemoteTls } from '../../src/delivery/transport-policy.ts';
import { remoteTlsTable } from '../../src/directory/remote-tls.ts';

const LEVELS: readonly RemoteTls[] = ['opportunistic', 'required', 'off'];

test('a demand for a domain counts for its hosts', () => {
  for (const tls of LEVELS) {
    assert.equal(transportPolicy({ hop: 'mx', tls, demanded: undefined }), tls);
    for (const demanded of LEVELS) {
      assert.equal(transportPolicy({ hop: 'mx', tls, demanded }), demanded);
    }
  }
});

test('a smarthost can only be made safer by it', () => {
  for (const tls of LEVELS) {
    for (const demanded of ['opportunistic', 'off', undefined] as const) {
      assert.equal(transportPolicy({ hop: 'smarthost', tls, demanded }), tls);
    }
    assert.equal(transportPolicy({ hop: 'smarthost', tls, demanded: 'required' }), 'required');
  }
});

test('the longest name that fits counts', () => {
  const demanded = remoteTlsTable({
    'Bank.example': 'off',
    '.bank.example': 'required',
    '.b\u00fccher.example': 'off',
    '*': 'opportunistic',
  });
  const cases: Readonly<Record<string, RemoteTls>> = {
    'bank.example': 'off',
    'a.BANK.example': 'required',
    'b.a.bank.example': 'required',
    'notbank.example': 'opportunistic',
    'x.xn--bcher-kva.example': 'off',
    example: 'opportunistic',
  };
  for (const [domain, tls] of Object.entries(cases)) assert.equal(demanded(domain), tls, domain);
  assert.equal(remoteTlsTable({})('bank.example'), undefined);
});
