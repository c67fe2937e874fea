/**
 * What a client declares goes on when the destination offers the extension; when it is known not to,
 * what cannot go there is refused early, and never later than by the final reply.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, stuffed } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'From: a@client.example\r\nSubject: hi\r\n\r\nHello\r\n';
const PLAIN = ['MAIL FROM:<a@client.example>', 'RCPT TO:<anna@example.org>'];
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

/** Says the commands of an envelope; the reply to the first that is refused, else the final one. */
async function sent(gateway: Gateway, envelope: readonly string[]): Promise<string> {
  const talk = await SmtpTalk.greeted(gateway.port());
  try {
    for (const command of envelope) {
      const reply = await talk.say(utf8(command));
      if (!reply.startsWith('250')) return `${command.slice(0, 4)} ${reply}`;
    }
    await talk.say('DATA');
    talk.write(stuffed(MAIL));
    return await talk.reply();
  } finally {
    await talk.quit();
  }
}

describe('a destination without SMTPUTF8', () => {
  const destination = new Destination({ offers: ['8BITMIME'] });
  let gateway: Gateway;
  before(async () => {
    await destination.start();
    gateway = await Gateway.run({ domains: { 'example.org': domainFile(destination.port) } });
  });
  after(async () => {
    await gateway.remove();
    await destination.stop();
  });
  const toUtf8 = ['MAIL FROM:<a@client.example> SMTPUTF8', 'RCPT TO:<gréte@example.org>'];
  const fromUtf8 = ['MAIL FROM:<gréte@client.example> SMTPUTF8', 'RCPT TO:<anna@example.org>'];

  test('is sent no address beyond ASCII, at the latest after the content', async () => {
    assert.match(await sent(gateway, toUtf8), /^550 5\.6\.7 /);
  });

  test('once it is known, the recipient is refused and nobody is asked', async () => {
    for (const envelope of [toUtf8, fromUtf8]) {
      const reply = await sent(gateway, envelope);
      assert.equal(
        reply,
        'RCPT 550 5.6.7 Destination does not take addresses beyond ASCII (policy)',
      );
    }
    assert.deepEqual(destination.rcptAsked, []);
  });

  test('takes mail that only has been declared SMTPUTF8', async () => {
    const declared = ['MAIL FROM:<a@client.example> BODY=8BITMIME SMTPUTF8', PLAIN[1] ?? ''];
    assert.match(await sent(gateway, declared), /^250 2\.0\.0 Ok: \S+ delivered/);
    assert.equal(
      destination.arrived.at(-1)?.mailLine,
      'MAIL FROM:<a@client.example> BODY=8BITMIME',
    );
  });

  test('gets everything once it offers it: the next connection shows it', async () => {
    await destination.stop();
    destination.behaviour = {};
    await destination.start();
    assert.match(await sent(gateway, PLAIN), /^250 2\.0\.0 Ok: \S+ delivered/);
    for (const envelope of [toUtf8, fromUtf8]) {
      assert.match(await sent(gateway, envelope), /^250 2\.0\.0 Ok: \S+ delivered/);
    }
    const { mailLine, rcptLines } = destination.arrived.at(-2) ?? { mailLine: '', rcptLines: [] };
    assert.equal(mailLine, 'MAIL FROM:<a@client.example> SMTPUTF8');
    assert.deepEqual(rcptLines, ['RCPT TO:<gréte@example.org>']);
  });
});

