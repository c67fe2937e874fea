/** An outage and its end as an administrator sees them: queue, destinations, status, mailq, log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TailFormat } from '../../src/cli/tail-format.ts';
import type { Ran } from '../support/command.ts';
import { runCommand, runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

type Row = Readonly<Record<string, unknown>>;

const mail = (subject: string) => `Subject: ${subject}\r\n\r\nbody\r\n`;

const cli = (gateway: Gateway, ...words: string[]): Promise<Ran> =>
  runInside(words, { env: { SLUICE_CONFIG: gateway.configFile } });

async function rows(gateway: Gateway, ...words: string[]): Promise<Row[]> {
  const { out } = await cli(gateway, ...words, '--json');
  const lines = out.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Row); // our own output
}

/** The log so far as `sluice tail` shows it: times and ids left out. */
function tail(gateway: Gateway): string[] {
  const format = new TailFormat({ hasColour: false });
  const shown = gateway.lines.filter(({ level }) => level !== 'debug');
  return [...shown.flatMap((line) => format.lines(line)), ...format.flush()]
    .map((line) =>
      line
        .slice(13)
        .replace(/ \S{10}\.\d+ /, ' ')
        .replaceAll(/ +/g, ' '),
    )
    .filter((line) => !/^(NOTE|WARN) /.test(line));
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
    const table = await cli(gateway, 'queue', 'list');
    for (const line of table.out.trim().split('\n').slice(1)) {
      assert.match(line, new RegExp(` [89]m +[01] .*${reason}$`));
    }
    const shape = await rows(gateway, 'queue', 'shape', '--by', 'reason');
    assert.deepEqual(
      shape.map((row) => [row['key'], row['total']]),
      [
        ['TOTAL', 2],
        [reason, 2],
      ],
    );
    const id = String(queue[1]?.['id']);
    const shown = await cli(gateway, 'queue', 'show', id, '-e');
    assert.match(shown.out, new RegExp(`^state {8}deferred, ${reason}$`, 'm'));
    assert.match(
      shown.out,
      /^next try {5}in [89]m, when the destination answers, which has been down for \d+/m,
    );
    const mailq = await cli(gateway, 'mailq');
    assert.equal(mailq.out.split(`(${reason})`).length - 1, 2);
    const found = await rows(gateway, 'queue', 'list', '--reason', '^destination down');
    assert.equal(found.length, 2);

    const [listed] = await rows(gateway, 'destination', 'list');
    assert.equal(listed?.['state'], 'down');
    assert.equal(listed['last'], `${where}: connection refused`);
    assert.equal(listed['waiting'], 2);
    assert.ok(Date.parse(String(listed['last_at'])) <= Date.now());
    assert.ok(Date.parse(String(listed['next_probe_at'])) > Date.now() + 60_000);
    const status = await cli(gateway, 'status');
    assert.equal(status.code, 0, 'a customer whose server is down is no fault of the gateway');
    assert.match(status.out, new RegExp(`destinations down: ${where} for \\d+s`));

    await destination.start();
    assert.equal((await cli(gateway, 'queue', 'retry', id)).code, 0);
    await until('both delivered', () => destination.arrived.length === 2);
    const up = await gateway.event('dest.up');
    assert.deepEqual(up['domains'], ['example.org']);
    assert.equal(typeof up['down'], 'number');
    const [after] = await rows(gateway, 'destination', 'list');
    assert.deepEqual([after?.['state'], after?.['last']], ['up', 'answered']);
    assert.equal(after?.['next_probe_at'], undefined);
    assert.match((await cli(gateway, 'destination', 'list')).out, /up .* answered$/m);
    assert.doesNotMatch((await cli(gateway, 'status')).out, /destinations down/);

    // One number for the size of a mail, wherever it is told.
    const sizes = ['msg.in', 'msg.done'].map(
      (evt) => gateway.events(evt).find((line) => line['id'] === id)?.['size'],
    );
    assert.deepEqual(sizes, [queue[1]?.['size'], queue[1]?.['size']]);

    const lines = tail(gateway);
    const verbs = lines.map((line) => line.split(' ')[0]);
    assert.deepEqual(verbs, ['DOWN', 'QUEUE', 'QUEUE', 'UP', 'SENT', 'SENT'], lines.join('\n'));
    assert.match(
      lines[1] ?? '',
      new RegExp(`> anna@example\\.org .*${where}: connection refused$`),
    );
    assert.match(lines[2] ?? '', /> anna@example\.org \(\+1\) .*dest_down$/);
    assert.match(lines[3] ?? '', new RegExp(`${where} answers again, was down for \\d+s`));
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('mail of one session is listed in the order in which it came, however much it was', async () => {
  const { gateway, port } = await outage();
  try {
    const talk = await SmtpTalk.greeted(port);
    for (let number = 1; number <= 11; number++) {
      const reply = await talk.send('a@b.example', ['anna@example.org'], mail(`${number}`));
      assert.match(reply, /^250/);
    }
    await talk.quit();
    const listed = await rows(gateway, 'queue', 'list');
    const numbers = listed.map((row) => Number(String(row['id']).split('.')[1]));
    assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  } finally {
    await gateway.remove();
  }
});

test('a reload names the files of its problems as check does', async () => {
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(1) } });
  try {
    await gateway.configure({ domains: { 'example.org': 'domain: example.org\nnonsense: 1\n' } });
    const check = await runCommand(['check', '-c', gateway.configFile], { cwd: gateway.folder });
    const reload = await runCommand(['reload', '-c', gateway.configFile], { cwd: gateway.folder });
    const problems = (text: string) => text.split('\n').filter((line) => / error /.test(line));
    assert.match(check.out, /^domains\/example\.org\.yaml:2:1 error nonsense: /m);
    assert.deepEqual(problems(reload.out), problems(check.out));
  } finally {
    await gateway.remove();
  }
});

