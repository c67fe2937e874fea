/** Limits of a provider hold for all the domains that it takes mail for; who has enough is left alone. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import type { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '127.0.0.80';
const MAIL = 'From: anna@example.org\r\nSubject: hi\r\n\r\nHello\r\n';
const DOMAINS = Array.from({ length: 6 }, (_, i) => `d${i}.test`);

describe('providers', () => {
  let outside: Outside;
  let gateway: Gateway;

  before(async () => {
    const ofBig = DOMAINS.map((domain) => [domain, { mx: ['10 mx1.big.test'] }] as const);
    outside = await Outside.start(
      {
        ...Object.fromEntries(ofBig),
        'mx1.big.test': { a: [addressOf(0)] },
        'small.test': { a: [addressOf(1)] },
        // A host of the provider that answers nobody, and one that does not belong to it.
        'sly.test': { mx: ['0 silent.big.test', '10 small.test'] },
        'silent.big.test': { a: [addressOf(2)] },
      },
      2,
    );
    gateway = await outside.gateway(
      {
        node: 'queue: { retry: [1s], probe: 100ms }',
        domains: {
          'example.org': domainFile(1, {
            outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
          }),
        },
      },
      'private_networks: [127.0.0.0/8], providers: [{ mx: ["*.big.test"], max_connections: 2 }]',
    );
  });
  beforeEach(() => outside.clear());
  after(async () => {
    await gateway.remove();
    await outside.stop();
  });

  async function send(to: string): Promise<string> {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const reply = await talk.send('anna@example.org', [to], MAIL);
    await talk.quit();
    return reply;
  }

  test('all its domains together have no more connections than it is given', async () => {
    let open = 0;
    let most = 0;
    outside.server(0).behaviour = {
      final: async () => {
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setTimeout(resolve, 60));
        open -= 1;
        return '250 2.0.0 Ok';
      },
    };
    const replies = await Promise.all(
      [...DOMAINS, ...DOMAINS].map((domain) => send(`eve@${domain}`)),
    );
    assert.ok(
      replies.every((reply) => /^250 .* delivered/.test(reply)),
      replies.join('\n'),
    );
    assert.equal(most, 2);
    assert.ok(outside.server(0).connected <= 2, `${outside.server(0).connected} are open now`);
    assert.match(await send('eve@small.test'), /^250 .* delivered/);
  });

  test('who names one of its hosts beside his own has no say in what it gets', async () => {
    outside.server(1).behaviour = { mail: () => '421 4.7.0 Too many messages from your IP' };
    assert.match(await send('eve@sly.test'), /^250 .* queued/);
    assert.equal((await gateway.event('dest.pause'))['dest'], 'mx:sly.test');
    assert.match(await send('eve@d0.test'), /^250 .* delivered/);
  });

  test('I58: one that says it is too much gets nothing for a while, whatever the domain', async () => {
    outside.server(0).behaviour = { mail: () => '421 4.7.0 Too many messages from your IP' };
    assert.match(await send('eve@d0.test'), /^250 .* queued/);
    const pause = await gateway.event('dest.pause', ({ dest }) => dest === 'provider:*.big.test');
    assert.deepEqual([pause['why'], pause['for']], ['limits', 60]);
    outside.server(0).behaviour = {};
    const asked = outside.server(0).rcptAsked.length;
    assert.match(await send('eve@d1.test'), /^250 .* queued/);
    assert.match(await send('eve@small.test'), /^250 .* delivered/);
    await until('the queue to have been looked at', async () => {
      const { stdout } = await gateway.cli('queue', 'count', '--json');
      return /"count":3\b/.test(stdout);
    });
    assert.equal(outside.server(0).rcptAsked.length, asked, 'nobody was asked');
    const { stdout } = await gateway.cli('queue', 'list', '--json');
    const rows = stdout.trim().split('\n');
    const states = rows.map((line) => (JSON.parse(line) as { state: string }).state); // ours
    assert.deepEqual(states, ['deferred', 'deferred', 'deferred'], 'nobody works on it');

    // What an administrator sees: it is not due, whatever the message's own time, and this is why.
    const last = JSON.parse(rows.at(-1) ?? '') as { id: string; next_at: string; reason: string }; // ours
    const leftMs = Date.parse(last.next_at) - Date.now();
    assert.ok(leftMs > 20_000 && leftMs <= 60_000, last.next_at);
    assert.match(last.reason, /^destination paused: 421 4\.7\.0 Too many messages/);
    const shown = await gateway.cli('queue', 'show', last.id, '-e');
    assert.match(shown.stdout, /^next try +in \d+s; the destination has had enough/m);
    const retry = await gateway.cli('queue', 'retry', last.id);
    assert.deepEqual([retry.code, retry.stdout], [2, `${last.id}  destination paused\n`]);
  });
});
