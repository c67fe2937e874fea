/** spam.mailboxes: mail of one score is judged for each mailbox by its own thresholds. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';

/** As many points as the local part of the sender says. */
const POINTS = `export default {
  name: 'points',
  options: {},
  hooks: { mail: ({ envelope }) => ({ kind: 'pass', score: Number(envelope.reversePath?.local ?? 9) }) },
};
`;
const MAIL = 'From: a@x.example\r\nSubject: deal\r\n\r\nbuy\r\n';
const MAILBOXES = `
  tag: 5
  quarantine: 8
  reject: 12
  mailboxes:
    - { only_for: [Boss@example.org, 'chef@straße.test'], reject: 8, quarantine: null }
    - { only_for: [sales@example.org, anna@example.com], tag: null, quarantine: 20, reject: 30 }
    - { only_for: [same@example.org], reject: 12 }`;

describe('thresholds of mailboxes', () => {
  let destination: Destination;
  let gateway: Gateway;

  before(async () => {
    destination = await new Destination().start();
    gateway = await Gateway.make({
      domains: {
        'example.org': domainFile(destination.port, {
          aliases: '[example.com, straße.test]',
          spam: MAILBOXES,
        }),
      },
      plugins: '[points]',
    });
    mkdirSync(join(gateway.folder, 'plugins'));
    writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(gateway.folder, 'plugins', 'points.js'), POINTS);
    await gateway.start();
  });

  after(async () => {
    await gateway.remove();
    await destination.stop();
  });

  beforeEach(() => {
    destination.arrived.length = 0;
  });

  const replyTo = (to: string, score: number) =>
    sendMail(gateway.port(), `${score}@x.example`, [to], MAIL);

  test('a mailbox that is stricter refuses what another gets', async () => {
    assert.match(await replyTo('boss@example.org', 9), /^550 5\.7\.1 .*score 9\.0/);
    assert.match(await replyTo('anna@example.org', 13), /^550 /);
    assert.match(await replyTo('sales@example.org', 13), /^250 .* delivered/);
    assert.doesNotMatch(String(destination.arrived[0]?.content), /X-Spam-Flag/);
    assert.match(await replyTo('anna@example.org', 9), /^250 /);
    assert.equal(destination.arrived.length, 1, 'kept back for her');
  });

  test('recipients of one message with other thresholds come apart and are judged apart', async () => {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<9@x.example>');
    assert.match(await talk.say('RCPT TO:<sales@example.org>'), /^250/);
    assert.match(await talk.say('RCPT TO:<boss@example.org>'), /^452 4\.5\.3/);
    assert.match(await talk.say('RCPT TO:<anna@example.com>'), /^250/);
    assert.match(await talk.say('RCPT TO:<bob@example.org>'), /^452 4\.5\.3/);
    await talk.say('DATA');
    talk.write(`${MAIL}.\r\n`);
    assert.match(await talk.reply(), /^250 .* delivered/);
    assert.equal(destination.arrived[0]?.to.length, 2);
    const again = await talk.send('9@x.example', ['boss@example.org'], MAIL);
    assert.match(again, /^550 5\.7\.1/);
    await talk.quit();
  });

  test('equal thresholds share a transaction', async () => {
    for (const to of [
      ['bob@example.org', 'same@example.org'],
      [Buffer.from('chef@straße.test').toString('latin1'), 'boss@example.org'],
    ]) {
      const talk = await SmtpTalk.greeted(gateway.port());
      await talk.say('MAIL FROM:<1@x.example> SMTPUTF8');
      for (const one of to) assert.match(await talk.say(`RCPT TO:<${one}>`), /^250/, one);
      await talk.quit();
    }
  });

  test('however a mailbox is written, it is that mailbox, and no other is', async () => {
    const same = ['BOSS@Example.ORG', '"boss"@example.org'];
    for (const to of [...same, 'chef@xn--strae-oqa.test']) {
      assert.match(await replyTo(to, 9), /^550 5\.7\.1 .*score/, to);
    }
    for (const to of ['boss+news@example.org', 'boss@example.com', 'constructor@example.org']) {
      assert.match(await replyTo(to, 9), /^250/, to);
    }
    assert.equal(destination.arrived.length, 0, 'kept back as the domain says');
    const bounce = await sendMail(gateway.port(), '', ['prvs=1234abcdef=boss@example.org'], MAIL);
    assert.match(bounce, /^550 5\.7\.1 .*score/);
  });

  test('a hundred recipients with three thresholds need three transactions', async () => {
    const names = ['boss', 'sales', 'anna'];
    let left = Array.from({ length: 99 }, (_, i) => `${names[i % 3]}${i < 3 ? '' : `+${i}`}`);
    assert.equal(new Set(left).size, 99);
    left = left.map((local) => `${local}@example.org`);
    const talk = await SmtpTalk.greeted(gateway.port());
    let rounds = 0;
    while (left.length > 0) {
      rounds += 1;
      await talk.say('MAIL FROM:<1@x.example>');
      const put: string[] = [];
      for (const to of left) {
        const reply = await talk.say(`RCPT TO:<${to}>`);
        if (!reply.startsWith('250')) put.push(to);
      }
      await talk.say('DATA');
      talk.write(`${MAIL}.\r\n`);
      assert.match(await talk.reply(), /^250/);
      left = put;
    }
    await talk.quit();
    assert.equal(rounds, 3);
    assert.equal(
      destination.arrived.reduce((sum, one) => sum + one.to.length, 0),
      99,
    );
  });

  test('the domain says what it has', async () => {
    const { stdout: output } = await gateway.cli('domain', 'show', 'example.org');
    assert.match(output, /^spam +tag 5, quarantine 8, reject 12\n/m);
    assert.match(
      output,
      /^mailboxes +boss@example\.org, chef@xn--strae-oqa\.test: tag 5, quarantine off, reject 8\n/m,
    );
  });
});
