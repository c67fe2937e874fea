/** What filters find before the content counts at the end: one score, one judgement, all of it told. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';

/** One point in each stage; the local part of the sender or recipient asks for more. */
const WITNESS = `const points = (stage, score = 1) => ({ kind: 'pass', score, tests: [stage] });
const held = (text) => ({ kind: 'quarantine', reason: 'policy', text });
const from = (view) => view.envelope.reversePath?.local ?? '';
export default {
  name: 'witness',
  service: 'spam',
  hooks: {
    connect: () => points('CONNECT'),
    helo: ({ session }) => points('HELO-' + session.hello.name, session.hello.name.length),
    mail: (view) => from(view) === 'held' ? held('by MAIL') : points('MAIL'),
    rcpt: ({ recipient, score }) => {
      const { local } = recipient.address;
      if (local === 'never') return { kind: 'refuse', reason: 'policy', text: 'score ' + score };
      return points('RCPT-' + local, local.length);
    },
    data: ({ score, envelope, isHosted }) => {
      const hosted = isHosted(envelope.reversePath?.domain ?? '');
      return { ...points('DATA'), fields: [{ name: 'X-So-Far', value: score + ' ' + hosted }] };
    },
  },
};
`;
/** Proves the friend; nobody else may use his points against him. */
const PROOF = `export default {
  name: 'proof',
  hooks: {
    mail: () => ({ kind: 'pass', unlessProven: { kind: 'pass', score: 20, tests: ['FORGED'] } }),
    content: ({ envelope }) => ({ kind: 'pass', senderProven: envelope.reversePath?.local === 'friend' }),
  },
};
`;
const MAIL = 'X-Sluice-Score: -99\r\nSubject: hi\r\n\r\nhello\r\n';

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  gateway = await Gateway.make({
    plugins: '[witness]',
    domains: {
      'example.org': domainFile(destination.port, {
        spam: '{ tag: 7, quarantine: 50, reject: 60 }',
      }),
      'plain.test': domainFile(destination.port, { services: '[relay, fallback]' }, 'plain.test'),
    },
  });
  mkdirSync(join(gateway.folder, 'plugins'));
  writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(gateway.folder, 'plugins', 'witness.js'), WITNESS);
  writeFileSync(join(gateway.folder, 'plugins', 'proof.js'), PROOF);
  await gateway.start();
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});
beforeEach(() => {
  destination.arrived.length = 0;
});

const delivered = () => destination.arrived.at(-1)?.content.toString('latin1') ?? '';
const field = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'gm');

test('the points of all stages are one score, in fields, log and trace', async () => {
  const talk = await SmtpTalk.greeted(gateway.port(), 'first-name');
  await talk.say('EHLO xy');
  const to = ['a@example.org', 'bbb@example.org', 'cc@example.org'];
  assert.match(await talk.say('MAIL FROM:<x@elsewhere.test>'), /^250/);
  assert.match(await talk.say('RCPT TO:<never@example.org>'), /^550 .*score 4 \(policy\)/);
  for (const address of to) assert.match(await talk.say(`RCPT TO:<${address}>`), /^250/);
  await talk.say('DATA');
  talk.write(`${MAIL}.\r\n`);
  const reply = await talk.reply();
  assert.match(reply, /^250 .* delivered/);
  await talk.quit();
  const text = delivered();
  assert.deepEqual(
    [...text.matchAll(field('X-Sluice-Score'))].map((m) => m[1]),
    ['8.0'],
  );
  const tests = 'CONNECT, HELO-xy, MAIL, RCPT-bbb, DATA';
  assert.deepEqual(
    [...text.matchAll(field('X-Sluice-Tests'))].map((m) => m[1]),
    [tests],
  );
  assert.match(text, /^X-Spam-Flag: YES\r$/m);
  assert.match(text, /^X-So-Far: 7 false\r$/m);
  const id = /Ok: (\S+)/.exec(reply)?.[1] ?? '';
  const line = await gateway.event('msg.in', (one) => one['id'] === id);
  assert.deepEqual([line['score'], line['tests']], [8, tests.split(', ')]);
  const trace = await gateway.cli('trace', id);
  assert.match(trace.stdout, /score 8 CONNECT,HELO-xy,MAIL,RCPT-bbb,DATA/);
});

test('a second message of the session has points of its own, and no service no points', async () => {
  const talk = await SmtpTalk.greeted(gateway.port(), 'xy');
  for (const to of ['bbb@example.org', 'a@example.org']) {
    assert.match(await talk.send('x@example.org', [to], MAIL), /^250/);
  }
  assert.match(delivered(), /^X-Sluice-Tests: CONNECT, HELO-xy, MAIL, RCPT-a, DATA\r$/m);
  assert.match(delivered(), /^X-So-Far: 5 true\r$/m);
  assert.match(await talk.send('held@elsewhere.test', ['a@plain.test'], MAIL), /^250 .*delivered/);
  assert.doesNotMatch(delivered(), /X-Sluice|X-So-Far/);
  await talk.quit();
});

test('points that reach the threshold refuse, and a wish to hold is no refusal', async () => {
  const spam = await SmtpTalk.greeted(gateway.port(), 'x'.repeat(60));
  assert.match(
    await spam.send('x@elsewhere.test', ['a@example.org'], MAIL),
    /^550 5\.7\.1 Message looks like spam, score 64\.0 \(spam\)/,
  );
  await spam.quit();
  assert.match(
    await sendMail(gateway.port(), 'held@elsewhere.test', ['a@example.org'], MAIL),
    /^250 2\.0\.0 Ok: \S+ queued/,
  );
  assert.equal((await gateway.event('quar.add'))['text'], 'by MAIL');
  assert.equal(destination.arrived.length, 0);
});

test('what counts unless the sender is proven is taken back by a proof', async () => {
  await gateway.configure({ plugins: '[proof]' });
  await gateway.stop();
  await gateway.start();
  const send = (from: string) => sendMail(gateway.port(), from, ['a@example.org'], MAIL);
  assert.match(await send('friend@elsewhere.test'), /^250/);
  assert.doesNotMatch(delivered(), /X-Sluice/);
  assert.match(await send('foe@elsewhere.test'), /^250/);
  assert.match(delivered(), /^X-Sluice-Score: 20\.0\r\nX-Sluice-Tests: FORGED\r$/m);
});
