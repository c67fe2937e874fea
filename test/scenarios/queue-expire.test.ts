/** An operator ends the lifetime of mail: who is proven to have sent it hears of it, else a person decides. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { PROXIED_LISTENER, proxiedMail } from '../support/proxied-client.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '192.0.2.200';

test('a proven sender gets a report, mail of others is held and stays so', async () => {
  const home = await new Destination().start();
  const away = await new Destination().start();
  await away.stop();
  const gateway = await Gateway.run({
    listeners: PROXIED_LISTENER,
    domains: {
      'example.org': domainFile(home.port, {
        outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
      }),
      'away.test': domainFile(away.port, {}, 'away.test'),
    },
  });
  const expire = (...words: string[]) => gateway.cli('queue', 'expire', ...words);
  try {
    const write = (client: string, from: string, to: string) =>
      proxiedMail(gateway.port(), { client, from, to });
    assert.match(await write(CUSTOMER, 'anna@example.org', 'one@away.test'), /^250/);
    assert.match(await write('203.0.113.1', 'x@stranger.test', 'two@away.test'), /^250/);
    assert.match(await write(CUSTOMER, 'anna@example.org', 'three@away.test'), /^250/);
    assert.equal((await gateway.cli('queue', 'hold', '--to', 'three@away.test', '-y')).code, 0);

    assert.equal((await expire('ALL')).code, 64, 'ALL wants a --yes');
    const both = await expire('--state', 'deferred', '--yes', '--why', 'the server is gone');
    assert.equal(both.code, 0);
    assert.match(both.stdout, /^\S+ {2}expired\n\S+ {2}held\n$/);
    const report = await until('the report', () => home.arrived[0]);
    assert.match(report.content.toString(), /Final-Recipient: rfc822; ?one@away\.test/i);
    const [line] = gateway.events('queue.expire');
    assert.equal(line?.['text'], 'the server is gone');

    const stranger = both.stdout.split('\n')[1]?.split(' ', 1)[0] ?? '';
    const listed = await gateway.cli('queue', 'list', '--state', 'hold', '-H', '-o', 'id,reason');
    assert.match(listed.stdout, new RegExp(`${stranger} .*\\(expired\\): the server is gone`));
    const again = await expire(stranger);
    assert.deepEqual([again.code, again.stdout], [2, `${stranger}  on hold\n`]);
    assert.match((await gateway.cli('trace', stranger)).stdout, /ended +by/);

    assert.match((await expire('--to', 'three@away.test', '--yes')).stdout, /expired/);
    await until('the second report', () => home.arrived.length === 2);
    assert.equal((await gateway.cli('queue', 'count')).stdout, '1\n', 'the stranger’s is left');
  } finally {
    await gateway.remove();
    await home.stop();
    await away.stop();
  }
});
