/** Clients against whom there is something wait for their replies, a bounded number of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { DnsServer } from '../support/dns-server.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { PROXIED_LISTENER, proxiedClient } from '../support/proxied-client.ts';
import type { SmtpTalk } from '../support/smtp-talk.ts';

const DELAY_MS = 1500;
/** Of a reply that nobody holds, on a busy machine. */
const AT_ONCE_MS = 900;

test('a suspect waits before the content, others and those beyond the bound do not', async () => {
  const dns = await new DnsServer({ '2.2.0.192.block.test': { a: ['127.0.0.2'] } }).start();
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: `dns: { servers: ["${dns.address}"] }`,
    listeners: PROXIED_LISTENER,
    plugins: `[{ dns-lists: { clients: [{ zone: block.test, score: 4 }] } }, { tarpit: { delay: ${DELAY_MS}ms, max_held: 3, max_held_per_client: 1 } }]`,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const upTo = async (client: string, recipients: number): Promise<SmtpTalk> => {
      const talk = await proxiedClient(gateway.port(), client);
      await talk.reply();
      for (const line of ['EHLO [192.0.2.1]', 'MAIL FROM:<>']) await talk.say(line);
      for (let i = 0; i < recipients; i++) await talk.say(`RCPT TO:<r${i}@example.org>`);
      return talk;
    };
    const timed = async (talk: SmtpTalk, line: string): Promise<number> => {
      const startedAt = performance.now();
      assert.match(await talk.say(line), /^(250|354)/);
      return performance.now() - startedAt;
    };
    const honest = await upTo('192.0.2.1', 1);
    assert.ok((await timed(honest, 'DATA')) < AT_ONCE_MS, 'nothing against it, no wait');

    const suspect = await upTo('192.0.2.2', 0);
    assert.ok((await timed(suspect, 'RCPT TO:<a@example.org>')) < AT_ONCE_MS, 'the first one');
    assert.ok((await timed(suspect, 'RCPT TO:<b@example.org>')) >= DELAY_MS - 50);
    const second = await upTo('192.0.2.2', 1);
    const [first, beyond] = await Promise.all([timed(suspect, 'DATA'), timed(second, 'DATA')]);
    assert.ok(Math.max(first, beyond) >= DELAY_MS - 50, 'one is held');
    assert.ok(Math.min(first, beyond) < AT_ONCE_MS, 'one more of this client is not');
    suspect.write('Subject: x\r\n\r\nx\r\n.\r\n');
    assert.match(await suspect.reply(), /^250/, 'it is neither refused');

    const leaving = await upTo('192.0.2.2', 1);
    leaving.write('DATA\r\n');
    leaving.socket.destroy();
    const after = await upTo('192.0.2.2', 1);
    await gateway.event('msg.in', (line) => line['res'] === 'abort');
    assert.ok((await timed(after, 'DATA')) >= DELAY_MS - 50, 'who leaves makes room');
    for (const talk of [honest, second, after]) talk.socket.destroy();
  } finally {
    await gateway.remove();
    await destination.stop();
    await dns.stop();
  }
});
