/** The metrics of a running gateway, as Prometheus reads them from the control port. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { FakeService } from '../support/fake-service.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';

/** The value of each series now; none of one that is not there. */
async function scrapeOf(gateway: Gateway): Promise<(series: string) => number | undefined> {
  const address = /http:\/\/\S+\//.exec(gateway.log)?.[0] ?? '';
  const text = await (await fetch(new URL('/metrics', address))).text();
  return (series) => {
    const line = text.split('\n').find((one) => one.startsWith(`sluice_${series} `));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
  };
}

const MAIL = 'Subject: counted\r\n\r\nbody\r\n';

test('what was asked, stored and delivered, what waits since when, until when the certificate is good', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h], probe: 1h }',
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  const scrape = () => scrapeOf(gateway);
  const send = () => sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL);
  const dest = `dest="127.0.0.1:${destination.port}"`;
  try {
    const startedAt = Date.now() / 1000;
    const before = await scrape();
    assert.equal(before('queue_oldest_age_seconds'), 0);
    assert.equal(before(`destination_last_success_timestamp_seconds{${dest}}`), undefined);
    const expiry = before('certificate_expiry_timestamp_seconds') ?? 0;
    assert.ok(expiry > startedAt + 3000 * 86_400, `the self-made one: ${expiry}`);
    const loadedAt = before('config_last_reload_success_timestamp_seconds') ?? 0;
    assert.ok(Math.abs(loadedAt - startedAt) < 60, `${loadedAt}`);
    assert.equal(before('log_dropped_total'), 0);

    assert.match(await send(), / delivered/);
    const { stages, delay } = await gateway.event('rcpt.sent');
    const { q, c, t } = stages as { q: number; c: number; t: number }; // our own log
    assert.ok(c >= 0 && t > 0, JSON.stringify(stages));
    assert.ok(Math.abs(q + c + t - Number(delay)) < 0.002, JSON.stringify({ q, c, t, delay }));
    const broken = await SmtpTalk.greeted(gateway.port());
    assert.match(await broken.say('STARTTLS'), /^220/);
    broken.write('EHLO in the clear\r\n');
    const lost = await gateway.event('smtp.lost');
    assert.equal(lost['why'], 'tls');
    await destination.stop();
    assert.match(await send(), / queued/);
    await gateway.event('rcpt.defer');
    const after = await scrape();
    assert.ok((after('queue_oldest_age_seconds') ?? 0) > 0);
    assert.equal(after('queue_destination_messages{dest="example.org"}'), 1);
    const goodAt = after(`destination_last_success_timestamp_seconds{${dest}}`) ?? 0;
    assert.ok(goodAt >= Math.floor(startedAt), `${goodAt}`);
    assert.equal(after('recipient_check_duration_seconds_count{source="callout"}'), 1);
    for (const [what, count] of [
      ['RCPT', 2],
      ['MAIL', 2],
      ['content', 2],
      ['NOOP', undefined],
    ] as const) {
      const series = `smtp_command_duration_seconds_count{command="${what}"}`;
      assert.equal(after(series), count, what);
    }
    assert.equal(after('tls_handshakes_total{version="none",result="failed"}'), 1);
    assert.equal(after('delivery_delay_seconds_count{stage="transfer"}'), 1);
    assert.ok((after('store_op_duration_seconds_count{op="write"}') ?? 0) >= 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a scanner is up from the start, not only once it was down', async () => {
  const rspamd = await FakeService.start((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\npong\r\n'));
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(25) },
    plugins: `[{ rspamd: { address: '${rspamd.address}' } }, { spamassassin: { address: '127.0.0.1:1' } }]`,
  });
  try {
    const value = await scrapeOf(gateway);
    assert.equal(value('scanner_up{engine="rspamd"}'), 1);
    assert.equal(value('scanner_up{engine="spamassassin"}'), 0);
  } finally {
    await gateway.remove();
    await rspamd.stop();
  }
});
