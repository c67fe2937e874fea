/** Servers that never answer cost those who send to them time, and nobody else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import type { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const BUSY = '127.0.0.80';
const OTHER = '127.0.0.81';
const ANNA = 'anna@example.org';
const BOB = 'bob@other.test';
const mailFrom = (sender: string) =>
  `From: ${sender}\r\nSubject: hi\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n`;
/** More than may be under way at once, of mail for several and of places in all. */
const SILENT_MAILS = 60;

const silentDomains = Array.from({ length: 10 }, (_, n) => `silent${n}.test`);

let outside: Outside;
let gateway: Gateway;
const destination = new Destination();

before(async () => {
  const silent = Object.fromEntries(silentDomains.map((name) => [name, { a: [addressOf(2)] }]));
  outside = await Outside.start(
    { 'one.test': { a: [addressOf(0)] }, 'two.test': { a: [addressOf(1)] }, ...silent },
    3,
  );
  outside.server(2).behaviour = { greeting: () => 'hang' };
  await destination.start();
  const customer = (name: string, ip: string) =>
    domainFile(
      destination.port,
      { outgoing: `{ enabled: true, accounts: [{ ip: ${ip} }] }` },
      name,
    );
  gateway = await outside.gateway({
    domains: {
      'example.org': customer('example.org', BUSY),
      'other.test': customer('other.test', OTHER),
    },
  });
});
after(async () => {
  // What hangs ends with it, so that nothing is waited for at the end.
  await outside.server(2).stop();
  await gateway.remove();
  await outside.stop();
  await destination.stop();
});

test('mail for several servers does not wait for what another customer keeps hanging', async () => {
  const busy = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', BUSY);
  for (let n = 0; n < SILENT_MAILS; n++) {
    const to = silentDomains.map((name) => `eve@${name}`);
    assert.match(await busy.send(ANNA, to, mailFrom(ANNA)), /^250 .* queued/);
  }
  await until('them to hang', () => outside.server(2).connected >= 100);
  const other = await SmtpTalk.greeted(gateway.port(), 'mail.other.test', OTHER);
  const reply = await other.send(BOB, ['eve@one.test', 'eve@two.test'], mailFrom(BOB));
  assert.match(reply, /^250 .* queued/);
  const [one, two] = [outside.server(0), outside.server(1)];
  await until('it to arrive', () => one.arrived.length === 1 && two.arrived.length === 1, 2000);
  busy.socket.destroy();
  await other.quit();
});
