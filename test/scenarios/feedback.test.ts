/** Complaints and bounces about mail of customers, through the running program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Customers } from '../support/customers.ts';
import { diesAfterWriting } from '../support/dies-after.ts';
import { clockSetTo } from '../support/set-clock.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const SERVER = '127.0.3.1';
const SMARTHOST = '127.0.3.2';
const CALM = '127.0.3.3';
const REPLIES = '127.0.3.4';
const ONE = '127.0.3.5';
const STRANGER = '127.0.3.9';
const ABUSE = 'abuse@away.test';
const LOCKED = /^550 5\.7\.1 .*\(locked\)$/;

describe('feedback', () => {
  let customers: Customers;
  let sent = 0;

  before(async () => {
    const few = 'lock_after_complaints: { messages: 2 }';
    customers = await Customers.start(
      [
        {
          domain: 'whole.test',
          account: `{ ip: ${SERVER}, ${few} }`,
          more: { contact: 'boss@whole.test' },
        },
        { domain: 'smart.test', account: `{ ip: ${SMARTHOST}, smarthost: true, ${few} }` },
        { domain: 'calm.test', account: `{ ip: ${CALM}, lock_after_complaints: false }` },
        { domain: 'replies.test', account: `{ ip: ${REPLIES}, ${few} }` },
        { domain: 'one.test', account: `{ ip: ${ONE}, ${few} }` },
      ],
      { node: `complaints: { addresses: [Abuse@away.test] }` },
    );
  });
  after(() => customers.stop());

  /** A message of a customer; its Message-ID. */
  async function send(
    address: string,
    from: string,
    header = '',
    to = [`eve${sent + 1}@away.test`],
  ): Promise<string> {
    sent += 1;
    const messageId = `<${sent}.secret@mail.customer.test>`;
    const reply = await customers.send(address, from, {
      to,
      header: `Message-ID: ${messageId}\r\n${header}`,
    });
    assert.match(reply, /^250/);
    return messageId;
  }

  async function stranger(from: string, to: string, content: string): Promise<string> {
    const talk = await SmtpTalk.greeted(customers.gateway.port(), 'mx.big.test', STRANGER);
    const reply = await talk.send(from, [to], content);
    await talk.quit();
    return reply;
  }

  function complain(
    messageId: string,
    type = 'abuse',
    body = 'buy',
    about: readonly string[] = [],
  ): Promise<string> {
    const named = about.map((to) => `Original-Rcpt-To: <${to}>\r\n`).join('');
    return stranger(
      'fbl@big.test',
      ABUSE,
      `From: fbl@big.test\r\nMessage-ID: <r@big.test>\r\nMIME-Version: 1.0\r\n` +
        `Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n` +
        `--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: ${type}\r\n${named}\r\n` +
        `--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: ${messageId}\r\n\r\n${body}\r\n--b--\r\n`,
    );
  }

  const complaints = () => customers.gateway.events('acct.complaint');

  async function used(what: string, account: string): Promise<unknown> {
    const { stdout } = await customers.gateway.cli('limits', '--json');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return rows.find((row) => row['what'] === what && row['account'] === account)?.['used'];
  }

  test('I50: complaints are counted for the account that sent the mail, and switch its relay off', async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await send(SERVER, 'a@whole.test'));
    const [first = '', second = '', third = ''] = ids;
    assert.match(await complain(first), /^250/);
    // The same once more, what is none, and what was never sent from here change nothing.
    assert.match(await complain(first), /^250/);
    assert.match(await complain(second, 'not-spam'), /^250/);
    assert.match(await complain('<forged@mail.customer.test>'), /^250/);
    assert.match(await complain(second), /^250/);
    assert.match(await customers.send(SERVER, 'a@whole.test'), /^250/);
    // A report holds the spam that it is about: it counts even if a filter refuses it.
    assert.match(await complain(third, 'abuse', 'SPAM'), /^550/);

    assert.match(await customers.send(SERVER, 'b@whole.test'), LOCKED);
    const lock = await customers.gateway.event('acct.lock');
    assert.equal(lock['acct'], SERVER);
    assert.equal(lock['cause'], 'complaints');
    assert.equal(lock['until'], undefined);
    assert.equal(lock['text'], 'more than 2 complaints within 24 h');
    const counted = complaints().filter(({ acct }) => acct === SERVER);
    assert.equal(counted.length, 3);
    assert.equal(counted[0]?.['type'], 'abuse');
    assert.equal(counted[0]?.['by'], 'fbl@big.test');
    assert.equal(complaints().filter(({ why }) => why === 'unknown').length, 1);
    assert.equal(await used('complaints', SERVER), 3);
    const notice = await until('the contact to be told', () =>
      customers.destination.arrived.find(({ to }) => to.includes('boss@whole.test')),
    );
    assert.match(String(notice.content), /more than 2 complaints within 24 h/);
  });

  test('I50: the complaint stands in the trace of the message; the lock survives a restart and is ended by hand', async () => {
    const id = complaints()[0]?.['id'];
    const traced = await customers.gateway.cli('trace', String(id));
    assert.match(traced.stdout, /acct\.complaint/);
    await customers.gateway.kill();
    await customers.gateway.start();
    assert.match(await customers.send(SERVER, 'a@whole.test'), LOCKED);
    assert.equal((await customers.gateway.cli('account', 'unlock', SERVER)).code, 0);
    assert.match(await complain(await send(SERVER, 'a@whole.test')), /^250/);
    assert.match(await customers.send(SERVER, 'a@whole.test'), /^250/);
    assert.equal(await used('complaints', SERVER), 4);
  });

  test('I27 I50: of a smarthost the sender is locked, and an account may be exempt', async () => {
    for (let i = 0; i < 3; i++) await complain(await send(SMARTHOST, 'bad@smart.test'));
    assert.match(await customers.send(SMARTHOST, 'bad@smart.test'), LOCKED);
    assert.match(await customers.send(SMARTHOST, 'good@smart.test'), /^250/);
    for (let i = 0; i < 3; i++) await complain(await send(CALM, 'a@calm.test'));
    assert.match(await customers.send(CALM, 'a@calm.test'), /^250/);
  });

  test('I50: mail that comes without a Message-ID gets one, by which a complaint finds it', async () => {
    const { arrived } = customers.destination;
    arrived.length = 0;
    assert.match(await customers.send(CALM, 'a@calm.test'), /^250/);
    const own = /^Message-ID: (<\S+@mx\.sluice\.test>)\r\nFrom: a@calm\.test\r$/m;
    const [, messageId = ''] = own.exec(String(arrived[0]?.content)) ?? [];
    const before = complaints().filter(({ acct }) => acct === CALM).length;
    // What can be guessed of it proves nothing.
    const [id = ''] = messageId.slice(1).split(/\.[0-9a-f]{16}@/);
    await complain(messageId.replace(/\.[0-9a-f]{16}@/, '.0123456789abcdef@'));
    await complain(`<x@y.test>\r\nReceived: from a by b with SMTP id ${id}; now`);
    assert.equal(complaints().filter(({ acct }) => acct === CALM).length, before);
    await complain(messageId);
    assert.equal(complaints().filter(({ acct }) => acct === CALM).length, before + 1);
    // Mail that somebody has signed leaves as it came, and so does mail of strangers.
    const header = 'DKIM-Signature: v=1; a=rsa-sha256; h=from:message-id; b=x\r\n';
    assert.match(await customers.send(CALM, 'a@calm.test', { header }), /^250/);
    assert.match(
      await stranger('x@big.test', 'a@calm.test', 'From: x@big.test\r\n\r\nHi\r\n'),
      /^250/,
    );
    for (const { content } of arrived.slice(-2))
      assert.doesNotMatch(String(content), /^Message-ID/m);
  });

  test('I50: what anybody can call forth, an automatic reply, is counted and locks nobody', async () => {
    for (let i = 0; i < 4; i++) {
      await complain(await send(REPLIES, 'a@replies.test', 'Auto-Submitted: auto-replied\r\n'));
    }
    assert.equal(await used('complaints', REPLIES), 4);
    assert.match(await customers.send(REPLIES, 'a@replies.test'), /^250/);
    for (let i = 0; i < 3; i++) await complain(await send(REPLIES, 'a@replies.test'));
    assert.match(await customers.send(REPLIES, 'a@replies.test'), LOCKED);
  });

  test('I50: one who complains again and again, or in the name of others, locks nobody', async () => {
    const [eve, carl] = ['eve@away.test', 'carl@away.test'];
    // Of all that he got.
    for (let i = 0; i < 4; i++) await complain(await send(ONE, 'a@one.test', '', [eve]));
    assert.equal(await used('complaints', ONE), 4);
    // Of one message, each time in the name of another who got it as well.
    const people = [1, 2, 3, 4].map((n) => `list${n}@away.test`);
    const toMany = await send(ONE, 'a@one.test', '', people);
    for (const one of [...people, ...people]) await complain(toMany, 'abuse', 'buy', [one]);
    assert.equal(await used('complaints', ONE), 8, 'counted once for each recipient');
    const named = complaints().filter(({ acct }) => acct === ONE);
    assert.deepEqual(
      named.map(({ to }) => to),
      [eve, eve, eve, eve, ...people],
    );
    assert.match(await customers.send(ONE, 'a@one.test'), /^250/);
    // A third who complains of a third message is one more than two.
    await complain(await send(ONE, 'a@one.test', '', [carl]));
    assert.match(await customers.send(ONE, 'a@one.test'), LOCKED);
  });

  test('H12: bounces that come back are counted for the account, once for each recipient', async () => {
    const messageId = await send(CALM, 'a@calm.test');
    const to = `eve${sent}@away.test`;
    const bounce = (action: string, about = messageId) =>
      stranger(
        '',
        'a@calm.test',
        `From: MAILER-DAEMON@big.test\r\n\r\n--b\r\n\r\nFinal-Recipient: rfc822; ${to}\r\n` +
          `Action: ${action}\r\nStatus: 5.1.1\r\n\r\n--b\r\n\r\nMessage-ID: ${about}\r\n\r\n--b--\r\n`,
      );
    for (const action of ['delayed', 'failed', 'failed'])
      assert.match(await bounce(action), /^250/);
    assert.match(await bounce('failed', '<forged@mail.customer.test>'), /^250/);
    const lines = customers.gateway.events('acct.bounce');
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.['acct'], CALM);
    assert.equal(lines[0]?.['to'], to);
    assert.equal(lines[0]?.['status'], '5.1.1');
    assert.equal(await used('bounced', CALM), 1);
  });
});

