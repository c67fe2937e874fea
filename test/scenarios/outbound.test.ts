/** Outbound mail through the running program: who may send, where it goes, what becomes of it. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTransport } from 'nodemailer';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { Postfix, postfixMissing } from '../support/postfix.ts';
import { missing } from '../support/real-component.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL =
  'From: anna@example.org\r\nSubject: hi\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n';
const PASSWORD = 'correct horse';
/** Of the customer's server, which is an account by its address. */
const CUSTOMER = '127.0.0.80';

const NETWORK = '127.0.7.16/28';
/** Of a customer for whom the operator has not switched outgoing mail on. */
const OFF = '127.0.7.1';
const OFF_OUTGOING = (enabled: string) => `{ ${enabled}accounts: [{ ip: ${OFF} }] }`;

const a = (...indexes: number[]) => ({ a: indexes.map(addressOf) });

describe('outbound mail', () => {
  let outside: Outside;
  let gateway: Gateway;
  const destination = new Destination();
  const neighbour = new Destination();

  before(async () => {
    outside = await Outside.start(
      {
        'one.test': { mx: ['10 mx.one.test'] },
        'mx.one.test': a(0),
        'two.test': { mx: ['20 b.two.test', '10 a.two.test'] },
        'a.two.test': a(5), // nobody listens there
        'b.two.test': a(1),
        'three.test': a(2),
        'four.test': { mx: ['10 mx.four.test'] },
        'mx.four.test': a(3),
        'null.test': { mx: ['0 .'] },
        'loop.test': { mx: ['10 mx.sluice.test', '20 mx.one.test'] },
        'nohost.test': { mx: ['10 gone.test'] },
        'private.test': { mx: ['10 lan.private.test'] },
        'lan.private.test': { a: ['10.255.255.1', '169.254.169.254'] },
        'trouble.test': 'servfail',
      },
      4,
    );
    await destination.start();
    await neighbour.start();
    const hash = formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)));
    const outgoing = `{ enabled: true, hide_clients: true, accounts: [{ ip: ${CUSTOMER} }, { ip: ${NETWORK} }, { user: anna@example.org, password: "${hash}" }, { domain: true, password: "${hash}" }] }`;
    gateway = await outside.gateway({
      listeners:
        '[{ name: mx, address: "127.0.0.1:0" }, { name: submission, address: "127.0.0.1:0", auth: required }]',
      node: 'queue: { retry: [1s], probe: 100ms }',
      domains: {
        'example.org': domainFile(destination.port, { aliases: '[example.com]', outgoing }),
        'neighbour.test': domainFile(
          neighbour.port,
          { recipients: '{ list: [bob@neighbour.test] }' },
          'neighbour.test',
        ),
        'off.test': domainFile(neighbour.port, { outgoing: OFF_OUTGOING('') }, 'off.test'),
      },
    });
  });
  beforeEach(() => {
    outside.clear();
    for (const { arrived } of [destination, neighbour]) arrived.length = 0;
    destination.behaviour = {};
    gateway.lines.splice(1 + gateway.lines.findIndex((line) => line.evt === 'srv.ready'));
  });
  after(async () => {
    await gateway.remove();
    await outside.stop();
    await destination.stop();
    await neighbour.stop();
  });

  /** As the customer's own mail server, on the port of everybody. */
  async function send(
    from: string,
    to: readonly string[],
    content = MAIL,
    localAddress = CUSTOMER,
  ): Promise<string> {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', localAddress);
    try {
      return await talk.send(from, to, content);
    } finally {
      await talk.quit().catch(() => undefined);
    }
  }

  const idOf = (reply: string) => /Ok: (\S+) /.exec(reply)?.[1] ?? '';

  /** The end of a message, and of each part of it. */
  const done = (id: string, res: string) =>
    gateway.event('msg.done', (line) => line['id'] === id && line['res'] === res);

  test('I12 I59: a user logs in, and hears the answer of the server that the DNS names', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: gateway.port('submission'),
      requireTLS: true,
      tls: { rejectUnauthorized: false },
      auth: { user: 'anna@example.org', pass: PASSWORD },
    });
    const info = await transport.sendMail({
      from: 'anna@example.org',
      to: 'eve@one.test',
      subject: 'hi',
      text: 'Hello',
    });
    transport.close();
    assert.match(info.response, /^250 2\.0\.0 Ok: \S+ delivered: 250 2\.0\.0 Ok: taken$/);
    const [arrived] = outside.server(0).arrived;
    assert.deepEqual(arrived?.to, ['eve@one.test']);
    assert.match(String(arrived?.content), /^Received: by mx\.sluice\.test .* with ESMTPSA id /m);
    assert.doesNotMatch(String(arrived?.content), /127\.0\.0\.1/, 'nobody learns where she is');
    const entry = await gateway.event('msg.in');
    assert.deepEqual(
      ['dir', 'acct', 'dest', 'res'].map((name) => entry[name]),
      ['out', 'anna@example.org', 'mx:one.test', 'accept'],
    );
  });

  test('a login with a wrong password sends nothing', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: gateway.port('submission'),
      tls: { rejectUnauthorized: false },
      auth: { user: 'anna@example.org', pass: 'wrong' },
    });
    const mail = { from: 'anna@example.org', to: 'eve@one.test', text: 'x' };
    await assert.rejects(transport.sendMail(mail), /535 5\.7\.8/);
    transport.close();
  });

  test('I14: the customer’s mail server logs in with the password of its domain', async () => {
    const transport = createTransport({
      ...{ host: '127.0.0.1', port: gateway.port('submission'), requireTLS: true },
      tls: { rejectUnauthorized: false },
      auth: { user: 'example.org', pass: PASSWORD },
    });
    const mail = { from: 'bob@example.com', to: 'eve@one.test', text: 'Hello' };
    assert.match((await transport.sendMail(mail)).response, /^250 .* delivered/);
    transport.close();
    const entry = await gateway.event('msg.in');
    assert.equal(entry['acct'], 'example.org');
  });

  test('I4: without the operator’s word an account sends nothing', async () => {
    const refused = await send('x@off.test', ['eve@one.test'], MAIL, OFF);
    assert.match(refused, /^550 5\.7\.1 .*\(relay_denied\)$/);
    const domains = {
      'off.test': domainFile(
        neighbour.port,
        { outgoing: OFF_OUTGOING('enabled: true, ') },
        'off.test',
      ),
    };
    await gateway.configure({ domains });
    gateway.signal('SIGHUP');
    await gateway.event('cfg.reload');
    const mail = MAIL.replace('anna@example.org', 'x@off.test');
    assert.match(await send('x@off.test', ['eve@one.test'], mail, OFF), /^250 .* delivered/);
  });

  test('I6 I7: the customer’s server is known by its address, on any listener', async () => {
    assert.match(await send('anna@example.org', ['eve@one.test']), /^250 .* delivered/);
    assert.match(await send('anna@EXAMPLE.com', ['eve@three.test']), /^250 .* delivered/);
    for (const [address, reply] of [
      ['127.0.7.15', /^550 5\.7\.1 .*\(relay_denied\)$/],
      ['127.0.7.16', /^250/],
      ['127.0.7.31', /^250/],
      ['127.0.7.32', /^550 5\.7\.1 .*\(relay_denied\)$/],
    ] as const)
      assert.match(await send('anna@example.org', ['eve@two.test'], MAIL, address), reply, address);
    assert.equal(outside.server(0).arrived.length, 1);
    assert.match(String(outside.server(0).arrived[0]?.content), /^Received: from .*127\.0\.0\.80/m);
    assert.equal(outside.server(2).arrived.length, 1, 'a domain without MX is its own host');
    const talk = await SmtpTalk.greeted(gateway.port('submission'), 'mail.example.org', CUSTOMER);
    assert.match(await talk.say('MAIL FROM:<anna@example.org>'), /^250/);
    await talk.quit();
  });

  test('a host that is dead is passed over for the next one', async () => {
    assert.match(await send('anna@example.org', ['eve@two.test']), /^250 .* delivered/);
    assert.equal(outside.server(1).arrived.length, 1);
  });

  test('the refusal of the other side is the client’s answer', async () => {
    outside.server(0).behaviour = { rcpt: () => '550 5.1.1 no such user' };
    const reply = await send('anna@example.org', ['eve@one.test']);
    assert.equal(reply, '550 5.1.1 one.test said: no such user');
  });

  test('A3: nobody else relays, whatever the address looks like', async () => {
    const senders = ['x@elsewhere.test', 'anna@example.org', '', 'postmaster@mx.sluice.test'];
    const recipients = [
      'eve@one.test',
      'eve%one.test@example.org',
      'one.test!eve@example.org',
      '"eve@one.test"@example.org',
      '"eve%one.test"@example.org',
      'eve%one.test@mx.sluice.test',
      'eve@[127.0.0.11]',
      'eve@one.test.example.org',
      'eve@xexample.org',
      'eve@example.org.one.test',
      '@example.org:eve@one.test',
      'eve@one.test@example.org',
      'eve@ONE.test.',
      'eve@\uff4fne.test',
    ];
    for (const sender of senders) {
      const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org');
      assert.match(await talk.say(`MAIL FROM:<${sender}>`), /^250/);
      for (const recipient of recipients) {
        assert.match(await talk.say(`RCPT TO:<${recipient}>`), /^5\d\d /, recipient);
      }
      await talk.quit();
    }
    assert.ok(outside.servers.every(({ rcptAsked }) => !rcptAsked.includes('eve@example.org')));
  });

  test('an account asks neither its neighbours’ servers nor literals to be relayed to', async () => {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    await talk.say('MAIL FROM:<anna@example.org>');
    for (const recipient of ['eve%one.test@neighbour.test', 'eve@[127.0.0.11]', 'eve@[IPv6:::1]']) {
      assert.match(await talk.say(`RCPT TO:<${recipient}>`), /^550 5\.7\.1 .*relay_denied/);
    }
    await talk.quit();
  });

  test('I18: the sender must be of a domain of the customer', async () => {
    for (const sender of ['x@elsewhere.test', 'bob@neighbour.test', 'anna@sub.example.org']) {
      const reply = await send(sender, ['eve@one.test']);
      assert.match(reply, /^550 5\.7\.1 .* \(sender\)$/, sender);
    }
    const refused = await gateway.event('smtp.reject.mail');
    assert.deepEqual(
      [refused['dir'], refused['acct'], refused['why']],
      ['out', CUSTOMER, 'sender'],
    );
  });

  test('bounces of the customer’s server go to one recipient at a time', async () => {
    assert.match(await send('', ['eve@one.test']), /^250 .* delivered/);
    assert.match(await send('', ['eve@one.test', 'bob@one.test']), /^452 4\.5\.3/);
  });

  test('a domain that takes no mail is refused at once, each in its own words', async () => {
    const cases: readonly [string, RegExp][] = [
      ['missing.test', /^550 5\.1\.2 .* \(dns\)$/],
      ['null.test', /^556 5\.1\.10 .* \(dns\)$/],
      ['nohost.test', /^550 5\.4\.4 .* \(dns\)$/],
      ['loop.test', /^550 5\.4\.6 .* \(dns\)$/],
      ['private.test', /^550 5\.4\.4 .* only hosts of private networks \(dns\)$/],
    ];
    for (const [domain, expected] of cases) {
      assert.match(await send('anna@example.org', [`eve@${domain}`]), expected, domain);
    }
  });

  test('trouble with the DNS is no refusal: the message waits, and goes when it is over', async () => {
    assert.match(await send('anna@example.org', ['eve@trouble.test']), /^250 .* queued/);
    outside.dns.zones['trouble.test'] = a(0);
    await until('the message to arrive', () => outside.server(0).arrived.length === 1);
    outside.dns.zones['trouble.test'] = 'servfail';
  });

  test('mail to a neighbour goes to its server, if it has the recipient', async () => {
    assert.match(await send('anna@example.org', ['bob@neighbour.test']), /^250 .* delivered/);
    assert.equal(neighbour.arrived.length, 1);
    const unknown = await send('anna@example.org', ['nobody@neighbour.test']);
    assert.match(unknown, /^550 5\.1\.1 .*unknown_rcpt/);
  });

  test('one that is put off is queued and delivered by itself', async () => {
    let tries = 0;
    outside.server(0).behaviour = {
      rcpt: () => (++tries === 1 ? '451 4.7.1 greylisted' : '250 2.1.5 Ok'),
    };
    const reply = await send('anna@example.org', ['eve@one.test']);
    assert.match(reply, /^250 .* queued/);
    await done(idOf(reply), 'delivered');
    assert.equal(outside.server(0).arrived.length, 1);
  });

  test('several destinations: one 250, everybody gets it, each on its own', async () => {
    outside.server(2).behaviour = { rcpt: () => '451 4.7.1 not yet' };
    await outside.server(3).stop();
    const to = ['eve@one.test', 'bob@neighbour.test', 'eve@three.test', 'eve@four.test'];
    const reply = await send('anna@example.org', [...to, 'carl@one.test']);
    assert.match(reply, /^250 .* queued/);
    const id = idOf(reply);
    await until('those that are up to have it', () => {
      const [one] = outside.server(0).arrived;
      return one?.to.length === 2 && neighbour.arrived.length === 1;
    });
    const part = await gateway.event('msg.part', (line) => line['orig'] === id);
    assert.match(String(part['id']), new RegExp(`^${id.replace('.', '\\.')}-\\d+$`));
    // What is left is two messages now, each in the lane of its destination.
    const list = await gateway.cli('queue', 'list', '--json');
    const dests = list.stdout.match(/"dest":"[^"]+"/g)?.toSorted();
    assert.deepEqual(dests, ['"dest":"mx:four.test"', '"dest":"mx:three.test"'], list.stderr);
    outside.server(2).behaviour = {};
    await until('the third to have it', () => outside.server(2).arrived.length === 1);
    await outside.server(3).start();
    await until('the fourth to have it', () => outside.server(3).arrived.length === 1);
    await done(id, 'delivered');
    await done(String(part['id']), 'delivered');
    assert.deepEqual(
      [outside.server(0), neighbour].map(({ arrived }) => arrived.length),
      [1, 1],
      'nobody got it twice',
    );
  });

  test('a failure that shows later is reported to the sender, through the customer’s server', async () => {
    outside.server(0).behaviour = {
      rcpt: (to) => (to.startsWith('no') ? '550 5.1.1 who?' : '250 Ok'),
    };
    const to = ['eve@one.test', 'nobody@one.test', 'eve@three.test'];
    const reply = await send('anna@example.org', to);
    assert.match(reply, /^250 .* queued/);
    await until('the report', () => destination.arrived.length === 1);
    const [report] = destination.arrived;
    assert.deepEqual([report?.from, report?.to], ['', ['anna@example.org']]);
    const text = String(report?.content);
    assert.match(text, /^Content-Type: multipart\/report; report-type=delivery-status/m);
    assert.match(text, /^Final-Recipient: rfc822; ?nobody@one\.test/m);
    assert.match(text, /^Content-Language: en, de\r$/m, 'the mail says nothing of a language');
    assert.match(text, /^Status: 5\.1\.1/m);
    assert.match(text, /^Remote-MTA: dns; mx\.one\.test\r$/m, 'who refused it, not who came last');
    assert.equal(outside.server(0).arrived.length, 1);
    await done(idOf(reply), 'partial');
  });

  test('the trace has it under the customer and his account, in one piece', async () => {
    const later = { rcpt: () => '450 4.2.0 later' };
    outside.server(2).behaviour = later;
    outside.server(3).behaviour = later;
    const to = ['eve@one.test', 'eve@three.test', 'bob@four.test'];
    const reply = await send('carl@example.org', to);
    const id = idOf(reply);
    await gateway.event('msg.part', (line) => line['orig'] === id);
    const traced = async (...args: string[]) => {
      const { stdout } = await gateway.cli('trace', ...args, '--json', '-n', '1');
      return JSON.parse(stdout.split('\n')[0] ?? '') as Record<string, unknown>; // our own output
    };
    const row = await traced('--domain', 'example.org', '--to', 'eve@three.test');
    assert.deepEqual(
      [row['id'], row['dir'], row['domain'], row['account'], row['result']],
      [id, 'out', 'example.org', CUSTOMER, 'accepted/deferred'],
    );
    assert.equal((await traced('--account', CUSTOMER, '--from', 'carl@example.org'))['id'], id);
    outside.server(2).behaviour = {};
    await until('one part is delivered', () => outside.server(2).arrived.length === 1);
    assert.equal((await traced('--to', 'eve@three.test'))['result'], 'accepted/deferred');
    outside.server(3).behaviour = {};
    await until('all of it is delivered', async () => {
      const now = await traced('--to', 'eve@three.test');
      return now['result'] === 'accepted/delivered';
    });
    const { stdout } = await gateway.cli('trace', id);
    for (const one of to) assert.match(stdout, new RegExp(`delivered +${one} `));
  });
});

