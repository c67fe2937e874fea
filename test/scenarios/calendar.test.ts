/**
 * Limits and locks in the running program while time passes: its clock is set shortly before a minute,
 * an hour, a day, a week and a month end at once where the customers are, and then ticks over it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Customers } from '../support/customers.ts';
import { clockSetTo } from '../support/set-clock.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const LIMIT = '452 4.7.1 Relay limit reached';
const LOCKED = /^550 5\.7\.1 .*\(locked\)$/;
const MINUTE = 60_000;
/** The first of a month, a Monday, 00:00 in Berlin. */
const TURN = Date.parse('2027-02-01T00:00:00+01:00');
const BEFORE = TURN - 30 * MINUTE;
const WINDOWS = ['minute', 'hour', 'day', 'week', 'month'] as const;
const addressOf = (window: (typeof WINDOWS)[number]) => `127.0.6.${1 + WINDOWS.indexOf(window)}`;
const RELAY = '127.0.6.10';
const BRIEF = '127.0.6.11';
const REPLIES = '127.0.6.12';

describe('limits and locks as time passes', () => {
  let customers: Customers;

  before(async () => {
    const more = { time_zone: 'Europe/Berlin' };
    customers = await Customers.start(
      [
        ...WINDOWS.map((window) => ({
          domain: `${window}.test`,
          account: `{ ip: ${addressOf(window)}, limits: { connections_per_${window}: 2, messages_per_${window}: 1 } }`,
          more,
        })),
        {
          domain: 'relay.test',
          account: `{ ip: ${RELAY} }`,
          more: { ...more, licensed_users: '21' },
        },
        {
          domain: 'brief.test',
          account: `{ ip: ${BRIEF}, auto_lock: true, lock_after: { messages: 1 }, lock_minutes: 29 }`,
        },
        {
          domain: 'replies.test',
          account: `{ ip: ${REPLIES} }`,
          outgoing: 'auto_replies_per_week: 1',
          more,
        },
      ],
      {
        node: 'limits: { recipients: 2000 }',
        nodeArguments: clockSetTo(BEFORE, TURN - MINUTE / 2, TURN - 200),
      },
    );
  });
  after(() => customers.stop());

  /** The reply to the one message of a connection, or that in place of a greeting. */
  async function connected(window: (typeof WINDOWS)[number]): Promise<string> {
    const talk = await SmtpTalk.open(customers.gateway.port(), addressOf(window));
    const greeting = await talk.reply();
    if (!greeting.startsWith('220')) return greeting;
    await talk.say('EHLO mail.customer.test');
    const from = `a@${window}.test`;
    const reply = await talk.send(from, ['eve@away.test'], `From: ${from}\r\n\r\nHello\r\n`);
    await talk.quit();
    return reply;
  }

  const relay = (recipients: number) =>
    customers.send(RELAY, 'a@relay.test', {
      to: Array.from({ length: recipients }, (_, index) => `r${index}@away.test`),
    });
  const autoReply = () =>
    customers.send(REPLIES, 'a@replies.test', { header: 'Auto-Submitted: auto-replied\r\n' });

  test('I33 I34 I35 I36 I37 I38: connections and messages, each window for itself', async () => {
    for (const window of WINDOWS) {
      assert.match(await connected(window), /^250/, window);
      assert.equal(await connected(window), LIMIT, window);
      assert.match(await connected(window), /^421 4\.7\.1 .*\(limit\)$/, window);
      for (const [what, limit] of [
        ['messages', 1],
        ['connections', 2],
      ] as const) {
        const line = await customers.gateway.event(
          'acct.limit',
          (one) => one['acct'] === addressOf(window) && one['what'] === what,
        );
        assert.deepEqual([line['window'], line['used'], line['limit']], [window, limit, limit]);
      }
    }
    const monthly = await customers.gateway.event(
      'acct.limit',
      (line) => line['window'] === 'month',
    );
    assert.equal(Date.parse(String(monthly['until'])), TURN);
  });

  test('I3 I43: the relay limit of a domain is 50 for each licensed user', async () => {
    assert.match(await relay(1050), /^250/);
    assert.equal(await relay(1), LIMIT);
    assert.match(await autoReply(), /^250/);
    assert.match(await autoReply(), /^550 5\.7\.1 .*\(limit\)$/);
  });

  test('I29: a lock has the minutes of its account', async () => {
    for (let i = 0; i < 2; i++)
      assert.match(await customers.send(BRIEF, 'a@brief.test', { body: 'SPAM' }), /^550/);
    assert.match(await customers.send(BRIEF, 'a@brief.test'), LOCKED);
    const lock = await customers.gateway.event('acct.lock');
    const minutes = (Date.parse(String(lock['until'])) - BEFORE) / MINUTE;
    assert.ok(minutes >= 29 && minutes < 29.9, String(minutes));
  });

  test('I29 I34 I35 I36 I37 I38 I44: when their time is over all of them end by themselves', async () => {
    const { gateway } = customers;
    gateway.signal('SIGUSR2');
    assert.equal(await relay(1), LIMIT);
    assert.match(await connected('minute'), /^250/, 'the one of before is long over');
    assert.equal(await connected('minute'), LIMIT);
    for (const window of WINDOWS.slice(1)) assert.match(await connected(window), /^421/, window);
    assert.match(await customers.send(BRIEF, 'a@brief.test'), /^250/);
    gateway.signal('SIGUSR2');
    await until('the turn', async () => (await relay(1050)).startsWith('250'));
    for (const window of WINDOWS) assert.match(await connected(window), /^250/, window);
    assert.match(await autoReply(), /^250/);
    assert.equal(await relay(1), LIMIT);
  });
});
