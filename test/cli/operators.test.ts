/** The commands beside the queue, against a control server with a gateway that is plain data. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { systemClock } from '../../src/base/clock.ts';
import type { DestinationDetail } from '../../src/control/gateway-view.ts';
import { ControlServer } from '../../src/control/server.ts';
import type { InsideOptions } from '../support/command.ts';
import { runInside } from '../support/command.ts';
import { FakeGateway, hostedDomain, queued, remembered, T0 } from '../support/fake-gateway.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { tempFolder } from '../support/temp-folder.ts';

process.env['TZ'] = 'UTC';

async function running(t: TestContext) {
  const gateway = new FakeGateway();
  const socket = join(tempFolder(t), 'control.sock');
  const server = new ControlServer({
    socket,
    address: undefined,
    gateway: gateway.view(),
    clock: systemClock,
    log: new RecordedLog(),
  });
  await server.start();
  t.after(() => server.stop());
  const run = (line: string, more: InsideOptions = {}) =>
    runInside(line.split(' '), { env: { SLUICE_SOCKET: socket }, ...more });
  return { gateway, server, run };
}

test('status is one line, and its exit code says whether all is well', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = [queued('4K7QZ2M9XT.1', { queuedAt: Date.now() - 760_000 })];
  const { code, out } = await run('status');
  assert.equal(code, 0);
  const expected =
    /^sluice 1\.2\.3 {2}pid \d+ {2}up 1h {2}ready {2}in 3\.2\/s {2}out 0\.4\/s {2}queue 1 \(oldest 12m\) {2}scanners clamav=ok {2}config loaded 06:42\n$/;
  assert.match(out, expected);
  const T = Date.now() - 1000;
  const hold = { by: 'root', at: T, reason: 'by_hand', text: 'odd' } as const;
  gateway.messages.push(queued('4K7QZ2M9XT.2', { queuedAt: T, hold }));
  assert.match((await run('status')).out, / {2}queue 1 \(oldest 12m\) {2}held 1 {2}/);
  gateway.messages.pop();
  const narrow = await run('status', { columns: 80 });
  assert.match(narrow.out, / {2}\S.*\n\S/, 'more than one line on a narrow terminal');
  assert.equal(narrow.out.replace('\n', '  '), out);
  const answers = { name: 'clamav', up: true, text: 'ClamAV 1.4' };
  gateway.scanners = [{ ...answers, signatures: { age: 'unknown', text: 'no day' } }];
  assert.deepEqual(await run('status'), { code: 0, out, err: '' }, 'nothing is known to be wrong');
  gateway.scanners = [{ ...answers, signatures: { age: 'old', text: '27449 is 9 days old' } }];
  const old = await run('status');
  assert.match(
    old.out,
    / {2}scanners clamav=ok {2}old signatures: clamav \(27449 is 9 days old\) {2}/,
  );
  assert.equal(old.code, 0, 'mail is looked at');
  gateway.scanners = [{ ...answers, up: false, text: 'refused' }];
  assert.equal((await run('status')).code, 1, 'a warning');
  gateway.state = 'draining';
  const draining = await run('status --json');
  assert.equal(draining.code, 2);
  const row = JSON.parse(draining.out) as Record<string, unknown>;
  assert.deepEqual([row['v'], row['kind'], row['ready']], [1, 'status', false]);
});

test('reload prints the problems of a configuration that was refused', async (t) => {
  const { gateway, run } = await running(t);
  assert.deepEqual(await run('reload'), { code: 0, out: 'reloaded\n', err: '' });
  const place = { file: 'sluice.yaml', line: 41, col: 7, path: 'hostname', text: 'is missing' };
  gateway.reloadResult = {
    ok: true,
    problems: [{ ...place, severity: 'warning' }],
    needsRestart: [],
  };
  assert.deepEqual(await run('reload'), {
    code: 0,
    out: 'sluice.yaml:41:7 warning hostname: is missing\nreloaded\n',
    err: '',
  });
  gateway.reloadResult = {
    ok: false,
    problems: [{ ...place, severity: 'error' }],
    needsRestart: [],
  };
  assert.deepEqual(await run('reload'), {
    code: 78,
    out: 'sluice.yaml:41:7 error hostname: is missing\nrefused: nothing was changed\n',
    err: '',
  });
});

test('stop waits until the gateway is gone', async (t) => {
  const { gateway, server, run } = await running(t);
  gateway.pid = spawnSync(process.execPath, ['--version']).pid; // of a process that has ended
  let ended = false;
  gateway.onStop = () => {
    setTimeout(() => {
      ended = true;
      void server.stop();
    }, 300);
  };
  assert.deepEqual(await run('stop'), { code: 0, out: 'stopped\n', err: '' });
  assert.ok(ended);
});

test('domains and destinations are listed and shown', async (t) => {
  const { gateway, run } = await running(t);
  gateway.domains = [hostedDomain('example.org')];
  gateway.destinations = [
    {
      name: '192.0.2.10:25',
      domains: ['example.org'],
      hosts: ['192.0.2.10:25'],
      state: 'down',
      since: Date.now() - 300_500,
      fails: 7,
      lastText: '192.0.2.10:25: connection timed out',
      lastAt: Date.now() - 12_500,
      nextProbeAt: Date.now() + 18_500,
      holds: [],
      habits: [{ habit: 'limits', since: Date.now(), advice: 'exempt us' }],
      waiting: 12,
    },
  ];
  assert.equal(
    (await run('domain list')).out,
    'DOMAIN       DESTINATION    RECIPIENTS  OUTAGE  SERVICES                   ALIASES\n' +
      'example.org  192.0.2.10:25  callout     defer   relay,fallback,spam,virus  alias.example.org\n',
  );
  assert.match((await run('domain show ALIAS.example.org')).out, /^domain {7}example\.org$/m);
  assert.equal((await run('domain show elsewhere.example')).code, 1);
  assert.match(
    (await run('destination list')).out,
    /^192\.0\.2\.10:25 {2}down,limits +5m {7}12 {4}18s {3}12s {2}example\.org {2}connection timed out$/m,
  );
  const row = JSON.parse((await run('destination list --json')).out) as Record<string, unknown>;
  assert.deepEqual([row['kind'], row['state'], row['waiting']], ['destination', 'down', 12]);
  gateway.damagedDests = [{ dest: 'example.org', since: 0 }];
  const status = await run('status');
  assert.match(status.out, /queue damaged on disk: example\.org \(sluice store repair\)/);
  assert.equal(status.code, 1);
  assert.match(status.out, / {2}destinations down: 192\.0\.2\.10:25 for 5m {2}/);
  assert.match(status.out, / {2}destinations to look at: 192\.0\.2\.10:25 \(limits\) {2}/);
  const { out } = await run('status', { columns: 80 });
  const [first = '', ...more] = out.trimEnd().split('\n');
  assert.ok(first.startsWith('sluice 1.2.3') && first.length <= 80, out);
  assert.deepEqual(
    more.slice(-3),
    [
      'queue damaged on disk: example.org (sluice store repair)',
      'destinations down: 192.0.2.10:25 for 5m',
      'destinations to look at: 192.0.2.10:25 (limits)',
    ],
    'on a terminal each trouble has a line',
  );
});

test('an empty listing says so to people, and nothing to scripts', async (t) => {
  const { gateway, run } = await running(t);
  gateway.destinations = [];
  for (const [line, said] of [
    ['destination list', 'no destinations\n'],
    ['alert list', 'no alerts\n'],
    ['quarantine list', 'no messages\n'],
    ['queue shape', 'no messages\n'],
  ] as const) {
    assert.deepEqual(await run(line, { columns: 80 }), { code: 1, out: said, err: '' }, line);
    assert.deepEqual(await run(line), { code: 1, out: '', err: '' }, line);
    const json = await run(`${line} --json`, { columns: 80 });
    assert.deepEqual(json, { code: 1, out: '', err: '' }, `${line} --json`);
  }
});

test('a destination is shown with its history, answers and pace', async (t) => {
  const { gateway, run } = await running(t);
  const now = Date.now();
  const detail: DestinationDetail = {
    name: '192.0.2.10:25',
    domains: ['example.org', 'example.net'],
    hosts: ['192.0.2.10:25'],
    state: 'refusing',
    since: now - 300_500,
    fails: 3,
    lastText: '451 4.7.1 not \x1b[31mnow',
    habits: [
      { domain: 'example.org', habit: 'refuses_late', since: now, advice: 'mend it' },
      { habit: 'greylists', since: now - 60_500, evidence: '450 wait', advice: 'exempt us' },
    ],
    holds: [
      { domain: 'example.net', at: now, until: now + 7_205_000, by: 'root', text: 'new disk' },
    ],
    waiting: 12,
    history: [
      { at: now - 7_200_000, state: 'down', text: '192.0.2.10:25: connection refused' },
      { at: now - 300_500, state: 'refusing', text: '451 4.7.1 not now' },
    ],
    answers: [{ at: now - 1000, kind: 'answered', ms: 12.4, text: '' }],
    lastAt: now - 1000,
    goodAt: now - 1000,
    connections: { busy: 2, kept: 1, waiting: 0, max: 20 },
    pace: { running: 2, limit: 4 },
    nextProbeAt: now + 25_500,
    waitingBy: [
      { domain: 'example.org', messages: 10 },
      { domain: 'example.net', messages: 2 },
    ],
  };
  gateway.details = [detail];
  const { out } = await run('destination show example.org');
  assert.match(out, /^state {8}refusing for 5m$/m);
  assert.match(
    out,
    /^last try {5}1s ago: 451 4\.7\.1 not \\x1b\[31mnow$/m,
    'what it says is made harmless',
  );
  assert.match(out, /^held {9}example\.net by root for 2h more: new disk$/m);
  assert.match(out, /^next probe {3}2[45]s$/m);
  assert.match(out, /^warning {6}example\.org: mend it$/m);
  assert.match(out, /^warning {6}for 1m: exempt us \(last: 450 wait\)$/m);
  assert.match(out, /^waiting {6}12 \(example\.org 10, example\.net 2\)$/m);
  assert.match(out, /^connections {2}2 at work, 1 kept, 0 wait for one; at most 20$/m);
  assert.match(out, /^pace {9}2 from the queue now, at most 4$/m);
  assert.match(out, /history:\n {2}\S+ {2}refusing .*\n {2}\S+ {2}down {8}192.*refused\n/);
  assert.match(out, /answered {4}12 ms$/m);
  const row = JSON.parse((await run('destination show example.net --json')).out) as {
    history: unknown[];
  };
  assert.equal(row.history.length, 2);
  const untried = { lastText: '', lastAt: undefined, goodAt: undefined };
  gateway.details = [{ ...detail, ...untried, state: 'unknown' }];
  const fresh = (await run('destination show example.org')).out;
  assert.match(fresh, /^good answer {2}none yet$/m);
  assert.match(fresh, /^last try {5}none yet$/m, 'before the first contact');
  const missing = await run('destination show elsewhere.example');
  assert.deepEqual(
    [missing.code, missing.err],
    [1, 'sluice: elsewhere.example is not served here\n'],
  );
});

test('recipients: list, show, pin, forget', async (t) => {
  const { gateway, run } = await running(t);
  gateway.domains = [hostedDomain('example.org')];
  gateway.memory = [
    remembered('anna@example.org', 'known'),
    remembered('zoe@example.org', 'unknown'),
  ];
  // Two days on the wall, two hours without the outages.
  const now = T0 + 2 * 86_400_000;
  const list = await run('recipient list', { now });
  assert.deepEqual(
    list.out
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(/\s{2,}/)),
    [
      ['ADDRESS', 'ANSWER', 'ORIGIN', 'AGE', 'STATE', 'LEFT', 'DESTINATION'],
      ['anna@example.org', 'known', 'asked', '2d', 'fresh', '1d', '192.0.2.10:25'],
      ['zoe@example.org', 'unknown', 'asked', '2d', 'fresh', '1d', '192.0.2.10:25'],
    ],
  );
  assert.doesNotMatch((await run('recipient list zoe')).out, /anna/);
  assert.doesNotMatch((await run('recipient list --answer unknown')).out, /anna/);
  assert.equal((await run('recipient list --origin imported')).code, 1);
  assert.equal((await run('recipient list --domain example.org --dest 192.0.2.10')).code, 0);
  assert.equal((await run('recipient list --dest 198.51.100.1')).code, 1);
  const shown = await run('recipient show anna@example.org', { now });
  assert.equal(shown.code, 0);
  assert.match(shown.out, /^remembered {3}known \(asked\), 2d ago$/m);
  assert.match(shown.out, /^counts as {4}2h old, good for 1d more; outages are not counted$/m);
  gateway.memory = gateway.memory.map((one) => ({
    ...one,
    origin: 'pinned',
    askedAt: T0 - 60_000,
  }));
  const other = await run('recipient show anna@example.org', { now });
  assert.match(other.out, /^remembered {3}known \(pinned\), 2d ago, by its destination 2d ago$/m);
  assert.match(shown.out, /^now {10}accepted \(callout\)$/m);
  assert.equal((await run('recipient show x@elsewhere.example')).code, 1);
  assert.equal((await run('recipient show nonsense')).code, 64);
  assert.deepEqual(await run('recipient pin bob@example.org --as unknown'), {
    code: 0,
    out: 'bob@example.org  pinned unknown\n',
    err: '',
  });
  assert.equal((await run('recipient pin x@elsewhere.example')).code, 1);
  assert.equal((await run('recipient forget zoe@example.org')).code, 0);
  assert.equal((await run('recipient forget zoe@example.org')).code, 1);
});

test('trace: a table by address, a time line by id', async (t) => {
  const { gateway, run } = await running(t);
  const sid = '4K7QZ2M9XT';
  const id = `${sid}.1`;
  gateway.see('smtp.open', { sid, ip: '203.0.113.9', port: 51514, listener: 'mx' }, 'debug');
  gateway.see('smtp.tls', { sid, proto: 'TLSv1.3', cipher: 'AES' }, 'debug');
  const to = 'anna@example.org';
  gateway.see('rcpt.check', { sid, id, to, source: 'memory', result: 'known' }, 'debug');
  gateway.see('scan.result', { sid, id, engine: 'clamav', verdict: 'clean', ms: 38 }, 'debug');
  gateway.see('msg.in', {
    sid,
    id,
    dir: 'in',
    res: 'accept',
    from: 'a@b.example',
    to,
    size: 12033,
  });
  const answer = { rip: '192.0.2.10', code: 250, text: '250 2.0.0 Ok: queued as 9F1' };
  gateway.see('rcpt.sent', { sid, id, to, ...answer, tls: 'TLSv1.3' });
  const table = await run('trace anna@example.org');
  assert.equal(table.code, 0);
  assert.match(
    table.out,
    /^\d\d-\d\d \d\d:\d\d:\d\d {2}4K7QZ2M9XT\.1 {2}in {3}a@b\.example {2}anna@example\.org {2}accepted\/delivered {2}203\.0\.113\.9$/m,
  );
  const narrow = await run('trace anna@example.org', { columns: 80 });
  assert.match(narrow.out, / {2}accepted\/delivered$/m, 'on 80 columns too');
  const line = await run(`trace ${id.toLowerCase()}`);
  assert.deepEqual(
    line.out
      .trimEnd()
      .split('\n')
      .map((text) => text.replace(/^[\d:.]{12} /, '')),
    [
      'connect     203.0.113.9:51514 → mx',
      'tls         TLSv1.3 AES',
      'verify      <anna@example.org> known (memory)',
      'scan        clamav clean took 38 ms',
      'accept      <a@b.example> > anna@example.org (size 12K)',
      'delivered   anna@example.org → 192.0.2.10 250 2.0.0 Ok: queued as 9F1 (TLSv1.3)',
    ],
  );
  const events = (await run(`trace ${id} --json`)).out.trimEnd().split('\n');
  assert.match(
    events[0] ?? '',
    /^\{"v":1,"kind":"event","level":"debug","time":"[^"]+","evt":"smtp\.open","ip":"203\.0\.113\.9"/,
  );
  const none = await run('trace 4K7QZ2M9XX.1');
  assert.equal(none.code, 1);
  assert.match(none.err, /no trace of 4K7QZ2M9XX\.1/);
  assert.equal((await run('trace @example.org --result rejected')).code, 1);
  assert.equal((await run('trace @example.org --since 1h')).code, 0);
  assert.equal((await run('trace @example.org --since yesterday')).code, 64);
});

/** An SMTP server that answers each verb as it is told. */
async function smtpServer(t: TestContext, answers: Readonly<Record<string, string>>) {
  const heard: string[] = [];
  const server = createServer((socket) => {
    let inContent = false;
    socket.write('220 mx1.example.net ESMTP\r\n');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const line of chunk.toString().split('\r\n').slice(0, -1)) {
        heard.push(line);
        if (inContent && line !== '.') continue;
        const verb = inContent ? '.' : (line.split(/[ :]/)[0] ?? '');
        inContent = verb === 'DATA';
        socket.write(`${answers[verb] ?? (inContent ? '354 go on' : '250 2.0.0 Ok')}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, heard };
}

test('test-message speaks to the first listener and shows the dialogue', async (t) => {
  const { gateway, run } = await running(t);
  const { port, heard } = await smtpServer(t, {
    EHLO: '250-mx1.example.net\r\n250 SIZE 1000',
    '.': '250 2.0.0 Ok: 4K7QZ2M9XT.1 \x1b[2Jdelivered',
  });
  gateway.listeners = [{ name: 'mx', address: '0.0.0.0', port, sessions: 0 }];
  const { code, out } = await run('test-message --to anna@example.org');
  assert.equal(code, 0);
  for (const line of [
    `=== connecting to 127.0.0.1:${port}`,
    '<-  220 mx1.example.net ESMTP',
    '<-  250-mx1.example.net',
    ' -> MAIL FROM:<sluice-test@mx1.example.net>',
    ' -> RCPT TO:<anna@example.org>',
    ' -> .',
    '<-  250 2.0.0 Ok: 4K7QZ2M9XT.1 \\x1b[2Jdelivered',
    ' -> QUIT',
  ]) {
    assert.ok(out.split('\n').includes(line), `${line}\n${out}`);
  }
  assert.ok(heard.some((line) => line.startsWith('Subject: Test message (clean)')));
});

test('test-message uses TLS where it is offered, and says what the certificate is worth', async (t) => {
  const { run } = await running(t);
  const secured: boolean[] = [];
  const server = new SMTPServer({
    ...SELF_SIGNED,
    ...{ authOptional: true, closeTimeout: 1 },
    onData(stream, session, answer) {
      secured.push(session.secure);
      stream.resume().once('end', () => answer(null));
    },
  });
  server.on('error', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.server.address() as AddressInfo; // of a TCP server
  const { code, out } = await run(`test-message --to a@b.example --via localhost:${port}`);
  assert.equal(code, 0, out);
  assert.deepEqual(secured, [true]);
  assert.match(
    out,
    /^ -> STARTTLS\n<- {2}220 [^\n]+\n=== TLSv1\.[23] \S+; certificate not proven \(\S+\)\n -> EHLO /m,
  );

  const { port: unwilling } = await smtpServer(t, {
    EHLO: '250-mx.test\r\n250 STARTTLS',
    STARTTLS: '454 4.7.0 not now',
  });
  const clear = await run(`test-message --to a@b.example --via 127.0.0.1:${unwilling}`);
  assert.equal(clear.code, 0, clear.out);
});

test('the exit code of test-message is what the server said', async (t) => {
  const { run } = await running(t);
  for (const [answers, expected] of [
    [{}, 0],
    [{ MAIL: '451 4.3.0 later' }, 75],
    [{ RCPT: '550 5.1.1 unknown' }, 2],
    [{ '.': '554 5.7.1 virus' }, 2],
    [{ '.': '451 4.7.1 later' }, 75],
    [{ EHLO: 'HTTP/1.1 200 OK' }, 69],
  ] as const) {
    const { port } = await smtpServer(t, answers);
    const { code } = await run(`test-message --to a@b.example --via 127.0.0.1:${port}`);
    assert.equal(code, expected, JSON.stringify(answers));
  }
  const line = 'test-message --to a@b.example --via 127.0.0.1:1';
  assert.equal((await run(line)).code, 69);
  assert.equal((await run('test-message')).code, 64);
  const nothing = await run(`test-message --to a@b.example --via 127.0.0.1:1 --file /nowhere/mail`);
  assert.deepEqual(nothing, {
    ...{ code: 64, out: '' },
    err: 'sluice: /nowhere/mail cannot be read: no such file\n',
  });
  assert.equal((await run('test-message --to a@b --via ::::')).code, 64);
});

test('test patterns and files go out as they are, dots stuffed', async (t) => {
  const { run } = await running(t);
  const { port, heard } = await smtpServer(t, {});
  await run(`test-message --to a@b.example --via 127.0.0.1:${port} --spam`);
  assert.ok(heard.some((line) => line.includes('GTUBE-STANDARD')));
  await run(`test-message --to a@b.example --via 127.0.0.1:${port} --virus`);
  assert.ok(heard.some((line) => line.startsWith('X5O!P%@AP') && line.length === 68));
  const gone = await run('test-message --to a@b.example --via 127.0.0.1:1 --file /nowhere/at.all');
  assert.deepEqual(
    [gone.code, gone.err],
    [64, 'sluice: /nowhere/at.all cannot be read: no such file\n'],
  );
  const file = join(tempFolder(t), 'mail.eml');
  writeFileSync(file, 'Subject: mine\n\n.dot\n..two\n');
  await run(`test-message --to a@b.example --via 127.0.0.1:${port} --file ${file}`);
  assert.deepEqual(heard.slice(heard.indexOf('Subject: mine'), -1), [
    'Subject: mine',
    '',
    '..dot',
    '...two',
    '.',
  ]);
});
