/** Mail to others goes from the configured addresses, each under its own name. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import { doctor } from '../support/doctor.ts';
import type { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { clockSetTo } from '../support/set-clock.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '127.0.0.80';
const MAIL = 'From: anna@example.org\r\nSubject: hi\r\n\r\nHello\r\n';
const LIST = `List-Id: <friends.example.org>\r\n${MAIL}`;
/** The second and the third day of an address, on its first it has sent nothing. */
const DAYS = [Date.parse('2027-03-10T22:00:00Z'), Date.parse('2027-03-11T01:00:00Z')] as const;
const NEWS = `List-Unsubscribe: <mailto:x@example.org>\r\nPrecedence: bulk\r\n${MAIL}`;

describe('source addresses', () => {
  let outside: Outside;
  let gateway: Gateway;

  before(async () => {
    outside = await Outside.start(
      {
        'one.test': { a: [addressOf(0)] },
        '31.0.0.127.in-addr.arpa': { ptr: ['mx.sluice.test'] },
        'mx.sluice.test': { a: ['127.0.0.31'] },
        '32.0.0.127.bl.test': { a: ['127.0.0.2'], txt: ['sent to traps'] },
        '31.0.0.127.bl.test': { a: ['127.255.255.254'] },
      },
      1,
    );
    const sources = `[
    { ip: 127.0.0.31 },
    { ip: 127.0.0.32, hostname: news.sluice.test, classes: [bulk] },
    { ip: 127.0.0.33, classes: [list] },
    { ip: 127.0.0.35, classes: [list], new_since: '2027-03-10' }]`;
    gateway = await outside.gateway(
      {
        node: 'queue: { retry: [1s], probe: 100ms }\nalerts: { after: 0s, block_lists: [bl.test] }',
        plugins: '[mail-class]',
        nodeArguments: clockSetTo(...DAYS),
        domains: {
          'example.org': domainFile(1, {
            outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
          }),
        },
      },
      `private_networks: [127.0.0.0/8], sources: ${sources}`,
    );
  });
  beforeEach(() => outside.clear());
  after(async () => {
    await gateway.remove();
    await outside.stop();
  });

  async function send(content: string): Promise<string> {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const reply = await talk.send('anna@example.org', ['eve@one.test'], content);
    await talk.quit();
    return /Ok: (\S+) /.exec(reply)?.[1] ?? reply;
  }
  const sourceOf = async (id: string) =>
    (await gateway.event('rcpt.sent', (line) => line['id'] === id))['src'];

  test('I49: ordinary mail and newsletters go from different addresses under different names', async () => {
    assert.equal(await sourceOf(await send(MAIL)), '127.0.0.31');
    assert.equal(await sourceOf(await send(NEWS)), '127.0.0.32');
    assert.equal(await sourceOf(await send(MAIL)), '127.0.0.31', 'though another is kept open');
    assert.deepEqual(outside.server(0).clients, [
      '127.0.0.31 mx.sluice.test',
      '127.0.0.32 news.sluice.test',
    ]);
  });

  test('I49: a newsletter that had to wait goes from its address too', async () => {
    outside.server(0).behaviour = { rcpt: () => '451 4.7.1 later' };
    const id = await send(NEWS);
    await gateway.event('rcpt.defer', (line) => line['id'] === id);
    outside.server(0).behaviour = {};
    await until('it to arrive', () => outside.server(0).arrived.length === 1);
    assert.equal(await sourceOf(id), '127.0.0.32');
  });

  test('I57: an address of ours on a block list is told of', async () => {
    const alert = await gateway.event('alert.raise', (line) => line['alert'] === 'address_listed');
    assert.equal(alert['subject'], '127.0.0.32');
    assert.match(String(alert['text']), /on the block list bl\.test \(sent to traps\)/);
  });

  test('I56: a new address takes so much on its first day, the next day it goes on', async () => {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const next = async () => {
      const reply = await talk.send('anna@example.org', ['eve@one.test'], LIST);
      return sourceOf(/Ok: (\S+) /.exec(reply)?.[1] ?? reply);
    };
    const first: unknown[] = [];
    for (let i = 0; i < 52; i++) first.push(await next());
    const taken = first.filter((source) => source === '127.0.0.35');
    assert.deepEqual([taken.length, ...first.slice(-2)], [50, '127.0.0.33', '127.0.0.33']);
    gateway.signal('SIGUSR2');
    await until('the next day', async () => (await next()) === '127.0.0.35');
    await talk.quit();
  });

  test('the doctor asks for the name of each', async () => {
    const { row } = await doctor(gateway);
    assert.equal(row('PTR 127.0.0.31').status, 'PASS');
    assert.equal(row('PTR 127.0.0.32').status, 'WARN');
    assert.match(row('PTR 127.0.0.32').fix ?? '', /PTR news\.sluice\.test\./);
  });

  test('addresses that cannot be are told', async () => {
    const sources =
      '[{ ip: 127.0.0.31 }, { ip: 127.0.0.31 }, { ip: 198.51.100.1, new_since: "2026-11-26" }]';
    await gateway.configure({ node: `delivery: { sources: ${sources} }` });
    const { code, stdout } = await gateway.cli('check');
    assert.equal(code, 78);
    assert.match(stdout, /error delivery\.sources\[1\].ip: 127\.0\.0\.31 is given twice/);
    assert.match(stdout, /warning delivery\.sources\[2\].ip: 198\.51\.100\.1 is no address/);
  });
});
