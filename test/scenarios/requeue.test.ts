/** Mail that waits for one server is given to another one, survives a restart, and may go back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const QUICK = 'queue: { retry: [1s, 2s], probe: 1s }';
const mail = (n: number) => `Subject: mail ${n}\r\n\r\nbody ${n}\r\n`;

test('queued mail goes to another host with its id, or back to its own', async () => {
  const destination = await new Destination().start();
  const spare = await new Destination().start();
  await destination.stop();
  await spare.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  const requeue = (...words: string[]) => gateway.cli('queue', 'requeue', ...words);
  const host = `127.0.0.1:${spare.port}`;
  try {
    for (const n of [1, 2, 3])
      await sendMail(gateway.port(), 'a@b.example', [`anna${n}@example.org`], mail(n));
    assert.equal((await requeue('ALL', '--yes')).code, 64, 'where to?');
    assert.equal((await requeue('ALL', '--to-host', host)).code, 64, 'filters want a --yes');
    const there = await requeue('--to', 'anna1@example.org', '--yes', '--to-host', host);
    assert.match(there.stdout, /^\S+ {2}requeued\n$/);
    const id = there.stdout.split(' ', 1)[0] ?? '';
    assert.equal((await requeue('--to', 'anna2@example.org', '-y', '--to-host', host)).code, 0);
    const back = await requeue('--to', 'anna2@example.org', '--yes', '--back');
    assert.match(back.stdout, /requeued/);
    const never = await requeue('--to', 'anna3@example.org', '-y', '--back');
    assert.deepEqual([never.code, never.stdout], [1, ''], 'it was not given away before');
    await gateway.stop();
    await gateway.start();
    const shown = await gateway.cli('queue', 'show', id);
    assert.match(shown.stdout, new RegExp(`^destination +example\\.org, given to ${host}$`, 'm'));
    const listed = await gateway.cli('queue', 'list', '--dest', 'example.org', '-o', 'id', '-H');
    assert.equal(listed.stdout.trim().split('\n').length, 3, 'it is the customer’s all the same');
    await spare.start();
    await until('the one at the other host', () => spare.arrived.length === 1);
    assert.match(spare.arrived[0]?.content.toString() ?? '', new RegExp(`with \\S+ id ${id}`));
    const sent = await gateway.event('rcpt.sent');
    assert.deepEqual([sent['dest'], sent['via'], sent['id']], ['example.org', host, id]);
    const { stdout } = await gateway.cli('trace', id);
    assert.match(stdout, new RegExp(`requeued .*to ${host}`));
    await destination.start();
    await until('the others at home', () => destination.arrived.length === 2);
    assert.equal(spare.arrived.length, 1);
  } finally {
    await gateway.remove();
    await destination.stop();
    await spare.stop();
  }
});

test('killed while many are requeued: what was told is done, and each arrives once', async () => {
  const destination = await new Destination().start();
  const spare = await new Destination().start();
  await destination.stop();
  await spare.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  const host = `127.0.0.1:${spare.port}`;
  const all = 120;
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    for (let n = 0; n < all; n++)
      assert.match(await talk.send('a@b.example', ['anna@example.org'], mail(n)), /^250/);
    await talk.quit();
    const answer = gateway.cli('queue', 'requeue', 'ALL', '--yes', '--to-host', host);
    await until('some to be done', () => gateway.events('queue.requeue').length >= 20);
    await gateway.kill();
    const { code, stdout } = await answer;
    const told = stdout.split('\n').filter((line) => line.endsWith('requeued'));
    assert.ok(told.length >= 19, `${told.length} were told`);
    assert.ok(code === 75 || told.length === all, `${code} for ${told.length}`);
    await gateway.start();
    const { stdout: listed } = await gateway.cli('queue', 'list', '--json');
    const given = listed.split('\n').filter((line) => line.includes(host));
    for (const line of told)
      assert.ok(given.some((row) => row.includes(line.split(' ', 1)[0] ?? '?')));
    // The step under way was done whole or not at all.
    assert.ok(given.length - told.length <= 1, `${given.length} of ${told.length}`);
    await spare.start();
    await destination.start();
    const arrived = () => [...spare.arrived, ...destination.arrived];
    await until('all of them', () => arrived().length >= all);
    assert.equal(spare.arrived.length, given.length);
    assert.equal(
      new Set(arrived().map(({ content }) => /body (\d+)/.exec(String(content))?.[1])).size,
      all,
    );
  } finally {
    await gateway.remove();
    await destination.stop();
    await spare.stop();
  }
});