test('killed after the 250 of a mail for several: everybody gets it after the restart', async () => {
  const destination = await new Destination().start();
  const outside = await Outside.start({ 'one.test': a(0), 'two.test': a(1) }, 2);
  const gateway = await outside.gateway({
    node: 'queue: { retry: [1s], probe: 100ms }',
    domains: {
      'example.org': domainFile(destination.port, {
        outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
      }),
    },
  });
  const greylist = { rcpt: () => '451 4.7.1 not yet' };
  for (const server of outside.servers) server.behaviour = greylist;
  try {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const to = ['eve@one.test', 'eve@two.test', 'anna@example.org'];
    assert.match(await talk.send('anna@example.org', to, MAIL), /^250 .* queued/);
    await gateway.kill();
    outside.clear();
    await gateway.start();
    await until('everybody to have it', () =>
      [...outside.servers, destination].every(({ arrived }) => arrived.length > 0),
    );
  } finally {
    await gateway.remove();
    await outside.stop();
    await destination.stop();
  }
});

test('I1: the filters judge outbound mail, and see whose it is', async () => {
  const destination = await new Destination().start();
  const outside = await Outside.start({ 'one.test': a(0) }, 1);
  const gateway = await Gateway.make(
    outside.files({
      plugins: '[{ watch: {} }]',
      domains: {
        'example.org': domainFile(destination.port, {
          outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
        }),
      },
    }),
  );
  await mkdir(join(gateway.folder, 'plugins'));
  await writeFile(join(gateway.folder, 'plugins', 'watch.js'), WATCH);
  await gateway.start();
  try {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const refused = await talk.send('anna@example.org', ['eve@one.test'], `${MAIL}secret\r\n`);
    assert.match(refused, /^550 5\.7\.1 no secrets of 127\.0\.0\.80 \(policy\)$/);
    for (const to of ['eve@one.test', 'bob@example.org'])
      assert.match(await talk.send('anna@example.org', [to], MAIL), /^250 .* delivered/);
    await talk.quit();
    const found = /^(?:X-Spam|X-Virus|X-Sluice|X-Attachment|Authentication-Results).*$/gim;
    const [there] = outside.server(0).arrived;
    assert.match(String(there?.content), /^X-Watched: out example\.org\r$/m);
    assert.doesNotMatch(String(there?.content), found, 'that is nothing to strangers');
    const [here] = destination.arrived;
    assert.deepEqual(
      String(here?.content)
        .match(found)
        ?.map((line) => line.trim().split(':')[0]),
      [
        'X-Sluice-Score',
        'X-Sluice-Tests',
        'X-Spam-Score',
        'X-Virus-Status',
        'X-Attachment-Rule',
        'Authentication-Results',
      ],
    );
  } finally {
    await gateway.remove();
    await outside.stop();
    await destination.stop();
  }
});

