/** Notices about limits and locks of outgoing mail through the running program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Customers } from '../support/customers.ts';
import { until } from '../support/until.ts';

const RELAY = '127.0.4.1';
const LOCKS = '127.0.4.2';
const to = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => `${name}${index}@away.test`);

describe('notices about outgoing mail', () => {
  let customers: Customers;

  before(async () => {
    const support = '{ name: Example IT, email: help@support.test }';
    customers = await Customers.start(
      [
        {
          domain: 'relay.test',
          account: `{ ip: ${RELAY} }`,
          more: { contact: 'boss@relay.test', support, time_zone: 'Europe/Berlin' },
        },
        {
          domain: 'locks.test',
          account: `{ ip: ${LOCKS}, identity: sender, lock_after: { messages: 1 } }`,
          more: { contact: 'boss@locks.test', support, report_language: 'de' },
        },
      ],
      {
        node: [
          'limits: { recipients: 2000 }',
          'records: { subject: true }',
          'notices:',
          '  identity_locked:',
          '    de: "Subject: Gesperrt für heute\\n\\n{identity} {until}, {reason}. Hilfe: {support}\\n"',
        ].join('\n'),
      },
    );
  });
  after(() => customers.stop());

  const arrived = (address: string) =>
    customers.destination.arrived
      .filter((one) => one.from === '' && one.to.includes(address))
      .map(({ content }) => String(content));

  test('I46 I47 M1: at four fifths and at the limit the contact hears who sent most', async () => {
    assert.match(await customers.send(RELAY, 'news@relay.test', { to: to(850, 'a') }), /^250/);
    const [near = ''] = await until('a warning', () => {
      const found = arrived('boss@relay.test');
      return found.length > 0 && found;
    });
    assert.match(near, /^Subject: Relay limit nearly reached \/ Versandlimit fast erreicht\r$/m);
    assert.match(near, /\. relay\.test has sent to 850 of 1000\r\n/);

    assert.match(await customers.send(RELAY, 'anna@relay.test', { to: to(150, 'b') }), /^250/);
    for (let i = 0; i < 3; i++) {
      assert.match(await customers.send(RELAY, 'anna@relay.test'), /^452 4\.7\.1 Relay limit/);
    }
    const [, reached = ''] = await until('the notice', () => {
      const found = arrived('boss@relay.test');
      return found.length > 1 && found;
    });
    assert.match(reached, /^Subject: Relay limit reached \/ Versandlimit erreicht\r$/m);
    assert.match(reached, /\r\n {2}850 x news@relay\.test\r\n {2}150 x anna@relay\.test\r\n/);
    assert.match(reached, /\r\n {2}1 x b0@away\.test\r\n/);
    assert.match(reached, /\r\n {2}1000 x hi\r\n/);
    assert.match(reached, /\r\nWho helps: Example IT, help@support\.test\r\n/);
    assert.match(reached, /00:00 \(Europe\/Berlin\)/);

    // One a day, over a restart too.
    await customers.gateway.stop();
    await customers.gateway.start();
    assert.match(await customers.send(RELAY, 'anna@relay.test'), /^452/);
    await customers.gateway.event('acct.limit');
    await customers.gateway.stop();
    assert.equal(arrived('boss@relay.test').length, 2);
    await customers.gateway.start();
  });

  test('I31 M14: whoever is locked is told, in the words of the operator', async () => {
    for (let i = 0; i < 2; i++) {
      await customers.send(LOCKS, 'bad@locks.test', { body: 'VIRUS' });
    }
    const [text = ''] = await until('a notice', () => {
      const found = arrived('bad@locks.test');
      return found.length > 0 && found;
    });
    assert.match(text, /^Subject: =\?utf-8\?B\?/m);
    assert.match(
      text,
      /\r\nbad@locks\.test bis 20.*, mehr als 1 Mails mit Viren innerhalb von 10 min\. Hilfe: Example IT, /,
    );
    await until('the contact to be told', () => arrived('boss@locks.test').length === 1);
  });

  test('who makes up names that are locked one after the other fills no mailbox', async () => {
    const { gateway } = customers;
    const before = gateway.events('ident.lock').length;
    for (let i = 0; i < 40; i++) {
      for (let spam = 0; spam < 2; spam++) {
        await customers.send(LOCKS, `n${i}@locks.test`, { body: 'SPAM' });
      }
    }
    await until('all to be locked', () => gateway.events('ident.lock').length === before + 40);
    await until('notices to come', () => arrived('boss@locks.test').length >= 30);
    await sleep(300);
    assert.equal(arrived('boss@locks.test').length, 30);
  });
});