describe('what a client asks about reports', () => {
  const asking = [
    'MAIL FROM:<a@client.example> RET=HDRS ENVID=QQ+2B314159 BODY=8BITMIME',
    'RCPT TO:<anna@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;anna+2Bx@elsewhere.example',
    'RCPT TO:<ben@example.org> NOTIFY=NEVER',
    'RCPT TO:<carl@example.org>',
  ];
  for (const way of ['relayed at once', 'by way of the queue']) {
    test(`goes on to a destination with DSN, ${way}`, async () => {
      const destination = await new Destination().start();
      const gateway = await Gateway.run({
        node: 'queue: { retry: [1s], probe: 100ms }\nlimits: { min_free_space: 1MiB }',
        domains: { 'example.org': domainFile(destination.port) },
      });
      try {
        if (way !== 'relayed at once') await destination.stop();
        const word = way === 'relayed at once' ? 'delivered' : 'queued';
        assert.match(await sent(gateway, asking), new RegExp(`^250 2\\.0\\.0 Ok: \\S+ ${word}`));
        await destination.start();
        await until('delivery', () => destination.arrived.length > 0);
        const [arrived] = destination.arrived;
        // The size is not offered here, so it is not declared either.
        assert.equal(
          arrived?.mailLine,
          'MAIL FROM:<a@client.example> BODY=8BITMIME RET=HDRS ENVID=QQ+2B314159',
        );
        assert.deepEqual(arrived?.rcptLines, asking.slice(1));
      } finally {
        await gateway.remove();
        await destination.stop();
      }
    });
  }

  test('is not said to a destination without DSN', async () => {
    const destination = await new Destination({ offers: ['SIZE'] }).start();
    const gateway = await Gateway.run({
      domains: { 'example.org': domainFile(destination.port) },
    });
    try {
      assert.match(await sent(gateway, asking), /^250 2\.0\.0 Ok: \S+ delivered/);
      const [arrived] = destination.arrived;
      assert.match(arrived?.mailLine ?? '', /^MAIL FROM:<a@client\.example> SIZE=\d+$/);
      assert.deepEqual(
        arrived?.rcptLines,
        ['anna', 'ben', 'carl'].map((local) => `RCPT TO:<${local}@example.org>`),
      );
    } finally {
      await gateway.remove();
      await destination.stop();
    }
  });
});

describe('a destination that says how large mail may be', () => {
  const small = new Destination();
  const large = new Destination();
  const alone = new Destination();
  let gateway: Gateway;
  const asked: string[] = [];
  before(async () => {
    for (const destination of [small, large, alone]) await destination.start();
    for (const { behaviour } of [small, alone]) {
      behaviour.mail = (line) => {
        asked.push(line);
        return '250 2.1.0 Ok';
      };
    }
    gateway = await Gateway.run({
      node: 'queue: { retry: [1s], probe: 100ms }',
      domains: {
        'example.org': domainFile([small.port, large.port]),
        'alone.test': domainFile(alone.port, {}, 'alone.test'),
      },
    });
  });
  after(async () => {
    await gateway.remove();
    for (const destination of [small, large, alone]) await destination.stop();
  });
  const toAlone = [PLAIN[0] ?? '', 'RCPT TO:<anna@alone.test>'];
  const refused = /^552 5\.3\.4 Message size exceeds what the destination takes \(size\)$/;

  test('is not asked about a larger one, which goes to another host of it', async () => {
    small.behaviour.offers = ['SIZE 100'];
    large.behaviour.offers = ['SIZE 100000'];
    assert.match(await sent(gateway, PLAIN), /^250 .* delivered/);
    assert.deepEqual([small.arrived.length, large.arrived.length, asked.length], [0, 1, 0]);
    large.behaviour.offers = ['SIZE 100'];
    alone.behaviour.offers = ['SIZE 100'];
    assert.match(await sent(gateway, toAlone), refused);
    assert.deepEqual(asked, []);
  });

  test('without a number there is no limit', async () => {
    for (const offer of ['SIZE', 'SIZE 0', 'SIZE -1', 'SIZE x']) {
      await alone.stop();
      alone.behaviour.offers = [offer];
      await alone.start();
      assert.match(await sent(gateway, toAlone), /^250 .* delivered/, offer);
    }
  });

  test('from the queue it is as if it had refused it: held, and no stranger is told', async () => {
    await alone.stop();
    alone.behaviour.offers = ['SIZE 100'];
    const reply = await sent(gateway, toAlone);
    assert.match(reply, /^250 .* queued/);
    const isIt = (line: Readonly<Record<string, unknown>>) =>
      reply.includes(` ${String(line['id'])} `);
    await alone.start();
    const fail = await gateway.event('rcpt.fail', isIt);
    assert.deepEqual([fail['why'], fail['code'], fail['dsn']], ['size', 552, 'none']);
    const hold = await gateway.event('rcpt.hold', isIt);
    assert.equal(hold['why'], 'undeliverable');
  });
});
