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

  test('H9: replies with the null reverse-path count by who they say they are from', async () => {
    const send = async () => {
      const talk = await customers.talk(REFUSES);
      const text = `${REPLY.header}From: a@refuses.test\r\nSubject: away\r\n\r\nHello\r\n`;
      const reply = await talk.send('', ['eve@away.test'], text);
      await talk.quit();
      return reply;
    };
    assert.match(await send(), /^250/);
    assert.match(await send(), /^250/);
    assert.match(await send(), /^550 5\.7\.1 .*\(limit\)$/);
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
    const send = async () => {
      const talk = await customers.talk(LIMITS);
      const text = 'From: postmaster@limits.test\r\nSubject: Undelivered mail\r\n\r\nHello\r\n';
      const reply = await talk.send('', ['eve@away.test'], text);
      await talk.quit();
      return reply;
    };
    assert.match(await send(), /^250/);
    assert.equal(await send(), LIMIT);
  });
});
