/** Relay first: the destination's own answer is the client's, byte for byte, and nobody relays. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL =
  'From: a@client.example\r\nSubject: hi\r\nMessage-ID: <1@client.example>\r\n\r\nHello\r\n';

describe('with the destination up', () => {
  const destination = new Destination();
  const other = new Destination();
  let gateway: Gateway;
  before(async () => {
    await destination.start();
    await other.start();
    gateway = await Gateway.run({
      domains: {
        'example.org': domainFile(destination.port, { aliases: '[example.com]' }),
        'other.test': domainFile(other.port, {}, 'other.test'),
      },
    });
  });
  beforeEach(() => {
    destination.arrived.length = 0;
    destination.behaviour = {};
  });
  after(async () => {
    await destination.stop();
    await other.stop();
    await gateway.remove();
  });

  test('a mail passes through and its sender hears the destination', async () => {
    const reply = await sendMail(gateway.port(), 'a@client.example', ['anna@example.org'], MAIL);
    assert.match(reply, /^250 2\.0\.0 Ok: [0-9A-Z]{10}\.1 delivered: 250 2\.0\.0 Ok: taken$/);
    const arrived = destination.arrived[0];
    assert.ok(arrived);
    assert.equal(arrived.from, 'a@client.example');
    assert.deepEqual(arrived.to, ['anna@example.org']);
    const text = arrived.content.toString('latin1');
    assert.ok(text.endsWith(MAIL), 'the content is byte for byte what was sent');
    const top = text.slice(0, -MAIL.length);
    const id = /Ok: (\S+) delivered/.exec(reply)?.[1];
    assert.match(top, /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n/);
    assert.ok(top.includes(` id ${id}\r\n`), 'the id of the reply is in Received');
    assert.equal(top.match(/^Received:/gm)?.length, 1);
  });

  test('the ledger has one msg.in and one msg.done with the same id', async () => {
    const reply = await sendMail(gateway.port(), 'a@client.example', ['anna@example.org'], MAIL);
    const id = /Ok: (\S+) delivered/.exec(reply)?.[1] ?? '';
    const done = await gateway.event('msg.done', (line) => line['id'] === id);
    assert.equal(done['res'], 'delivered');
    const entries = gateway.events('msg.in').filter((line) => line['id'] === id);
    assert.equal(entries.length, 1);
    assert.deepEqual(
      [entries[0]?.['res'], entries[0]?.['rcpts'], entries[0]?.['msgid'], entries[0]?.['how']],
      ['accept', '1/0/0', '<1@client.example>', 'delivered'],
    );
    assert.ok(
      gateway.lines
        .filter((line) => line['id'] === id)
        .every((line) => line['sid'] === id.slice(0, -2)),
    );
  });

  test('awkward content arrives unaltered', async () => {
    const contents = [
      `${MAIL}.\r\n..\r\n.x\r\n...\r\n`,
      `${MAIL}${'x'.repeat(100_000)}\r\n`,
      `${MAIL}\u00e4\u00f6\u00fc \u0000 \u0001 \u007f\r\n`,
      'Subject: no body\r\n\r\n',
      'Subject: header only\r\n',
      '\r\nbody only\r\n',
      `${MAIL}  trailing \t \r\n\r\n\r\n\r\n`,
      '',
    ];
    for (const content of contents) {
      destination.arrived.length = 0;
      const reply = await sendMail(gateway.port(), '', ['anna@example.org'], content);
      assert.match(reply, /^250 /, JSON.stringify(content.slice(0, 40)));
      const text = destination.arrived[0]?.content.toString('latin1') ?? '';
      assert.ok(text.endsWith(content), JSON.stringify(content.slice(0, 40)));
    }
  });

  test('a first line that is folded cannot join our own fields', async () => {
    await sendMail(
      gateway.port(),
      'a@b.example',
      ['anna@example.org'],
      ' evil: 1\r\nSubject: x\r\n\r\nb\r\n',
    );
    const text = destination.arrived[0]?.content.toString('latin1') ?? '';
    assert.ok(text.endsWith('\r\n\r\n evil: 1\r\nSubject: x\r\n\r\nb\r\n'));
  });

  test('forged Authentication-Results of our name are taken out', async () => {
    const forged = `AUTHENTICATION-RESULTS : (c) mx.sluice.test 1;\r\n dkim=pass\r\n${MAIL}`;
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], forged);
    const text = destination.arrived[0]?.content.toString('latin1') ?? '';
    assert.doesNotMatch(text, /authentication-results/i);
    assert.ok(text.endsWith(MAIL));
  });

  test('what the destination refuses, the client hears, and nothing is kept', async () => {
    destination.behaviour = { final: () => '554 5.7.1 no content like this' };
    const reply = await sendMail(gateway.port(), 'a@client.example', ['anna@example.org'], MAIL);
    assert.match(reply, /^554 5\.7\.1 .*no content like this/);
    const { stdout } = await gateway.cli('queue', 'count');
    assert.equal(stdout.trim(), '0');
  });

  test('nobody is relayed for, in whatever disguise', async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@client.example>');
    for (const path of [
      'x@elsewhere.example',
      'x%elsewhere.example@example.org',
      'elsewhere.example!x@example.org',
      '"x@elsewhere.example"@example.org',
      'x@example.org.elsewhere.example',
      'x@sub.example.org',
      'x@notexample.org',
      'x@[127.0.0.1]',
      'x@[IPv6:::1]',
      'x@localhost',
      'x@mx.sluice.test',
      'x@org',
      '"x%elsewhere.example"@example.org',
      '"x\\@elsewhere.example"@example.org',
      'postmaster%elsewhere.example@example.org',
      '"elsewhere.example!x"@example.org',
      'elsewhere.example/x=y@example.org',
      '=?utf-8?q?x=40elsewhere.example?=@example.org',
      '=?x?b?eEBlbHNld2hlcmU=?=@example.org',
    ]) {
      assert.match(await talk.say(`RCPT TO:<${path}>`), /^550 5\.7\.1 .*relay_denied/, path);
    }
    await talk.quit();
    for (const path of [
      '@example.org:x@elsewhere.example',
      'x@y@example.org',
      'x\u0000@example.org',
      'x@elsewhere.example\u0000@example.org',
      'x@example.org.',
      'x@example.org,y@elsewhere.example',
      'x@example.org>,<y@elsewhere.example',
      'x@example.org y@elsewhere.example',
      'x@',
      'x',
      '@example.org',
      'x@.example.org',
      'x@example..org',
      '',
    ]) {
      const once = await SmtpTalk.greeted(gateway.port());
      await once.say('MAIL FROM:<a@client.example>');
      assert.match(await once.say(`RCPT TO:<${path}>`), /^5/, path);
      await once.quit();
    }
  });

  test('nor with letters that only look like others, nor for who claims to be one of us', async () => {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mx.sluice.test');
    await talk.say('MAIL FROM:<anna@example.org> SMTPUTF8');
    for (const path of [
      'x@elsewhere.example',
      'x\uff20elsewhere.example@example.org',
      'x\ufe6belsewhere.example@example.org',
      'x\uff05elsewhere.example@example.org',
      'elsewhere.example\uff01x@example.org',
      'x@\u0435xample.org',
    ]) {
      const utf8 = Buffer.from(path).toString('latin1');
      assert.match(await talk.say(`RCPT TO:<${utf8}>`), /^550 5\.7\.1 .*relay_denied/, path);
    }
    await talk.quit();
    assert.deepEqual(destination.arrived, []);
  });

  test('an alias and any letter case find the domain', async () => {
    for (const to of ['anna@EXAMPLE.org', 'anna@example.com']) {
      assert.match(await sendMail(gateway.port(), 'a@client.example', [to], MAIL), /^250/, to);
    }
  });

  test('recipients of another policy group come back in a transaction of their own', async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@client.example>');
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^250/);
    assert.match(await talk.say('RCPT TO:<anna@other.test>'), /^452 4\.5\.3/);
    assert.match(await talk.say('RCPT TO:<bob@example.com>'), /^250/);
    await talk.quit();
  });

  test('a mail loop ends', async () => {
    const hops = (n: number) => `${'Received: from x by y\r\n'.repeat(n)}${MAIL}`;
    assert.match(
      await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], hops(30)),
      /^250/,
    );
    assert.match(
      await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], hops(31)),
      /^554 5\.4\.6/,
    );
  });

  test('a connection cut before the final dot delivers nothing', async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@client.example>');
    await talk.say('RCPT TO:<anna@example.org>');
    await talk.say('DATA');
    talk.write(MAIL);
    talk.socket.destroy();
    await gateway.event('msg.in', (line) => line['res'] === 'abort');
    assert.equal(destination.arrived.length, 0);
  });

  test('a client that leaves before the destination has its mail comes again: nobody gets it', async () => {
    const asked = Promise.withResolvers<void>();
    destination.behaviour = { data: () => (asked.resolve(), 'hang') };
    const talk = await SmtpTalk.greeted(gateway.port());
    const left = talk.send('a@client.example', ['anna@example.org'], MAIL);
    await asked.promise;
    const before = gateway.lines.length;
    talk.socket.resetAndDestroy();
    assert.equal(await left, '');
    await until('an abort', () =>
      gateway.lines.slice(before).some((one) => one['res'] === 'abort'),
    );
    await until('the destination to be left', () => destination.connected === 0);
    assert.deepEqual(destination.arrived, []);
    assert.deepEqual(gateway.events('rcpt.defer').slice(before), []);
  });

  test('what the destination has is not taken back, whenever the client leaves', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    destination.behaviour = { final: () => (asked.resolve(), answer.promise) };
    const talk = await SmtpTalk.greeted(gateway.port());
    const left = talk.send('a@client.example', ['anna@example.org'], MAIL);
    await asked.promise;
    const before = gateway.lines.length;
    talk.socket.resetAndDestroy();
    assert.equal(await left, '');
    answer.resolve('250 2.0.0 Ok');
    await until('a delivery', () =>
      gateway.lines.slice(before).some((one) => one.evt === 'rcpt.sent'),
    );
    assert.equal(destination.arrived.length, 1);
    await until('a line', () => gateway.lines.slice(before).some((one) => one['res'] === 'accept'));
  });

  test('the first recipient refused by the destination, the second taken: one 250, the other kept', async () => {
    destination.behaviour = {
      rcpt: (address) => (address.startsWith('gone') ? '550 5.1.1 no such user' : '250 2.1.5 Ok'),
    };
    const reply = await sendMail(
      gateway.port(),
      'a@b.example',
      ['gone@example.org', 'anna@example.org'],
      MAIL,
    );
    assert.match(reply, /^250 2\.0\.0 Ok: \S+ queued/);
    const id = /Ok: (\S+) queued/.exec(reply)?.[1];
    assert.deepEqual(
      destination.arrived.map((arrived) => arrived.to),
      [['anna@example.org']],
    );
    const held = await gateway.event('rcpt.hold', (line) => line['id'] === id);
    assert.equal(held['to'], 'gone@example.org');
    const { stdout } = await gateway.cli('queue', 'list', '--json');
    assert.match(stdout, /gone@example\.org/);
    assert.equal((await gateway.cli('queue', 'delete', id ?? '')).code, 0);
  });
});

test('of two hosts with the first dead, the second gets the mail', async () => {
  const dead = await new Destination().start();
  const alive = await new Destination().start();
  await dead.stop();
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile([dead.port, alive.port]) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL);
    assert.match(reply, /^250 .* delivered/);
    assert.equal(alive.arrived.length, 1);
  } finally {
    await gateway.remove();
    await alive.stop();
  }
});

test('a destination slow after the final dot: queued as maybe delivered, tried again with the same id', async () => {
  const destination = await new Destination().start();
  destination.behaviour.final = () => {
    // Until somebody has looked: no attempt after this one may be the last.
    destination.behaviour = { rcpt: () => '450 4.2.1 later' };
    return 'hang';
  };
  const gateway = await Gateway.run({
    node: 'delivery: { final_reply_timeout: 1s }\nqueue: { retry: [2s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL);
    const id = /^250 2\.0\.0 Ok: (\S+) queued$/.exec(reply)?.[1] ?? '';
    assert.notEqual(id, '', reply);
    const shown = await gateway.cli('queue', 'show', id, '--json');
    assert.match(shown.stdout, /"maybe_delivered":true/);
    const text = await gateway.cli('queue', 'show', id, '-e');
    assert.match(text.stdout, /^attempts +\d+; maybe delivered, a final reply was lost$/m);
    destination.behaviour = {};
    await until('a later attempt', () => destination.arrived.length > 0, 60_000);
    const again = destination.arrived[0]?.content.toString() ?? '';
    assert.ok(again.startsWith(`X-Sluice-Maybe-Duplicate: ${id}\r\nReceived: `), again);
    assert.ok(again.includes(` id ${id}`) && again.endsWith(MAIL), 'the same message below');
    const doubt = await gateway.event('rcpt.defer', (line) => line['maybe'] === true);
    const sent = await gateway.event('rcpt.sent');
    assert.deepEqual([doubt['id'], sent['id'], sent['again']], [id, id, true]);
    await until('the trace says both', async () => {
      const { stdout } = await gateway.cli('trace', id);
      return / \(maybe delivered\)$.* \(maybe for the second time\)$/ms.test(stdout);
    });
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a destination that always takes its time after the final dot gets the mail twice, not at each attempt', async () => {
  const slow = () => new Promise<string>((resolve) => setTimeout(resolve, 600, '250 2.0.0 Ok'));
  const destination = await new Destination({ final: slow }).start();
  const gateway = await Gateway.run({
    node: 'delivery: { final_reply_timeout: 200ms }\nqueue: { retry: [200ms], probe: 100ms }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL);
    assert.match(reply, /^250 .* queued$/);
    await gateway.event('msg.done');
    assert.equal(destination.arrived.length, 2);
    assert.match(String(destination.arrived[1]?.content), /^X-Sluice-Maybe-Duplicate: /);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
