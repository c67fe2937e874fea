/** What the doctor makes of a destination at first sight. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { buildDestination } from '../../src/directory/destination.ts';
import { lookAtDestination } from '../../src/doctor/facts/destination.ts';
import { judgeDestination } from '../../src/doctor/judge/destination.ts';

test('a name that leads back to this gateway is a loop, and is not connected to', async () => {
  const listener = {
    name: 'mx',
    address: '127.0.0.1',
    port: 2525,
    tls: 'off',
    auth: 'off',
  } as const;
  const listeners = [{ ...listener, authWithoutTls: false, proxyProtocol: [], xclient: [] }];
  const config = { hostname: 'mx.sluice.test', listeners };
  const addressesOf = async () => ['192.0.2.7', '127.0.0.1'];
  const look = { config, clock: systemClock, addressesOf };
  const destination = buildDestination({ host: 'mail.example.org', port: 2525 });
  const hosts = await lookAtDestination(destination, look);
  assert.deepEqual(
    hosts.map(({ ownListener }) => ownListener),
    ['mx'],
  );
  assert.deepEqual(
    hosts.map(({ fault, ms }) => [fault, ms]),
    [[undefined, 0]],
  );
  const use = { domain: 'example.org', tls: 'opportunistic', messageSizeBytes: 1 } as const;
  const [finding] = judgeDestination('x', hosts, use);
  assert.equal(finding?.status, 'FAIL');
  assert.match(finding.detail, /mail would go round in circles/);
});
