/** Limits of accounts and domains through the running program. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Customers } from '../support/customers.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const LIMIT = '452 4.7.1 Relay limit reached';
const CALLS = '127.0.2.1';
const RECIPIENTS = '127.0.2.2';
const MESSAGES = '127.0.2.3';
const NEW = '127.0.2.4';
const NONE = '127.0.2.5';
const RELAY = '127.0.2.6';
const OTHER = '127.0.2.7';
const to = (count: number, name = 'r') =>
  Array.from({ length: count }, (_, index) => `${name}${index}@away.test`);

describe('limits', () => {
  let customers: Customers;

  before(async () => {
    const account = (domain: string, ip: string, limits: string) => ({
      domain,
      account: `{ ip: ${ip}, limits: { ${limits} } }`,
      more: { time_zone: 'Europe/Berlin' },
    });
    customers = await Customers.start(
      [
        account('calls.test', CALLS, 'connections_per_day: 3'),
        account('recipients.test', RECIPIENTS, 'recipients_per_day: 5'),
        account('messages.test', MESSAGES, 'messages_per_month: 2'),
        account('new.test', NEW, 'first_time_recipients_per_day: 2'),
        account('none.test', NONE, 'recipients_per_day: 0, connections_per_minute: 0'),
        account('relay.test', `${RELAY} }, { ip: ${OTHER}`, ''),
      ],
      { node: 'limits: { recipients: 2000 }' },
    );
  });
  beforeEach(() => {
    customers.destination.behaviour = {};
  });
  after(() => customers.stop());

  test('I33 I36: connections a day', async () => {
    for (let i = 0; i < 3; i++) {
      assert.match(await customers.send(CALLS, 'a@calls.test'), /^250/);
    }
    const talk = await SmtpTalk.open(customers.gateway.port(), CALLS);
    assert.match(await talk.reply(), /^421 4\.7\.1 mx\.sluice\.test .*\(limit\)$/);
    assert.equal(await talk.reply(), '');
    const line = await customers.gateway.event('acct.limit', ({ acct }) => acct === CALLS);
    assert.deepEqual(
      [line['what'], line['window'], line['used'], line['limit'], line['dom']],
      ['connections', 'day', 3, 3, 'calls.test'],
    );
    // Midnight of the customer, not of the machine.
    const until = new Date(String(line['until']));
    const clock = new Intl.DateTimeFormat('en', {
      timeZone: 'Europe/Berlin',
      timeStyle: 'medium',
      hourCycle: 'h23',
    });
    assert.equal(clock.format(until), '00:00:00');
  });

  test('I40: recipients a day; those beyond are put off, the others go', async () => {
    assert.match(await customers.send(RECIPIENTS, 'a@recipients.test', { to: to(3) }), /^250/);
    const talk = await customers.talk(RECIPIENTS);
    await talk.say('MAIL FROM:<a@recipients.test>');
    assert.match(await talk.say('RCPT TO:<a@away.test>'), /^250/);
    assert.match(await talk.say('RCPT TO:<b@away.test>'), /^250/);
    assert.equal(await talk.say('RCPT TO:<c@away.test>'), LIMIT);
    const line = await customers.gateway.event('acct.limit', ({ acct }) => acct === RECIPIENTS);
    assert.deepEqual([line['used'], line['limit']], [5, 5], 'those of this message too');
    assert.match(await talk.say('DATA'), /^354/);
    assert.match(await talk.say('From: a@recipients.test\r\n\r\nHello\r\n.'), /^250/);
    await talk.quit();
    assert.equal(await customers.send(RECIPIENTS, 'a@recipients.test'), LIMIT);
  });

  test('I40: 0 is no limit', async () => {
    assert.match(await customers.send(NONE, 'a@none.test', { to: to(20) }), /^250/);
  });

  test('I38 I39: messages are counted for themselves', async () => {
    for (let i = 0; i < 2; i++) {
      assert.match(await customers.send(MESSAGES, 'a@messages.test', { to: to(5) }), /^250/);
    }
    assert.equal(await customers.send(MESSAGES, 'a@messages.test'), LIMIT);
  });

  test('I41: recipients that are new to the account; whom it knows it may always write to', async () => {
    assert.match(await customers.send(NEW, 'a@new.test', { to: ['A@away.test'] }), /^250/);
    assert.match(await customers.send(NEW, 'a@new.test', { to: ['b@away.test'] }), /^250/);
    assert.equal(await customers.send(NEW, 'a@new.test', { to: ['c@away.test'] }), LIMIT);
    assert.match(await customers.send(NEW, 'a@new.test', { to: ['a@away.test'] }), /^250/);
  });

  test('I3 I43: the relay limit of a domain counts all its accounts, and refusals not at all', async () => {
    customers.destination.behaviour = { final: () => '554 5.7.1 no' };
    assert.match(await customers.send(RELAY, 'a@relay.test', { to: to(600) }), /^554/);
    customers.destination.behaviour = {};
    assert.match(await customers.send(RELAY, 'a@relay.test', { to: to(600) }), /^250/);
    assert.match(await customers.send(OTHER, 'a@relay.test', { to: to(400) }), /^250/);
    assert.equal(await customers.send(OTHER, 'a@relay.test'), LIMIT);
    assert.equal(await customers.send(RELAY, 'a@relay.test'), LIMIT);
    const line = await customers.gateway.event('acct.limit', ({ what }) => what === 'relay');
    assert.deepEqual([line['dom'], line['used'], line['limit']], ['relay.test', 1000, 1000]);
    assert.equal(customers.gateway.events('acct.near').length, 1);
  });

  test('I45: what is used of the limits is there to be seen', async () => {
    const { gateway } = customers;
    const json = await gateway.cli('limits', 'relay.test', '--json');
    const [relay, first] = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { resets_at: resetsAt, ...rest } = relay;
    assert.deepEqual(rest, {
      ...{ v: 1, kind: 'limit', domain: 'relay.test', what: 'relay', window: 'day' },
      ...{ used: 1000, limit: 1000, time_zone: 'Europe/Berlin' },
    });
    assert.ok(Date.parse(resetsAt) > Date.now());
    assert.deepEqual([first.account, first.what, first.used], [RELAY, 'recipients', 600]);
    const table = (await gateway.cli('limits', 'recipients.test')).stdout;
    assert.match(table, /^127\.0\.2\.2 +recipients +DAY +\[#{20}\] +5\/5 +100% +00:00$/m);
    assert.equal((await gateway.cli('limits', 'unknown.test')).code, 1);
  });

  test('I45: the customer sees count and limit himself, and nobody else does', async () => {
    const helpTo = async (address: string) => {
      const talk = await customers.talk(address);
      const help = await talk.say('HELP');
      await talk.quit();
      return help.split('\n');
    };
    const relay = await helpTo(RELAY);
    assert.match(
      relay[0] ?? '',
      /^214-2\.0\.0 relay\.test: 1000 of 1000 recipients a day until .* 00:00 \(Europe\/Berlin\)$/,
    );
    assert.equal(relay.length, 2);
    const messages = await helpTo(MESSAGES);
    assert.match(
      messages[1] ?? '',
      /^214-2\.0\.0 127\.0\.2\.3: 2 of 2 messages a month until .*-01 00:00/,
    );
    assert.match(messages[2] ?? '', /^214 2\.0\.0 RFC 5321 applies/);
    assert.deepEqual(await helpTo('127.0.2.99'), messages.slice(2));
  });
});
