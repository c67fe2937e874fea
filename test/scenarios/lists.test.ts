/** Who is blocked hears so at RCPT; who is allowed is not judged as spam, and no forger passes for him. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from '../support/command.ts';
import { domainFile } from '../support/domain-file.ts';
import { FilteredClients } from '../support/filtered-clients.ts';
import { proxiedClient } from '../support/proxied-client.ts';
import type { ProxiedMail } from '../support/proxied-client.ts';
import { Gateway } from '../support/gateway.ts';

const PLUGINS = `
  - lists:
      block:
        - { who: 192.0.2.66 }
        - { who: bad.test }
        - { who: x@one.test }
        - { who: bücher.test }
        - { who: xn--fhre-5qa.test, only_for: [anna@straße.test] }
        - { who: nagging.test, only_for: [anna@example.org] }
        - { who: past.test, until: 2020-01-01 }
      allow:
        - { who: 192.0.2.10, note: "the scanner in the hall" }
        - { who: friend.test }
        - { who: word.test, unproven: true }
        - { who: liked.test, only_for: [anna@example.org], unproven: true }
  - dns-lists: { clients: [{ zone: listed.test, score: 50 }] }
  - sender-auth: { dmarc: mark }
`;

const LISTED = { a: ['127.0.0.2'] };
const rig = FilteredClients.of({
  dns: {
    '10.2.0.192.listed.test': LISTED,
    '20.2.0.192.listed.test': LISTED,
    '21.2.0.192.listed.test': LISTED,
    'friend.test': { txt: [['v=spf1 ip4:192.0.2.20 -all']] },
  },
  plugins: PLUGINS,
  domains: (port) => ({
    'example.org': domainFile(port),
    'straße.test': domainFile(port, {}, 'straße.test'),
    'open.test': domainFile(
      port,
      { lists: '{ allow: [{ who: bad.test, unproven: true }] }' },
      'open.test',
    ),
  }),
});

const send = (client: string, mail: Omit<ProxiedMail, 'client'> = {}) =>
  rig.send({ client, ...mail });
const SPAM = /^550 5\.7\.1 .*score 50\.0 \(spam\)/;

test('a blocked sender or network is refused at RCPT, with its reason in reply, log and trace', async () => {
  assert.equal(
    await send('192.0.2.66'),
    '550 5.7.1 Your network is blocked here: 192.0.2.66 (blocked)',
  );
  const reply = await send('192.0.2.1', { from: 'x@news.bad.test' });
  assert.equal(reply, '550 5.7.1 This sender is blocked here: bad.test (blocked)');
  const line = await rig.gateway.event('smtp.reject.rcpt');
  assert.equal(line['why'], 'blocked');
  const { stdout } = await rig.gateway.cli('trace', String(line['id']));
  assert.match(stdout, /lists refuse BLOCKED \(blocked=192\.0\.2\.66\)/);
});

const UTF8 = (line: string) => Buffer.from(line).toString('latin1');

test('a name beyond ASCII is blocked in both of its forms, whichever of them the entry has', async () => {
  const blocked = /^550 5\.7\.1 This sender is blocked here/;
  assert.match(await send('192.0.2.1', { from: 'x@news.xn--bcher-kva.test' }), blocked);
  const to = 'anna@xn--strae-oqa.test';
  assert.match(await send('192.0.2.1', { from: 'x@xn--fhre-5qa.test', to }), blocked);
  const talk = await proxiedClient(rig.gateway.port(), '192.0.2.1');
  await talk.reply();
  await talk.say('EHLO client.test');
  assert.match(await talk.say(UTF8('MAIL FROM:<x@föhre.test> SMTPUTF8')), /^250 /);
  assert.match(await talk.say(UTF8('RCPT TO:<anna@straße.test>')), blocked);
  assert.match(await talk.say(UTF8('RCPT TO:<bob@straße.test>')), /^250 /);
  await talk.quit();
});

test('an entry is for its mailbox, until its last day, and a domain may take what is blocked', async () => {
  assert.match(await send('192.0.2.1', { from: 'x@nagging.test' }), /^550 .*\(blocked\)/);
  for (const to of ['"anna"@example.org', '"ANNA"@Example.ORG']) {
    assert.match(await send('192.0.2.1', { from: 'x@nagging.test', to }), /^550 .*\(blocked\)/, to);
  }
  assert.match(await send('192.0.2.1', { from: 'x@nagging.test', to: 'eva@example.org' }), /^250/);
  assert.match(await send('192.0.2.1', { from: 'x@past.test' }), /^250/);
  for (const from of ['x@one.test', '"x"@one.test', '"\\x"@one.test']) {
    assert.match(await send('192.0.2.1', { from }), /^550 .*\(blocked\)/, from);
  }
  assert.match(await send('192.0.2.1', { from: 'x@bad.test', to: 'a@open.test' }), /^250/);
});

test('an allowed network is not judged as spam, and no list is asked about it', async () => {
  assert.match(await send('192.0.2.21'), SPAM);
  assert.match(await send('192.0.2.10'), /^250/);
  assert.ok(!rig.dns.asked.some((one) => one.includes('10.2.0.192.listed')));
  assert.doesNotMatch(String(rig.destination.arrived.at(-1)?.content), /X-Sluice-Score/);
});

test('an allowed sender counts when he is proven, and a forger does not', async () => {
  assert.match(await send('192.0.2.20', { from: 'bob@friend.test' }), /^250/);
  assert.match(await send('192.0.2.21', { from: 'bob@friend.test' }), SPAM);
  const content = 'From: bob@friend.test\r\nSubject: hi\r\n\r\nhello\r\n';
  assert.match(await send('192.0.2.21', { from: 'x@other.test', content }), SPAM);
  assert.match(await send('192.0.2.21', { from: 'bob@word.test' }), /^250/);
});

test('who is allowed for one mailbox is judged for the others', async () => {
  const from = 'x@liked.test';
  assert.match(await send('192.0.2.21', { from }), /^250/);
  assert.match(await send('192.0.2.21', { from, to: 'eva@example.org' }), SPAM);
  for (const [first, second] of [
    ['anna', 'eva'],
    ['eva', 'anna'],
  ]) {
    const talk = await proxiedClient(rig.gateway.port(), '192.0.2.21');
    await talk.reply();
    await talk.say('EHLO client.test');
    await talk.say(`MAIL FROM:<${from}>`);
    assert.match(await talk.say(`RCPT TO:<${first}@example.org>`), /^250/);
    assert.match(await talk.say(`RCPT TO:<${second}@example.org>`), /^452 4\.5\.3/);
    await talk.quit();
  }
});

test('entries by command: in force at once, over a kill too, and shown with those of the files', async () => {
  const list = (...words: string[]) => rig.gateway.cli('list', ...words);
  const from = 'x@noisy.test';
  assert.match(await send('192.0.2.1', { from }), /^250/);
  const until = ['--until', '2999-12-31', '--note', 'asked twice'];
  const added = await list('add', 'block', 'noisy.test', ...until);
  assert.deepEqual([added.code, added.stdout], [0, 'noisy.test  added\n'], added.stderr);
  const reply = await send('192.0.2.1', { from: 'x@very.noisy.test' });
  assert.equal(reply, '550 5.7.1 This sender is blocked here: noisy.test (blocked)');
  assert.equal((await list('add', 'allow', 'noisy.test', '--domain', 'open.test')).code, 0);
  assert.equal((await list('add', 'allow', '203.0.113.0/24', '--for', 'eva@example.org')).code, 0);

  await rig.gateway.kill();
  await rig.gateway.start();
  assert.match(await send('192.0.2.1', { from }), /^550 .*: noisy\.test \(blocked\)/);
  assert.match(await send('192.0.2.1', { from, to: 'a@open.test' }), /^250/);
  const shown = await list('show', '--json');
  const rows = shown.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const brief = rows.map((row) => [row.list, row.who, row.domain, row.only_for].join(' ').trim());
  assert.ok(brief.includes('block bad.test'), shown.stdout);
  assert.ok(brief.includes('allow bad.test open.test'));
  assert.ok(brief.includes('allow 203.0.113.0/24  eva@example.org'));
  const mine = rows.find((row) => row.who === 'noisy.test' && row.list === 'block');
  assert.deepEqual([mine.source, mine.until, mine.note], ['command', '2999-12-31', 'asked twice']);
  assert.ok(rows.some((row) => String(row.source).endsWith('sluice.yaml')));
  assert.ok(rows.some((row) => String(row.source).endsWith('open.test.yaml')));
  assert.match((await list('show', 'noisy')).stdout, /^LIST +WHO.*\n(?:block|allow) /);

  const input = '# from the old server\n198.51.100.0/24  # a note\n\nbulk.test\nnonsense\n';
  const env = { SLUICE_CONFIG: rig.gateway.configFile };
  const read = await runCommand(['list', 'add', 'block', '-'], { env, input });
  assert.deepEqual([read.code, read.out.match(/ {2}added$/gm)?.length], [2, 2], read.err);
  await rig.gateway.kill();
  await rig.gateway.start();
  assert.match(await send('198.51.100.7'), /: 198\.51\.100\.0\/24 \(blocked\)/);

  for (const words of [
    ['bad'],
    ['x.test', '--until', '2020-01-01'],
    ['x.test', '--domain', 'no.test'],
  ]) {
    const wrong = await list('add', 'block', ...words);
    assert.equal(wrong.code, 2, wrong.stdout);
    assert.match(wrong.stdout, /  wrong: (who|until|no\.test)/);
  }
  assert.equal((await list('add', 'grey', 'x.test')).code, 64);
  assert.equal((await list('remove', 'block', 'bad.test')).code, 1, 'a file is changed by hand');
  const removed = await list('remove', 'block', 'NOISY.test');
  assert.deepEqual([removed.code, removed.stdout], [0, 'NOISY.test  removed\n']);
  assert.match(await send('192.0.2.1', { from }), /^250/);
  await rig.gateway.kill();
  await rig.gateway.start();
  assert.match(await send('192.0.2.1', { from }), /^250/);
});

test('without the plugin an entry is refused in words', async (t) => {
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(1) } });
  t.after(() => gateway.remove());
  const { code, stdout, stderr } = await gateway.cli('list', 'add', 'block', 'noisy.test');
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^sluice: the plugin "lists" is not in force: name it under "plugins"$/m);
});