const WATCH = `
export default {
  name: 'watch',
  hooks: {
    async content({ direction, account, domain, content }) {
      let text = '';
      for await (const chunk of content.read()) text += Buffer.from(chunk).toString();
      if (direction === 'out' && text.includes('secret')) {
        return { kind: 'refuse', reason: 'policy', text: 'no secrets of ' + account };
      }
      const found = ['X-Spam-Score', 'X-Virus-Status', 'X-Attachment-Rule', 'Authentication-Results'];
      const fields = found.map((name) => ({ name, value: '1' }));
      fields.push({ name: 'X-Watched', value: direction + ' ' + domain });
      return { kind: 'pass', score: 1, tests: ['WATCHED'], fields };
    },
  },
};
`;

test('a real Postfix that the DNS names gets mail of a customer to the byte, and refuses what it does not know', async (t) => {
  const lacks = postfixMissing();
  if (lacks !== undefined) return missing(t, lacks);
  const postfix = await Postfix.start('far.test', ['eve@far.test', 'bob@far.test']);
  const destination = await new Destination().start();
  const zones = { 'far.test': { mx: ['10 mx.far.test'] }, 'mx.far.test': { a: ['127.0.0.1'] } };
  const outside = await Outside.start(zones, 1);
  const outgoing = `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`;
  const files = outside.files({
    domains: { 'example.org': domainFile(destination.port, { outgoing }) },
  });
  const env = { ...files.env, SLUICE_TEST_REMOTE_PORT: String(postfix.port) };
  const gateway = await Gateway.run({ ...files, env });
  try {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const content = `${MAIL}.dot\r\n..two\r\n\xe4\xff \t \r\n${'x'.repeat(990)}\r\n\r\n`;
    const reply = await talk.send('anna@example.org', ['eve@far.test', 'bob@far.test'], content);
    assert.match(reply, /^250 2\.0\.0 Ok: \S+ delivered: .*queued as /);
    await talk.say('RSET');
    const unknown = await talk.send('anna@example.org', ['nobody@far.test'], MAIL);
    assert.match(unknown, /^550 5\.1\.1 .*nobody@far\.test/);
    await talk.quit();
    for (const mail of await postfix.mails(2)) {
      const text = mail.toString('latin1');
      assert.ok(text.endsWith(content.replaceAll('\r\n', '\n')), text);
    }
  } finally {
    await gateway.remove();
    await outside.stop();
    await destination.stop();
    postfix.stop();
  }
  return undefined;
});

test('with a smarthost everything for the outside goes there, the DNS is not asked', async () => {
  const smarthost = await new Destination().start();
  const destination = await new Destination().start();
  const outside = await Outside.start({}, 1);
  const files = {
    domains: {
      'example.org': domainFile(destination.port, {
        outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
      }),
    },
  };
  const gateway = await outside.gateway(files, `smarthost: "127.0.0.1:${smarthost.port}"`);
  try {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const to = ['eve@one.test', 'eve@three.test'];
    assert.match(await talk.send('anna@example.org', to, MAIL), /^250 .* delivered/);
    assert.deepEqual(smarthost.arrived[0]?.to, to);
    assert.match(await talk.send('anna@example.org', ['anna@example.org'], MAIL), /^250/);
    assert.equal(destination.arrived.length, 1);
    await talk.quit();
    assert.deepEqual(outside.dns.asked, []);
  } finally {
    await gateway.remove();
    await outside.stop();
    await smarthost.stop();
    await destination.stop();
  }
});