const KILLED: [what: string, key: string, told: number][] = [
  ['the mark of a complaint was set', 't!feedback!complaint ', 2],
  ['a complaint was counted', 'c!complaints\t', 1],
  ['the mark of a person was set', 't!feedback!person ', 1],
];
for (const [when, key, told] of KILLED)
  test(`I50: killed when ${when}: who reported it comes again, and it counts once`, async () => {
    const customers = await Customers.start(
      [{ domain: 'one.test', account: `{ ip: ${ONE}, lock_after_complaints: { messages: 1 } }` }],
      {
        node: `complaints: { addresses: [${ABUSE}] }`,
        nodeArguments: diesAfterWriting(key),
      },
    );
    const { gateway } = customers;
    try {
      for (const n of [1, 2]) {
        const header = `Message-ID: <${n}.secret@one.test>\r\n`;
        assert.match(
          await customers.send(ONE, 'a@one.test', { to: [`eve${n}@away.test`], header }),
          /^250/,
        );
      }
      const complain = async (n: number) => {
        const talk = await SmtpTalk.greeted(gateway.port(), 'mx.big.test', STRANGER);
        const quoted = `Message-ID: <${n}.secret@one.test>\r\n\r\nbuy\r\n`;
        const reply = await talk.send('fbl@big.test', [ABUSE], arf(quoted));
        talk.socket.destroy();
        return reply;
      };
      assert.equal(await complain(1), '', 'no word of it');
      await until('its end', () => gateway.exitCode !== undefined);
      await gateway.configure({ nodeArguments: [] });
      await gateway.start(60_000, ...clockSetTo(Date.now() + 60_000));
      for (const n of [1, 1, 2]) assert.match(await complain(n), /^250/);
      assert.equal(gateway.events('acct.complaint').length, told);
      const { stdout } = await gateway.cli('limits', '--json');
      assert.match(stdout, /"what":"complaints"[^\n]*"used":2\b/);
      assert.match(await customers.send(ONE, 'a@one.test'), LOCKED);
    } finally {
      await customers.stop();
    }
  });

/** A report of a provider about a message of which it quotes this. */
function arf(quoted: string): string {
  return (
    `From: fbl@big.test\r\nMIME-Version: 1.0\r\n` +
    `Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n` +
    `--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n` +
    `--b\r\nContent-Type: message/rfc822\r\n\r\n${quoted}\r\n--b--\r\n`
  );
}
