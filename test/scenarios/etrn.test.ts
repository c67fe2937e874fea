/** ETRN: a customer's server asks for what waits for it; nobody else learns anything by it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const SERVER = '127.0.0.2';
const ACCOUNT = '127.0.0.3';
const STRANGER = '127.0.0.9';
const mail = (n: number) => `Subject: mail ${n}\r\n\r\nbody ${n}\r\n`;

test('a server that is back asks for its mail and gets it; others are told nothing', async () => {
  const destination = await new Destination({}, SERVER).start();
  const { port } = destination;
  const late = new Destination({}, '127.0.0.7', port);
  const outgoing = `{ enabled: true, accounts: [{ ip: ${ACCOUNT} }] }`;
  const at = { destination: `${SERVER}:${port}` };
  const gateway = await Gateway.run({
    // Only who asks gets it in the time of a test.
    node: 'queue: { retry: [1h], probe: 1h }',
    domains: {
      'example.org': domainFile(port, { ...at, outgoing, aliases: '[example.com]' }),
      'sub.example.org': domainFile(port, at, 'sub.example.org'),
      'late.test': domainFile(
        port,
        { destination: `127.0.0.7:${port}`, recipients: 'callout', outage: 'hold' },
        'late.test',
      ),
      'other.test': domainFile(port, { destination: `127.0.0.8:${port}` }, 'other.test'),
    },
  });
  const ask = async (queue: string, from: string) => {
    const talk = await SmtpTalk.open(gateway.port(), from);
    await talk.reply();
    const offers = /^250[ -]ETRN$/m.test(await talk.say('EHLO client.example'));
    const reply = await talk.say(`ETRN ${queue}`);
    await talk.quit();
    return { offers, reply };
  };
  const queue = (n: number, domain = 'example.org') =>
    sendMail(gateway.port(), 'a@b.example', [`anna@${domain}`], mail(n));
  try {
    assert.deepEqual(await ask('example.org', SERVER), {
      offers: true,
      reply: '251 2.0.0 No messages waiting for node example.org',
    });
    await destination.stop();
    assert.match(await queue(1), / queued$/);
    assert.match(await queue(2, 'sub.example.org'), / queued$/);
    assert.match(await queue(3, 'other.test'), / queued$/);
    await gateway.event('dest.down');

    const denied = await ask('example.org', STRANGER);
    assert.equal(denied.offers, false);
    assert.match(denied.reply, /^459 4\.7\.1 .* \(policy\)$/);
    assert.equal((await ask('nowhere.example', STRANGER)).reply, denied.reply);
    assert.equal((await ask('other.test', SERVER)).reply, denied.reply, 'not his');
    assert.equal((await ask('sub.example.org', ACCOUNT)).reply, denied.reply, 'not the account’s');
    const refused = await gateway.event('smtp.etrn', (line) => line['code'] === 459);
    assert.deepEqual([refused['why'], refused['queue']], ['policy', 'example.org']);

    await destination.start();
    const back = await ask('@example.org', SERVER);
    assert.match(back.reply, /^250 2\.0\.0 Queuing for node example\.org started/);
    await until('both delivered', () => destination.arrived.length === 2);

    // Put off by a server that answers: in an hour, or when its customer asks.
    destination.behaviour = { rcpt: () => '451 4.3.0 later' };
    assert.match(await queue(4), / queued$/);
    destination.behaviour = {};
    assert.equal((await gateway.cli('destination', 'hold', 'example.org', '--only')).code, 0);
    assert.match((await ask('example.org', ACCOUNT)).reply, /^458 4\.3\.2 .* \(policy\)$/);
    assert.equal((await gateway.cli('destination', 'resume', 'example.org', '--only')).code, 0);
    await until('the third delivered', () => destination.arrived.length === 3);
    destination.behaviour = { rcpt: () => '451 4.3.0 later' };
    assert.match(await queue(5), / queued$/);
    destination.behaviour = {};
    const asked = await ask('example.com', ACCOUNT);
    assert.deepEqual(asked, {
      offers: true,
      reply: '253 2.0.0 1 pending messages for node example.com started',
    });
    await until('the fourth delivered', () => destination.arrived.length === 4);
    const started = await gateway.event('smtp.etrn', (line) => line['code'] === 253);
    assert.deepEqual([started['domains'], started['n']], [['example.org'], 1]);

    // Held by hand, or because nobody could be asked: it is there, and no ETRN lets it go.
    destination.behaviour = { rcpt: () => '451 4.3.0 later' };
    assert.match(await queue(6), / queued$/);
    destination.behaviour = {};
    const hold = ['hold', '--dest', 'example.org', '--yes'];
    assert.equal((await gateway.cli('queue', ...hold)).code, 0);
    const held = /^458 4\.3\.2 Unable to start node \S+: its mail is held \(policy\)$/;
    assert.match((await ask('example.org', ACCOUNT)).reply, held);
    const told = await gateway.event('smtp.etrn', ({ code, n }) => code === 458 && n === 1);
    assert.deepEqual(told['domains'], ['example.org']);
    assert.match(await queue(7, 'late.test'), /^250 /);
    const state = ['--dest', 'late.test', '--state', 'hold'];
    assert.equal((await gateway.cli('queue', 'list', ...state)).code, 0);
    assert.match((await ask('late.test', '127.0.0.7')).reply, held);
    assert.equal(destination.arrived.length, 4);
    // Its server is asked at once all the same, and what is held goes when it answers.
    await late.start();
    assert.match((await ask('late.test', '127.0.0.7')).reply, held);
    await until('the held mail delivered', () => late.arrived.length === 1);
  } finally {
    await late.stop();
    await gateway.remove();
    await destination.stop();
  }
});
