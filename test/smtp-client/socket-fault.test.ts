/** Faults of a connection are told in words, once: no system call, no code, no repeated address. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { CLIENT_DEADLINES } from '../../src/smtp/client-deadlines.ts';
import { openClient } from '../../src/smtp/client-opening.ts';
import { socketFaultText } from '../../src/smtp/socket-fault.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { ScriptedPeer } from '../support/scripted-peer.ts';

const coded = (code: string, message = `connect ${code} 192.0.2.10:25`) =>
  Object.assign(new Error(message), { code });

const FAULTS: readonly [Error, string][] = [
  [coded('ECONNREFUSED'), 'connection refused'],
  [coded('ECONNRESET', 'read ECONNRESET'), 'connection reset'],
  [coded('ETIMEDOUT'), 'connection timed out'],
  [coded('EHOSTUNREACH'), 'host unreachable'],
  [coded('ENETUNREACH'), 'network unreachable'],
  [coded('ENOTFOUND', 'getaddrinfo ENOTFOUND mail.example.org'), 'host name not found'],
  [new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]), 'connection refused'],
  [
    Object.assign(coded('ERR_SSL_WRONG_VERSION_NUMBER', 'C0F7:error:0A00010B:SSL:355:'), {
      reason: 'wrong version number',
    }),
    'wrong version number',
  ],
  [new Error('something new'), 'something new'],
];

for (const [fault, text] of FAULTS) {
  test(`${fault.message || fault.name} reads "${text}"`, () => {
    assert.equal(socketFaultText(fault), text);
  });
}

async function failureOf(port: number, clock = systemClock): Promise<string> {
  const tls = 'required';
  const deadlines = CLIENT_DEADLINES;
  const at = { host: '127.0.0.1', port };
  const opening = await openClient({ ...at, clock, deadlines, hostname: 'mx.test', tls });
  return opening.kind === 'failed' ? opening.error.message : opening.kind;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function peer(t: TestContext, script: string[]): Promise<number> {
  const scripted = await ScriptedPeer.start([script]);
  t.after(() => scripted.stop());
  return scripted.port;
}

test('the client tells what happened, and at which step once it is connected', async (t) => {
  assert.equal(await failureOf(await closedPort()), 'connection refused');
  assert.equal(await failureOf(await peer(t, ['close'])), 'greeting: connection closed by peer');
  // A reset may be there before we know that we were connected.
  assert.match(await failureOf(await peer(t, ['reset'])), /^(greeting: )?connection reset$/);
  const silent = await peer(t, ['hang']);
  assert.equal(await failureOf(silent, hurriedClock(1000)), 'greeting: no answer in time');
  const noTls = ['S: 220 peer', 'C: EHLO', 'S: 250-peer', 'S: 250 STARTTLS', 'C: STARTTLS'];
  const garbage = await peer(t, [...noTls, 'S: 220 go', 'C< 100', 'S: 250 no handshake', 'hang']);
  assert.equal(await failureOf(garbage), 'TLS handshake: wrong version number');
});
