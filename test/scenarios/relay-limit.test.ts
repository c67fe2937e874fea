/** The relay limit of a domain and day is exact: under 200 clients at once, and over a crash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Customers } from '../support/customers.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const CLIENTS = 200;
const LIMIT = 1000;
const SERVER = '127.0.3.1';
const MAIL = 'From: a@many.test\r\nSubject: hi\r\n\r\nHello\r\n';

function start(): Promise<Customers> {
  return Customers.start(
    [{ domain: 'many.test', account: `{ ip: ${SERVER} }`, more: { destination: '127.0.0.1:1' } }],
    { node: 'limits: { connections_per_client: 300 }', plugins: '[]' },
  );
}

/** Sends so many messages one after the other, or until the gateway is gone; says how each ended. */
async function client(port: number, messages: number): Promise<string[]> {
  const replies: string[] = [];
  try {
    const talk = await SmtpTalk.greeted(port, 'mail.many.test', SERVER);
    for (let i = 0; i < messages; i++) {
      const reply = await talk.send('a@many.test', ['eve@away.test'], MAIL);
      if (reply === '') return replies;
      replies.push(reply);
      if (!reply.startsWith('250')) await talk.say('RSET');
    }
    await talk.quit();
  } catch {
    // Killed: whatever it was sending was not answered.
  }
  return replies;
}

async function all(port: number, messages: number): Promise<string[]> {
  const clients = Array.from({ length: CLIENTS }, () => client(port, messages));
  return (await Promise.all(clients)).flat();
}

const isAccepted = (reply: string) => reply.startsWith('250');

test('I43: of 1600 messages of 200 clients exactly 1000 are accepted', async () => {
  const customers = await start();
  try {
    const replies = await all(customers.gateway.port(), 8);
    assert.equal(replies.length, 1600);
    const refused = replies.filter((reply) => !isAccepted(reply));
    assert.deepEqual([...new Set(refused)], ['452 4.7.1 Relay limit reached']);
    assert.equal(refused.length, 1600 - LIMIT);
    assert.equal(customers.destination.arrived.length, LIMIT);
  } finally {
    await customers.stop();
  }
});

test('I43: killed and started again in between, never more than 1000 are accepted', async () => {
  const customers = await start();
  const { gateway, destination } = customers;
  try {
    destination.behaviour = {
      final: () => {
        if (destination.arrived.length === 300) gateway.signal('SIGKILL');
        return '250 2.0.0 Ok: taken';
      },
    };
    const before = await all(gateway.port(), 4);
    await gateway.kill();
    await gateway.start();
    const after = await all(gateway.port(), 8);
    const accepted = [...before, ...after].filter(isAccepted).length;
    assert.ok(before.length < 800, `${before.length} were answered: it was not killed in between`);
    // What was under way at the crash may be counted though nobody was told.
    assert.ok(accepted <= LIMIT && accepted >= LIMIT - CLIENTS, `${accepted} accepted`);
    assert.ok(destination.arrived.length <= LIMIT, `${destination.arrived.length} arrived`);
  } finally {
    await customers.stop();
  }
});
