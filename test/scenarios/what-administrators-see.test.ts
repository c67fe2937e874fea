/** An outage and its end as an administrator sees them: queue, destinations, status, mailq, log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

type Row = Readonly<Record<string, unknown>>;

const mail = (subject: string) => `Subject: ${subject}\r\n\r\nbody\r\n`;

async function rows(gateway: Gateway, ...words: string[]): Promise<Row[]> {
  const { stdout } = await gateway.cli(...words, '--json');
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Row); // our own output
}

async function lineWith(gateway: Gateway, text: string, ...words: string[]): Promise<string> {
  const { stdout } = await gateway.cli(...words);
  const line = stdout.split('\n').find((one) => one.includes(text));
  assert.ok(line !== undefined, `no "${text}" in ${stdout}`);
  return line;
}

/** Down before the gateway looks; probes are minutes apart, so that what is said of them stays. */
async function outage() {
  const destination = await new Destination().start();
  await destination.stop();
  const domains = { 'example.org': domainFile(destination.port) };
  const gateway = await Gateway.run({ node: 'queue: { probe: 10m }', domains });
  const where = `127.0.0.1:${destination.port}`;
  return { destination, gateway, where, port: gateway.port() };
}

test('mail queued during an outage says why it waits and when the destination is asked next', async () => {
  const { destination, gateway, where, port } = await outage();
  try {
    await sendMail(port, 'a@b.example', ['anna@example.org'], mail('first'));
    const down = await gateway.event('dest.down');
    assert.equal(down['text'], `${where}: connection refused`);
    assert.deepEqual(down['domains'], ['example.org']);
    // This one was never tried: the destination was known to be down.
    await sendMail(port, 'a@b.example', ['anna@example.org', 'bob@example.org'], mail('second'));

    const reason = `destination down: ${where}: connection refused`;
    const queue = await rows(gateway, 'queue', 'list');
    assert.equal(queue.length, 2);
    for (const row of queue) {
      assert.equal(row['reason'], reason);
      const inMs = Date.parse(String(row['next_at'])) - Date.now();
      assert.ok(inMs > 60_000 && inMs <= 600_000, `next_at in ${inMs} ms`);
    }
    assert.equal(queue[1]?.['attempts'], 0);
    const table = await gateway.cli('queue', 'list');
    for (const line of table.stdout.trim().split('\n').slice(1)) {
      assert.match(line, new RegExp(` [89]m +[01] .*${reason}$`));
    }
    const id = String(queue[1]?.['id']);
    const shown = await gateway.cli('queue', 'show', id, '-e');
    assert.match(shown.stdout, new RegExp(`^state {8}deferred, ${reason}$`, 'm'));
    assert.match(shown.stdout, /^next try {5}in [89]m, when the destination answers; it is down/m);
    const mailq = await gateway.cli('mailq');
    assert.equal(mailq.stdout.split(`(${reason})`).length - 1, 2);
    const found = await rows(gateway, 'queue', 'list', '--reason', '^destination down');
    assert.equal(found.length, 2);

    const [listed] = await rows(gateway, 'destination', 'list');
    assert.equal(listed?.['state'], 'down');
    assert.equal(listed['last'], `${where}: connection refused`);
    assert.equal(listed['waiting'], 2);
    assert.ok(Date.parse(String(listed['last_at'])) <= Date.now());
    assert.ok(Date.parse(String(listed['next_probe_at'])) > Date.now() + 60_000);
    const status = await gateway.cli('status');
    assert.equal(status.code, 0, 'a customer whose server is down is no fault of the gateway');
    assert.match(status.stdout, new RegExp(`destinations down: ${where} for \\d+s`));

    await destination.start();
    assert.equal((await gateway.cli('queue', 'retry', id)).code, 0);
    await until('both delivered', () => destination.arrived.length === 2);
    const up = await gateway.event('dest.up');
    assert.deepEqual(up['domains'], ['example.org']);
    assert.equal(typeof up['down'], 'number');
    const [after] = await rows(gateway, 'destination', 'list');
    assert.deepEqual([after?.['state'], after?.['last']], ['up', 'answered']);
    assert.equal(after?.['next_probe_at'], undefined);
    assert.match(await lineWith(gateway, where, 'destination', 'list'), /up .* answered$/);
    assert.doesNotMatch((await gateway.cli('status')).stdout, /destinations down/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
