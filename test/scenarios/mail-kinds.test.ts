/** Outgoing bulk mail, bounces and automatic replies through the running program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Customers } from '../support/customers.ts';

const REFUSES = '127.0.5.1';
const LIMITS = '127.0.5.2';
const NO_BOUNCES = '127.0.5.3';
const LIMIT = '452 4.7.1 Relay limit reached';
const NEWSLETTER = { header: 'List-Unsubscribe: <https://x.test/u>\r\n' };
const REPLY = { header: 'Auto-Submitted: auto-replied\r\n' };

describe('kinds of outgoing mail', () => {
  let customers: Customers;

  before(async () => {
    customers = await Customers.start(
      [
        { domain: 'refuses.test', account: `{ ip: ${REFUSES} }`, outgoing: 'bulk: refuse' },
        {
          domain: 'none.test',
          account: `{ ip: ${NO_BOUNCES} }`,
          outgoing: 'null_sender: refuse',
        },
        {
          domain: 'limits.test',
          account: `{ ip: ${LIMITS} }`,
          outgoing: 'bulk: limit, bulk_per_day: 2, bounces_per_day: 1',
        },
      ],
      { plugins: '[smell: {}, mail-class: {}]' },
    );
  });
  after(() => customers.stop());

  test('H9: two automatic replies a week to one recipient, and more to others', async () => {
    const send = (to: string) => customers.send(LIMITS, 'a@limits.test', { ...REPLY, to: [to] });
    assert.match(await send('eve@away.test'), /^250/);
    assert.match(await send('Eve@away.test'), /^250/);
    assert.match(await send('eve@away.test'), /^550 5\.7\.1 .*\(limit\)$/);
    assert.match(await send('bob@away.test'), /^250/);
    assert.match(await customers.send(LIMITS, 'a@limits.test'), /^250/);
  });

  const withNullPath = async (address: string, to: string, header: string) => {
    const talk = await customers.talk(address);
    const reply = await talk.send('', [to], `${header}Subject: away\r\n\r\nHello\r\n`);
    await talk.quit();
    return reply;
  };

  test('H9: replies with the null reverse-path count by who they say they are from', async () => {
    const from = 'From: a@refuses.test\r\n';
    // The second is what Exchange writes.
    const answers = 'Auto-Submitted: auto-generated\r\nIn-Reply-To: <1@away.test>\r\n';
    const send = (header: string) => withNullPath(REFUSES, 'eve@away.test', from + header);
    assert.match(await send(REPLY.header), /^250/);
    assert.match(await send(answers), /^250/);
    assert.match(await send(answers), /^550 5\.7\.1 .*\(limit\)$/);
    assert.match(await send(REPLY.header), /^550 5\.7\.1 .*\(limit\)$/);
  });

  test('H8 H9: bounces say that they are automatic replies, and are none', async () => {
    const report =
      'From: a@refuses.test\r\nContent-Type: multipart/report; boundary=b\r\nIn-Reply-To: <1@away.test>\r\n';
    const daemon = 'From: <Mailer-Daemon@mx.refuses.test>\r\nConstructor: x\r\n';
    for (const header of [report, report, report, daemon, daemon, daemon]) {
      const reply = await withNullPath(REFUSES, 'bob@away.test', REPLY.header + header);
      assert.match(reply, /^250/);
    }
  });

  test('I48 C11: newsletters are recognised and refused, or limited', async () => {
    const refused = await customers.send(REFUSES, 'a@refuses.test', NEWSLETTER);
    assert.match(refused, /^550 5\.7\.1 .*\(bulk\)$/);
    assert.match(await customers.send(REFUSES, 'a@refuses.test'), /^250/);
    const send = () => customers.send(LIMITS, 'a@limits.test', NEWSLETTER);
    assert.match(await send(), /^250/);
    assert.match(await send(), /^250/);
    assert.equal(await send(), LIMIT);
    assert.match(await customers.send(LIMITS, 'a@limits.test'), /^250/);
    const line = await customers.gateway.event('acct.limit', ({ what }) => what === 'bulk');
    assert.equal(line['dom'], 'limits.test');
  });

  test('H8: a customer may send none', async () => {
    const talk = await customers.talk(NO_BOUNCES);
    assert.match(await talk.say('MAIL FROM:<>'), /^550 5\.7\.1 .*\(sender\)$/);
    assert.match(await talk.say('MAIL FROM:<a@none.test>'), /^250/);
    await talk.quit();
  });

  test('H8: bounces are limited', async () => {
    const send = () => withNullPath(LIMITS, 'eve@away.test', 'From: postmaster@limits.test\r\n');
    assert.match(await send(), /^250/);
    assert.equal(await send(), LIMIT);
  });
});