test('mail taken while nobody could be asked is held for the outage, and no suspect', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const domain = domainFile(destination.port, { recipients: 'callout', outage: 'hold' });
  const gateway = await Gateway.run({ domains: { 'example.org': domain } });
  try {
    await sendMail(gateway.port(), 'a@b.example', ['x@example.org'], mail('who'));
    const came = await gateway.event('msg.in');
    assert.deepEqual([came['res'], came['how'], came['why']], ['accept', 'held', 'outage']);
    const [traced] = await rows(gateway, 'trace', 'x@example.org');
    assert.deepEqual([traced?.['result'], traced?.['why']], ['accepted/held', 'outage']);
    const lines = tail(gateway);
    assert.ok(
      lines.some((line) => /^HOLD .*a@b\.example > x@example\.org .*outage: recipient/.test(line)),
    );
    assert.ok(!lines.some((line) => line.startsWith('QUAR')));
  } finally {
    await gateway.remove();
  }
});

test('a destination that puts a recipient off is not called down', async () => {
  const destination = await new Destination({ rcpt: () => '451 4.3.0 not now' }).start();
  const domain = domainFile(destination.port, { recipients: 'callout' });
  const gateway = await Gateway.run({ domains: { 'example.org': domain } });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['x@example.org'], mail('who'));
    assert.match(reply, /^451 4\.1\.1 .*\(destination\)$/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('of several recipients each is told the truth about, wherever an administrator looks', async () => {
  const answers: Record<string, string> = {
    full: '452 4.2.2 mailbox full',
    gone: '550 5.1.1 no such user',
  };
  const destination = await new Destination({
    rcpt: (address) => answers[address.split('@')[0] ?? ''] ?? '250 2.1.5 Ok',
  }).start();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h] }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  const send = (...locals: string[]) =>
    cli(gateway, 'test-message', '--to', ...locals.map((local) => `${local}@example.org`));
  const traced = async (local: string) => {
    const [row] = await rows(gateway, 'trace', `${local}@example.org`);
    return { to: row?.['to'], result: row?.['result'], why: row?.['why'], each: row?.['outcomes'] };
  };
  try {
    // One has it, the other waits: the sender heard 250, and both stand in every view.
    assert.equal((await send('anna', 'full')).code, 0);
    assert.deepEqual(await traced('full'), {
      to: 'anna@example.org,full@example.org',
      result: 'accepted/deferred',
      why: 'destination',
      each: { delivered: 1, deferred: 1 },
    });
    const [waits] = await rows(gateway, 'queue', 'list');
    assert.deepEqual(
      ((waits?.['rcpts'] ?? []) as Row[]).map((rcpt) => [rcpt['addr'], rcpt['reason']]), // our own output
      [['full@example.org', '452 4.2.2 mailbox full']],
    );

    // One has it, the other is refused for good, later: no bounce, held.
    assert.equal((await send('bob', 'gone')).code, 0);
    await gateway.event('rcpt.hold');
    assert.deepEqual(await traced('gone'), {
      to: 'bob@example.org,gone@example.org',
      result: 'accepted/held',
      why: 'undeliverable',
      each: { delivered: 1, held: 1 },
    });
    const table = await cli(gateway, 'trace', 'gone@example.org');
    assert.match(
      table.out,
      /bob@example\.org \(\+1\) {2}accepted\/held undeliverable \(1 delivered, 1 held\)/,
    );

    // One is refused in the handshake, the other has it: that one's address is not ours.
    const mixed = await cli(gateway, 'test-message', '--to', 'carl@example.org', 'x@not-ours.test');
    assert.equal(mixed.code, 2, 'not all of it was taken');
    assert.match(mixed.out, /^<\*\* 550 5\.7\.1 /m);
    assert.match(mixed.out, /^<- {2}250 2\.0\.0 Ok: \S+ delivered/m);
    assert.deepEqual(await traced('carl'), {
      to: 'carl@example.org',
      result: 'accepted/delivered',
      why: '',
      each: undefined,
    });

    const from = 'sluice-test@mx.sluice.test';
    const lines = tail(gateway);
    const about = (text: string) => lines.filter((line) => line.includes(text));
    const [anna] = about('anna@');
    assert.match(anna ?? '', new RegExp(`^SENT ${from} > anna@example\\.org .*250 2`));
    const [full] = about('full@');
    assert.match(
      full ?? '',
      new RegExp(`^QUEUE ${from} > full@example\\.org .*452 4\\.2\\.2 mail`),
    );
    const verbs = (text: string) => about(text).map((line) => line.split(' ')[0]);
    assert.deepEqual(verbs('bob@'), ['SENT']);
    assert.deepEqual(verbs('gone@'), ['QUEUE', 'FAIL', 'HOLD']);
    assert.deepEqual(verbs('carl@'), ['SENT']);
    assert.deepEqual(verbs('x@not-ours'), ['REJECT']);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a destination that puts everything off, and mail whose time is over, say so in words', async () => {
  const destination = await new Destination({ mail: () => '451 4.3.0 disk is full' }).start();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [100ms], lifetime: 4s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail('late'));
    await until('the state', async () => {
      const { out } = await cli(gateway, 'destination', 'list');
      return / refusing /.test(out);
    });
    const shown = await cli(gateway, 'destination', 'show', 'example.org');
    assert.match(shown.out, /^state +refusing for \d+s\n +it answers and puts our mail off /m);
    await gateway.event('rcpt.hold');
    const table = await cli(gateway, 'queue', 'list', '-H', '-o', 'state,reason');
    assert.equal(table.out, 'hold  held by gateway (expired): 451 4.3.0 disk is full\n');
    const found = await cli(gateway, 'queue', 'list', '-H', '-o', 'id', '--reason', 'expired');
    assert.equal(found.code, 0);
    // It is still here: what traces call expired is gone.
    const row = ['anna@example.org', '--result', 'accepted/held'];
    await until('its row', async () => (await cli(gateway, 'trace', ...row)).code === 0);
    const traced = await cli(gateway, 'trace', ...row);
    assert.match(traced.out, / accepted\/held expired /);
    const life = await cli(gateway, 'trace', String(gateway.events('rcpt.hold')[0]?.['id']));
    assert.match(life.out, / held +anna@example\.org 451 4\.3\.0 disk is full \(expired\)$/m);
    // One that takes mail again needs no advice.
    destination.behaviour = {};
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail('now'));
    const well = await cli(gateway, 'destination', 'show', 'example.org');
    assert.match(well.out, /^state +up for \d+s\ngood answer/m);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
