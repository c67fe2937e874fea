/** `on_error: hold`: mail is taken while a scanner is down, and nothing of it goes on unscanned. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EICAR, GTUBE } from '../../src/mail/test-patterns.ts';
import { CORPUS, hasCorpus } from '../support/corpus.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { FakeService } from '../support/fake-service.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { missingScanners, startRealScanners } from '../support/real-scanners.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

/** Of the customer's server, which is an account by its address. */
const CUSTOMER = '127.0.0.80';
const mail = (body: string, subject = 'lunch') =>
  `Subject: ${subject}\r\nFrom: a@b.example\r\nTo: anna@hold.test\r\n\r\n${body}\r\n`;
const HAM = mail('At noon?');
const OWN = HAM.replace('a@b.example', 'boss@hold.test');
/** It goes into a file of its own. */
const LARGE = mail('x'.repeat(70).concat('\r\n').repeat(6000), 'large');

test('real clamd and spamd: taken while they are down, judged when they are back', async (t) => {
  const lacks = missingScanners();
  if (lacks !== undefined || !hasCorpus()) {
    missing(t, lacks ?? 'the mail corpus in ../shared/corpus');
    return;
  }
  const scanners = await startRealScanners(join(CORPUS, 'clamav-signatures', 'db'));
  await scanners.pause();
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    plugins: `[{ clamav: { address: "${scanners.clamav}", on_error: hold } }, { spamassassin: { address: "${scanners.spamassassin}", on_error: hold } }]`,
    domains: {
      'hold.test': domainFile(
        destination.port,
        { outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }` },
        'hold.test',
      ),
      'in.test': domainFile(
        destination.port,
        {
          spam: '{ tag: -100, subject_tag: "[S]", mailboxes: [{ only_for: [quiet@in.test], tag: null }] }',
        },
        'in.test',
      ),
      'defer.test': domainFile(
        destination.port,
        { clamav: '{ on_error: defer }', spamassassin: '{ on_error: defer }' },
        'defer.test',
      ),
    },
  });
  try {
    const send = async (content: string, to: string, from: string, client?: string) => {
      const talk = await SmtpTalk.greeted(gateway.port(), 'client.example', client);
      const reply = await talk.send(from, [to], content);
      await talk.quit();
      return /^250 2\.0\.0 Ok: (\S+) queued/.exec(reply)?.[1] ?? reply;
    };
    const outside = (content: string, to = 'anna@in.test') => send(content, to, 'a@b.example');
    assert.match(await outside(HAM, 'anna@defer.test'), /^451 4\.7\.1 .*scanner_down/);
    const first = await outside(HAM);
    const virus = await outside(mail(EICAR));
    const spam = await outside(mail(GTUBE));
    const large = await outside(LARGE);
    const byHand = await outside(mail('by hand', 'hand'));
    const own = await send(OWN, 'anna@in.test', 'boss@hold.test', CUSTOMER);
    const fromBoss = mail(EICAR).replace('a@b.example', 'boss@hold.test');
    const ownVirus = await send(fromBoss, 'anna@in.test', 'boss@hold.test', CUSTOMER);
    const quiet = await outside(mail('At one?', 'quiet'), 'quiet@in.test');

    await gateway.kill();
    await gateway.start();
    const listed = (await gateway.cli('queue', 'list', '--state', 'hold', '--json')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      listed.map(({ id }) => id),
      [first, virus, spam, large, byHand, own, ownVirus, quiet],
    );
    const { why, text, missing: left } = listed[0].hold;
    assert.deepEqual(
      [why, text, left],
      ['unjudged', 'not judged yet by clamav, spamassassin', ['clamav', 'spamassassin']],
    );
    assert.equal(listed[5].direction, 'out');

    // By hand: only by its id, and only when it is said to be meant.
    const asked = await gateway.cli('queue', 'release', byHand);
    assert.deepEqual([asked.code, asked.stdout], [64, '']);
    assert.match(asked.stderr, /1 message unscanned \(not judged by clamav, spamassassin\)/);
    const all = await gateway.cli('queue', 'release', 'ALL', '--yes');
    assert.deepEqual([all.code, all.stdout], [1, ''], 'not meant');
    assert.equal(destination.arrived.length, 0, 'nothing goes unscanned');
    const released = await gateway.cli('queue', 'release', byHand, '--yes');
    assert.equal(released.stdout, `${byHand}  released\n`);
    assert.match(released.stderr, /^Warning: 1 message unscanned/);
    const unscanned = await until('what was released', () => destination.arrived[0]);
    assert.match(
      unscanned.content.toString(),
      /^X-Sluice-Unchecked: clamav\r\nX-Sluice-Unchecked: spamassassin\r\nReceived: /,
    );
    const step = await gateway.event('queue.release');
    assert.equal(step['text'], 'not judged by clamav, spamassassin');
    assert.match(String(step['who']), /./);

    await scanners.resume();
    await until('what is clean', () => destination.arrived.length === 5);
    await until('the others', () => gateway.events('quar.add').length === 3);
    const texts = destination.arrived.slice(1).map(({ content }) => content.toString());
    const [ham, sent] = ['a@b.example', 'boss@hold.test'].map((from) => {
      const mails = destination.arrived.slice(1).filter((one) => one.from === from);
      return mails
        .map(({ content }) => content.toString())
        .find((one) => one.endsWith('At noon?\r\n'));
    });
    assert.match(ham ?? '', /^X-Spam-Flag: YES\r\n/);
    assert.match(ham ?? '', /^X-Virus-Status: Clean\r\n/m);
    assert.match(ham ?? '', /^X-Spam-Score: -?\d+\.\d\r\n/m);
    assert.match(ham ?? '', /\r\nSubject: \[S\] lunch\r\nReceived: /);
    assert.equal(ham?.match(/^Subject:/gm)?.length, 1);
    assert.ok(!ham?.includes('Unchecked'));
    assert.match(sent ?? '', /^X-Virus-Status: Clean\r\n/m);
    const big = texts.find((one) => one.includes('[S] large'));
    assert.ok(big?.endsWith(LARGE.slice(LARGE.indexOf('\r\n\r\n'))), 'byte for byte');

    const untagged = texts.find((one) => one.includes('\r\nSubject: quiet\r\n'));
    assert.doesNotMatch(
      untagged ?? 'X-Spam-Flag',
      /X-Spam-Flag/,
      'by the thresholds of its mailbox',
    );

    const kept = (await gateway.cli('quarantine', 'list', '--json')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      kept.map((row) => [row.id, row.why]),
      [
        [virus, 'virus'],
        [spam, 'spam'],
        [ownVirus, 'virus'],
      ],
    );
    assert.equal((await gateway.cli('queue', 'count')).stdout, '0\n');
    assert.equal(gateway.events('dsn.out').length, 0, 'nobody else is told');
    assert.match((await gateway.cli('trace', virus)).stdout, /because of virus/);
    const found = await gateway.cli('trace', '--result', 'accepted/quarantined', '--json');
    assert.match(found.stdout, new RegExp(virus));
  } finally {
    await gateway.remove();
    await scanners.stop();
    await destination.stop();
  }
});

test('a scanner that hangs lets nothing by; taken out of the configuration it is not waited for', async () => {
  const destination = await new Destination().start();
  // Says who it is when it is probed, and nothing of any mail.
  const scanner = await FakeService.start((socket, input) => {
    if (input.includes('VERSION')) socket.write('1: ClamAV 1.4.3/27800/today\u0000');
  });
  const plugins = (list: string) => `[${list}]`;
  const gateway = await Gateway.run({
    plugins: plugins(`{ clamav: { address: "${scanner.address}", timeout: 1s, on_error: hold } }`),
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], HAM);
    assert.match(reply, /^250 .* queued$/);
    const came = await gateway.event('msg.in');
    assert.deepEqual([came['res'], came['why']], ['accept', 'unjudged']);
    // Asked again, and it still hangs.
    assert.equal((await gateway.cli('reload')).code, 0);
    await until('a second try', () => gateway.events('scan.error').length === 2);
    assert.ok(gateway.events('scan.error').every((line) => line['then'] === 'hold'));
    assert.equal(destination.arrived.length, 0);

    await gateway.configure({ plugins: plugins('') });
    assert.equal((await gateway.cli('reload')).code, 0);
    await until('its delivery', () => destination.arrived.length === 1);
    const gone = await gateway.event('scan.gone');
    assert.deepEqual([gone['engine'], gone['id']], ['clamav', came['id']]);
    const released = await gateway.event('queue.release');
    assert.equal(released['text'], 'without clamav, no longer in force');
  } finally {
    await gateway.remove();
    await scanner.stop();
    await destination.stop();
  }
});
