/** TLS that is demanded for mail to others: with it or not at all. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import type { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '127.0.0.80';
const MAIL = 'From: anna@example.org\r\nSubject: hi\r\n\r\nHello\r\n';

describe('TLS to the servers of others', () => {
  let outside: Outside;
  let gateway: Gateway;

  before(async () => {
    const a = (index: number) => ({ a: [addressOf(index)] });
    outside = await Outside.start(
      { 'one.test': a(0), 'strict.test': a(0), 'a.bank.test': a(1), 'plain.test': a(1) },
      2,
    );
    const demands = '{ strict.test: required, .bank.test: required, plain.test: "off" }';
    gateway = await outside.gateway(
      {
        node: 'queue: { retry: [1s], probe: 100ms }',
        domains: {
          'example.org': domainFile(1, {
            outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
          }),
        },
      },
      `private_networks: [127.0.0.0/8], remote_tls: ${demands}`,
    );
    outside.server(1).behaviour = { tls: SELF_SIGNED };
  });
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

  const tlsOf = async (reply: string) => {
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    return (await gateway.event('rcpt.sent', (line) => line['id'] === id))['tls'];
  };

  test('where it is demanded mail goes encrypted, whoever signed the certificate', async () => {
    const reply = await send('eve@a.bank.test');
    assert.match(reply, /^250 .* delivered/);
    assert.equal(await tlsOf(reply), 'TLSv1.3');
  });

  test('a server without it gets other mail, and mail with the demand waits', async () => {
    assert.equal(await tlsOf(await send('eve@one.test')), '-');
    const reply = await send('eve@strict.test');
    assert.match(reply, /^250 .* queued/);
    const later = await gateway.event('rcpt.defer');
    assert.match(String(later['text']), /TLS is required and not offered/);
    assert.equal(outside.server(0).arrived.length, 1);
    outside.server(0).behaviour = { tls: SELF_SIGNED };
    await until('the message to arrive', () => outside.server(0).arrived.length === 2);
    assert.equal(await tlsOf(reply), 'TLSv1.3');
  });

  test('for a server that cannot do it right it is turned off', async () => {
    assert.equal(await tlsOf(await send('eve@plain.test')), '-');
  });

  test('a key that is no domain is told', async () => {
    await gateway.configure({ node: 'delivery: { remote_tls: { "a b": required } }' });
    const { code, stdout } = await gateway.cli('check');
    assert.equal(code, 78);
    assert.match(stdout, /delivery\.remote_tls[^:]*: expected domains such as/);
  });
});
