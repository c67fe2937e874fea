/** I54 L1 L4: every message of an account that wants it is kept, found, written out and sent once more. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const KEPT = '127.0.4.1';
const PLAIN = '127.0.4.2';

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  gateway = await Gateway.run({
    node: 'queue: { retry: [100ms], probe: 100ms }',
    domains: {
      'firm.test': domainFile(
        destination.port,
        {
          outgoing: `{ enabled: true, accounts: [{ ip: ${KEPT}, archive: true }, { ip: ${PLAIN} }] }`,
        },
        'firm.test',
      ),
      'away.test': domainFile(destination.port, { recipients: 'callout' }, 'away.test'),
    },
  });
});
beforeEach(() => {
  destination.behaviour = {};
  destination.arrived.length = 0;
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});

async function send(address: string, subject: string, to = ['eve@away.test'], body = 'Hello') {
  const talk = await SmtpTalk.greeted(gateway.port(), 'client.test', address);
  try {
    const content = `From: anna@firm.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject.length}@firm.test>\r\n\r\n${body}\r\n`;
    return await talk.send('anna@firm.test', to, content);
  } finally {
    await talk.quit().catch(() => undefined);
  }
}

const idOf = (reply: string) => /Ok: (\S+) /.exec(reply)?.[1] ?? '';
const sluice = (...words: string[]) => runInside([...words, '-c', gateway.configFile], {});
const mailFolder = () => join(gateway.folder, 'data', 'archive', 'mail');
const idsIn = (out: string) =>
  out
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id);

async function listed(...options: string[]): Promise<string[]> {
  const ran = await sluice('archive', 'list', '--json', ...options);
  return idsIn(ran.out);
}

test('I54 L1 L4: what was taken is there, with its envelope and byte for byte as it went out', async () => {
  const id = idOf(await send(KEPT, 'Offer of the year', ['eve@away.test', 'Bob@Away.test']));
  await send(PLAIN, 'Offer of another');
  const sent = destination.arrived[0]?.content;
  for (const options of [
    [],
    ['--from', 'ANNA@firm.test'],
    ['--from', '@firm.test', '--to', 'bob@away.test'],
    ['--account', KEPT, '--domain', 'firm.test'],
    ['--subject', 'year offer'],
    ['--msgid', '<17@firm.test>'],
    ['--since', '1h', '--to', '@away.test'],
  ])
    assert.deepEqual(await listed(...options), [id], options.join(' '));
  for (const options of [
    ['--from', 'eve@away.test'],
    ['--subject', 'offer another'],
    ['--until', '1h'],
  ])
    assert.deepEqual(await listed(...options), [], options.join(' '));
  assert.equal((await sluice('archive', 'list', '--from', 'x@y.test')).code, 1);

  const raw = await sluice('archive', 'show', id, '--raw');
  assert.equal(raw.out, sent?.toString());
  const shown = await sluice('archive', 'show', id);
  assert.match(shown.out, /^account +127\.0\.4\.1 of firm\.test$/m);
  assert.match(shown.out, /^to +Bob@Away\.test$/m);
  const [day = ''] = readdirSync(mailFolder());
  assert.equal(statSync(join(mailFolder(), day, `${id}.eml`)).mode & 0o777, 0o600);
});

test('L1: what is not taken is not kept; what waits or is held is', async () => {
  const before = await listed();
  destination.behaviour = { final: () => '550 5.7.1 no' };
  assert.match(await send(KEPT, 'refused'), /^550 /);
  assert.deepEqual(await listed(), before);
  assert.equal(
    readdirSync(join(mailFolder(), readdirSync(mailFolder())[0] ?? '')).length,
    before.length * 2,
  );
  destination.behaviour = { final: () => '451 4.3.0 later' };
  const id = idOf(await send(KEPT, 'later'));
  assert.deepEqual((await listed())[0], id);
  destination.behaviour = {};
  await gateway.event('msg.done', (line) => line['id'] === id);
});

test('L4: it is sent once more, to those who had it or to others', async () => {
  const id = idOf(await send(KEPT, 'once', ['eve@away.test', 'bob@away.test']));
  const sent = destination.arrived[0]?.content;
  destination.arrived.length = 0;
  const again = await sluice('archive', 'resend', id);
  assert.match(again.out, new RegExp(`^${id} goes out as \\S+\\n$`));
  await until('it has come again', () => destination.arrived.length === 1);
  assert.deepEqual(destination.arrived[0]?.to, ['eve@away.test', 'bob@away.test']);
  assert.deepEqual(destination.arrived[0]?.content, sent);
  const first = /goes out as (\S+)/.exec(again.out)?.[1];
  const repeated = await sluice('archive', 'resend', id);
  assert.equal(repeated.code, 1, 'its answer may have been lost: nothing goes twice by accident');
  assert.match(repeated.out, new RegExp(`^${id} went out as ${first} .*--anyway`));
  const two = await Promise.all(
    [1, 2].map(() => sluice('archive', 'resend', id, '--to', 'c@firm.test', '--json')),
  );
  const goesOutAs = ({ out }: { out: string }) =>
    String((JSON.parse(out) as { ids: string[] }).ids);
  assert.equal(new Set(two.map(goesOutAs)).size, 1, 'two at once, or nearly so, are one');
  await until('one more', () => destination.arrived.length === 2);
  const wanted = await sluice('archive', 'resend', id, '--anyway');
  assert.deepEqual([wanted.code, wanted.out.includes(String(first))], [0, false]);
  await until('wanted twice', () => destination.arrived.length === 3);
  destination.arrived.splice(1);
  const others = await sluice(
    'archive',
    'resend',
    id,
    '--to',
    'x@firm.test',
    'y@away.test',
    '--json',
  );
  const { ids } = JSON.parse(others.out) as { ids: string[] };
  assert.equal(ids.length, 1, 'one step for all lanes: a crash leaves all of it or nothing');
  await until('they have it', () => destination.arrived.length === 2);
  assert.deepEqual(destination.arrived[1]?.to, ['x@firm.test', 'y@away.test']);
  assert.equal((await sluice('archive', 'resend', '0000000000.1')).code, 1);
});

test('L4: it is written as files, and as an mbox whose messages can be told apart', async () => {
  const id = idOf(await send(KEPT, 'mbox', ['eve@away.test'], 'From here on\r\n>From there'));
  const folder = join(gateway.folder, 'out');
  const files = await sluice('archive', 'export', '--subject', 'mbox', '--to-folder', folder);
  assert.equal(files.out, `1 message written to ${folder}\n`);
  assert.deepEqual(readFileSync(join(folder, `${id}.eml`)), destination.arrived.at(-1)?.content);
  const mbox = join(gateway.folder, 'out.mbox');
  assert.equal((await sluice('archive', 'export', id, '--mbox', mbox)).code, 0);
  const text = readFileSync(mbox, 'utf8');
  assert.match(text, /^From anna@firm\.test \w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}\nReceived: /);
  assert.match(text, /\n\n>From here on\n>>From there\n\n$/);
  assert.equal((await sluice('archive', 'export', id, '--mbox', mbox)).code, 2);
  assert.equal(readFileSync(mbox, 'utf8'), text);
  assert.equal((await sluice('archive', 'export', id)).code, 64);
  const none = join(gateway.folder, 'none.mbox');
  const nobody = await sluice('archive', 'export', '--from', 'nobody@firm.test', '--mbox', none);
  assert.deepEqual([nobody.code, nobody.out], [1, 'no messages: nothing was written\n']);
  for (const given of [['0123456789.1'], [id, '0123456789.1']]) {
    const wrong = await sluice('archive', 'export', ...given, '--mbox', none);
    assert.equal(wrong.code, 1);
  }
  assert.equal(existsSync(none), false);
});

test('L1: a crash loses nothing of it, and a disk that fails takes no mail', async () => {
  const before = await listed();
  await gateway.kill();
  rmSync(join(gateway.folder, 'data', 'archive', 'index'), { recursive: true });
  await gateway.start();
  const found = await until(
    'the index is whole again',
    async () => {
      const ids = await listed();
      return ids.length === before.length && ids;
    },
    30_000,
  );
  assert.deepEqual(found, before);
  await gateway.stop();
  const archive = join(gateway.folder, 'data', 'archive', 'mail');
  rmSync(archive, { recursive: true });
  writeFileSync(archive, '');
  await gateway.start();
  assert.match(await send(KEPT, 'no room'), /^452 4\.3\.1 /);
  assert.match(await send(PLAIN, 'room'), /^250 /);
});
