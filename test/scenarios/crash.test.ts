/** Killed at the worst moments: what got a 250 is delivered once or twice, never zero times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { clockSetTo } from '../support/set-clock.ts';
import { SmtpTalk, sendMail, stuffed } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const QUICK =
  'queue: { retry: [1s], probe: 1s }\nlimits: { min_free_space: 1MiB, connections_per_client: 500 }';
const TO = ['anna@example.org'];
const mail = (name: string) => `Subject: ${name}\r\n\r\nbody of ${name}.\r\n`;

function bodies(destination: Destination): string[] {
  return destination.arrived.map(
    ({ content }) => /body of (\S+)\./.exec(content.toString())?.[1] ?? '?',
  );
}

test('killed before the final dot was answered: no half message, at most one whole', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const cut = await SmtpTalk.greeted(gateway.port());
    await cut.say('MAIL FROM:<a@b.example>');
    await cut.say('RCPT TO:<anna@example.org>');
    await cut.say('DATA');
    cut.write(mail('unfinished'));
    const answered = await SmtpTalk.greeted(gateway.port());
    await answered.say('MAIL FROM:<a@b.example>');
    await answered.say('RCPT TO:<anna@example.org>');
    await answered.say('DATA');
    answered.write(stuffed(mail('whole')));
    await gateway.kill();
    const reply = await answered.reply();
    await destination.start();
    await gateway.start();
    const sent = await sendMail(gateway.port(), 'a@b.example', TO, mail('after'));
    assert.match(sent, /^250/);
    await until(
      'the queue to be empty',
      async () => (await gateway.cli('queue', 'count')).stdout.trim() === '0',
    );
    const got = bodies(destination);
    assert.ok(!got.includes('unfinished'));
    const copies = got.filter((name) => name === 'whole').length;
    assert.ok(reply === '' ? copies <= 1 : copies >= 1, `${copies} copies after "${reply}"`);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('killed right after the 250: delivered after the restart', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', TO, mail('kept'));
    await gateway.kill();
    assert.match(reply, /^250 .* queued/);
    await destination.start();
    await gateway.start();
    await until('delivery', () => bodies(destination).includes('kept'));
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('killed between delivery and mark: delivered again rather than lost', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', TO, mail('twice'));
    const id = /Ok: (\S+) queued/.exec(reply)?.[1] ?? '';
    const taken: string[] = [];
    destination.behaviour = {
      final: async (arrived) => {
        await gateway.kill();
        taken.push(arrived.content.toString());
        return '250 2.0.0 Ok';
      },
    };
    await destination.start();
    await until('the first delivery', () => taken.length === 1);
    destination.behaviour = {};
    destination.arrived.length = 0;
    await gateway.start();
    await until('the second delivery', () => bodies(destination).includes('twice'));
    assert.ok(
      taken[0]?.includes(` id ${id}`) && destination.arrived[0]?.content.includes(` id ${id}`),
    );
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('killed, and started again with its clock a year back: no id is given twice', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const idOf = (reply: string) => /Ok: (\S+) delivered/.exec(reply)?.[1] ?? '';
    const send = async () => idOf(await sendMail(gateway.port(), '', TO, mail('m')));
    const before = [await send(), await send()];
    await gateway.kill();
    await gateway.start(60_000, ...clockSetTo(Date.now() - 365 * 86_400_000));
    const ready = Date.parse(String(gateway.lines[0]?.['time']));
    assert.ok(ready < Date.now() - 300 * 86_400_000, 'its clock is a year back');
    const ids = [...before, await send(), await send()];
    assert.deepEqual(ids.toSorted(), ids, 'each is above the one before');
    assert.equal(new Set(ids).size, 4);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('killed at random moments under load: every 250 is kept', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  const accepted = new Set<string>();
  try {
    for (let round = 0; round < 4; round++) {
      // Down in every other round, so that both ways to a 250 are cut.
      if (round % 2 === 0) await destination.stop();
      else await destination.start();
      let sending = true;
      const senders = Array.from({ length: 8 }, async (_, sender) => {
        for (let n = 0; sending; n++) {
          const name = `r${round}s${sender}n${n}`;
          const reply = await sendMail(gateway.port(), 'a@b.example', TO, mail(name)).catch(
            () => '',
          );
          if (reply.startsWith('250')) accepted.add(name);
          if (reply === '') return;
        }
      });
      const before = accepted.size;
      await until('some mail to be accepted', () => accepted.size >= before + 20 + round * 15);
      await gateway.kill();
      sending = false;
      await Promise.all(senders);
      if (round % 2 === 0) await destination.start();
      await gateway.start();
    }
    const arrived = () => new Set(bodies(destination));
    await until(
      'everything accepted to arrive',
      () => [...accepted].every((name) => arrived().has(name)),
      30_000,
    );
    const copies = destination.arrived.length - arrived().size;
    assert.ok(copies <= 4 * 40, `${copies} second copies of ${accepted.size}`);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
