/** The control server over a real socket and a real port, with a gateway that is plain data. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { CodedError } from '../../src/base/errors.ts';
import { ControlClient, ControlFault } from '../../src/control/client.ts';
import type { Row } from '../../src/control/rows.ts';
import { ControlServer } from '../../src/control/server.ts';
import { FakeGateway, T0, hostedDomain, queued, remembered } from '../support/fake-gateway.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

async function running(t: TestContext) {
  const gateway = new FakeGateway();
  const log = new RecordedLog();
  const socket = join(tempFolder(t), 'control.sock');
  const server = new ControlServer({
    socket,
    address: { host: '127.0.0.1', port: 0 },
    gateway: gateway.view(),
    clock: systemClock,
    log,
  });
  const bound = await server.start();
  t.after(() => server.stop());
  const base = `http://127.0.0.1:${bound?.port}`;
  return { gateway, log, socket, server, base, client: new ControlClient(socket, 'anna') };
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

const refusedWith = (status: number) => (error: unknown) =>
  error instanceof ControlFault && error.kind === 'refused' && error.status === status;

test('connections that are held open on the port are bounded, and the socket stays at hand', async (t) => {
  const { base, client } = await running(t);
  const port = Number(new URL(base).port);
  const held: Socket[] = [];
  let closed = 0;
  t.after(() => {
    for (const socket of held) socket.destroy();
  });
  for (let count = 0; count < 110; count += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.once('close', () => (closed += 1));
    // Flowing, so that the end of it is seen.
    socket.resume();
    held.push(socket);
  }
  await until('those beyond to be closed', () => closed === 10);
  assert.equal((await client.get('/api/v1/status'))['kind'], 'status');
  for (const socket of held) socket.destroy();
  await until('room again', async () => {
    const answer = await fetch(`${base}/livez`).catch(() => undefined);
    return answer?.status === 200;
  });
});

test('requests that come together on the port do not pile up answers', async (t) => {
  const { base } = await running(t);
  const socket = connect(Number(new URL(base).port), '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50));
  // Answers come in the order of the requests.
  await until('the refusal of the others', () => /^HTTP\/1\.1 503/m.test(text));
  assert.equal(text.match(/^HTTP\/1\.1 200/gm)?.length, 10);
});

test('a member of a list that is no text is the fault of who asked', async (t) => {
  const { client, log } = await running(t);
  const wrong = { toString: 1 };
  for (const [path, body] of [
    ['/api/v1/recipients/import', { addresses: [wrong] }],
    ['/api/v1/queue/actions/delete', { ids: [wrong] }],
    ['/api/v1/quarantine/actions/release', { ids: [wrong] }],
  ] as const) {
    await assert.rejects(all(client.rows(path, { body })), refusedWith(400), path);
  }
  await assert.rejects(all(client.rows('/api/v1/traces/..%2F..')), refusedWith(400));
  assert.equal(log.of('crash').length, 0);
});

test('what became of one message is told before the lesson of the next has ended', async (t) => {
  const { gateway, client } = await running(t);
  const lesson = Promise.withResolvers<string>();
  gateway.onLesson = async (id) => (id.endsWith('.1') ? 'learnt' : lesson.promise);
  const body = { ids: ['4K7QZ2M9XT.1', '4K7QZ2M9XT.2'], learn: true };
  const rows = client.rows('/api/v1/quarantine/actions/release', { body });
  const watch = setTimeout(() => lesson.resolve('too late'), 5000);
  const first = await rows.next();
  assert.equal(first.value?.['id'], '4K7QZ2M9XT.1');
  lesson.resolve('no filter learns');
  clearTimeout(watch);
  assert.deepEqual(
    (await all(rows)).map(({ result }) => result),
    ['no filter learns'],
  );
});

test('the socket is for owner and group only, and goes away with the server', async (t) => {
  const { socket, server } = await running(t);
  assert.equal(statSync(socket).mode & 0o777, 0o660);
  await server.stop();
  assert.equal(existsSync(socket), false);
});

test('a socket file that nobody answers is replaced, a live one is an error', async (t) => {
  const { socket, gateway, log } = await running(t);
  const options = { gateway: gateway.view(), clock: systemClock, log, address: undefined };
  const second = new ControlServer({ ...options, socket });
  await assert.rejects(second.start(), (error) => {
    return error instanceof CodedError && error.code === 'LISTEN_FAILED';
  });
  await second.stop();
  assert.equal(existsSync(socket), true, 'the one that did not start leaves the socket alone');

  const dead = join(tempFolder(t), 'control.sock');
  writeFileSync(dead, '');
  const third = new ControlServer({ ...options, socket: dead });
  await third.start();
  t.after(() => third.stop());
  const { version } = await new ControlClient(dead, '').get('/api/v1/status');
  assert.equal(version, '1.2.3');
});

test('a socket path that no system takes is refused with its reason', async (t) => {
  const { gateway, log } = await running(t);
  const socket = join(tempFolder(t), 'x'.repeat(120));
  const address = undefined;
  const options = { socket, address, gateway: gateway.view(), clock: systemClock, log };
  await assert.rejects(new ControlServer(options).start(), /longer than 107 bytes/);
});

test('ready means that mail may be sent here', async (t) => {
  const { gateway, base } = await running(t);
  const ready = async (query = '') => {
    const answer = await fetch(`${base}/readyz${query}`);
    return `${answer.status} ${await answer.text()}`;
  };
  assert.equal(await ready(), '200 ok\n');
  gateway.checks = [
    { name: 'store', ok: true, required: true, text: '' },
    { name: 'clamav', ok: false, required: false, text: 'no answer' },
  ];
  assert.equal(await ready('?verbose'), '200 PASS store\nWARN clamav  no answer\nready\n');
  gateway.checks = [{ name: 'gateway', ok: false, required: true, text: 'draining' }];
  assert.equal(await ready(), '503 not ready\n');
  assert.equal(await ready('?verbose'), '503 FAIL gateway  draining\nnot ready\n');
  assert.equal((await fetch(`${base}/livez`)).status, 200);
  const json = await fetch(`${base}/readyz`, { headers: { accept: 'application/json' } });
  assert.deepEqual(await json.json(), {
    v: 1,
    kind: 'health',
    ready: false,
    checks: gateway.checks,
  });
});

test('the port has health and metrics, and nothing else', async (t) => {
  const { base } = await running(t);
  const metrics = await fetch(`${base}/metrics`);
  assert.equal(await metrics.text(), 'sluice_up 1\n');
  for (const [path, method, status] of [
    ['/api/v1/status', 'GET', 401],
    ['/api/v1/queue/actions/delete', 'POST', 401],
    ['/', 'GET', 404],
    ['/panel', 'GET', 404],
  ] as const) {
    const answer = await fetch(`${base}${path}`, { method });
    assert.equal(answer.status, status, path);
    assert.match(answer.headers.get('content-type') ?? '', /application\/json/);
  }
});

test('a queue of any length is streamed whole', async (t) => {
  const { gateway, client } = await running(t);
  const ids = Array.from({ length: 1203 }, (_, index) => `4K7QZ2M9XT.${index + 1000}`);
  gateway.messages = ids.map((id) => queued(id));
  const rows = await all(client.rows('/api/v1/queue'));
  assert.deepEqual(
    rows.map((row) => row['id']),
    ids,
  );
});

test('while its destination is down a message waits for the next probe, whatever its own time', async (t) => {
  const { gateway, client } = await running(t);
  const text = '192.0.2.10:25: connection refused';
  const down = { kind: 'down', text, since: T0 - 60_000, nextTryAt: T0 + 30_000 } as const;
  gateway.outages = { 'example.org': down };
  const hold = { by: 'root', at: T0, reason: 'by_hand', text: '' } as const;
  gateway.messages = [
    queued('4K7QZ2M9XT.1'),
    queued('4K7QZ2M9XT.2', { hold }),
    queued('4K7QZ2M9XT.3', { dest: 'elsewhere.example' }),
  ];
  const [waits, held, other] = await all(client.rows('/api/v1/queue'));
  assert.equal(waits?.['next_at'], '2026-06-02T06:43:10.000Z');
  assert.equal(waits['reason'], `destination down: ${text}`);
  assert.deepEqual(waits['outage'], { kind: 'down', since: '2026-06-02T06:41:40.000Z', text });
  for (const row of [held, other]) assert.equal(row?.['outage'], undefined);
  assert.equal(other?.['next_at'], '2026-06-02T06:43:40.000Z');
});

test('a message is shown with the members that scripts rely on', async (t) => {
  const { gateway, client } = await running(t);
  const last = {
    at: T0 + 5000,
    text: '192.0.2.10:25: connection timed out',
    code: 450,
    enhanced: '4.3.0',
  };
  const address = { local: 'anna', domain: 'example.org' };
  gateway.messages = [
    queued('4K7QZ2M9XT.1', { recipients: [{ address, parameters: {}, last }] }),
    queued('4K7QZ2M9XT.2', {
      reversePath: null,
      parameters: {
        body: '8BITMIME',
        smtpUtf8: true,
        requireTls: true,
        ret: 'HDRS',
        envid: 'Q+2B',
      },
      recipients: [{ address, parameters: { notify: 'NEVER', orcpt: 'rfc822;a+2Bx@b.example' } }],
      hold: { by: 'root', at: T0, reason: 'by_hand', text: 'looks forged' },
    }),
  ];
  const [first, second] = await all(client.rows('/api/v1/queue'));
  assert.deepEqual(first, {
    v: 1,
    kind: 'message',
    id: '4K7QZ2M9XT.1',
    state: 'deferred',
    direction: 'in',
    queued_at: '2026-06-02T06:42:40.000Z',
    next_at: '2026-06-02T06:43:40.000Z',
    reason: '192.0.2.10:25: connection timed out',
    expires_at: '2026-06-07T06:42:40.000Z',
    attempts: 1,
    size: 12033,
    from: 'news@shop.example',
    rcpts: [
      {
        addr: 'anna@example.org',
        state: 'deferred',
        reason: '192.0.2.10:25: connection timed out',
        code: 450,
        enh: '4.3.0',
        last_at: '2026-06-02T06:42:45.000Z',
      },
    ],
    dest: 'example.org',
    maybe_delivered: false,
    sender_proven: false,
    client: { ip: '203.0.113.9', helo: 'mail.shop.example' },
  });
  assert.equal(second?.['state'], 'hold');
  assert.equal(second['from'], '');
  assert.equal(second['parameters'], 'BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=Q+2B');
  assert.deepEqual(second['rcpts'], [
    {
      addr: 'anna@example.org',
      parameters: 'NOTIFY=NEVER ORCPT=rfc822;a+2Bx@b.example',
      state: 'hold',
    },
  ]);
  assert.equal('next_at' in second, false);
  assert.deepEqual(second['hold'], {
    by: 'root',
    at: '2026-06-02T06:42:40.000Z',
    why: 'by_hand',
    text: 'looks forged',
  });
  assert.deepEqual(await client.get('/api/v1/queue/4K7QZ2M9XT.1'), first);
  await assert.rejects(client.get('/api/v1/queue/4K7QZ2M9XT.9'), refusedWith(404));
  await assert.rejects(client.get('/api/v1/queue/..%2F..%2Fx'), refusedWith(404));
});

test('content goes out byte for byte', async (t) => {
  const { gateway, client } = await running(t);
  gateway.messages = [queued('4K7QZ2M9XT.1')];
  const chunks = await all(client.bytes('/api/v1/queue/4K7QZ2M9XT.1/content'));
  assert.equal(Buffer.concat(chunks).toString(), gateway.content);
});

test('filters mean what they say, and a misspelt one is an error', async (t) => {
  const { gateway, client } = await running(t);
  const to = (local: string, domain: string) => [{ address: { local, domain }, parameters: {} }];
  gateway.messages = [
    queued('4K7QZ2M9XT.1', { sizeBytes: 100 }),
    queued('4K7QZ2M9XT.2', { reversePath: null, recipients: to('carl', 'kunde.example') }),
    queued('4K7QZ2M9XT.3', { dest: 'kunde.example', queuedAt: T0 + 1000, active: true }),
  ];
  for (const [query, expected] of [
    ['from=news@Shop.example', [1, 3]],
    ['from=@SHOP.example', [1, 3]],
    ['from=<>', [2]],
    ['to=carl@kunde.example', [2]],
    ['to=@example.org', [1, 3]],
    ['to=@xample.org', []],
    ['dest=kunde.example', [3]],
    ['state=active', [3]],
    ['before=2026-06-02T06:42:41Z', [1, 2]],
    ['since=2026-06-02T06:42:41Z', [3]],
    ['larger=100', [2, 3]],
    ['from=@shop.example&state=deferred', [1]],
  ] as const) {
    const rows = await all(client.rows(`/api/v1/queue?${query}`));
    const ids = expected.map((index) => `4K7QZ2M9XT.${index}`);
    assert.deepEqual(
      rows.map((row) => row['id']),
      ids,
      query,
    );
  }
  for (const query of ['form=x', 'state=dead', 'larger=5M', 'before=tea', 'to=a&to=b']) {
    await assert.rejects(all(client.rows(`/api/v1/queue?${query}`)), refusedWith(400), query);
  }
});

test('steps on messages are done, logged with who did them, and answered one by one', async (t) => {
  const { gateway, client, log } = await running(t);
  gateway.messages = [
    queued('4K7QZ2M9XT.1'),
    queued('4K7QZ2M9XT.2', { active: true }),
    queued('4K7QZ2M9XT.3', { hold: { by: 'x', at: T0, reason: 'by_hand', text: '' } }),
  ];
  const act = async (action: string, ids: readonly string[], why = '') => {
    const body = { ids: ids.map((id) => `4K7QZ2M9XT.${id}`), why };
    const rows = await all(client.rows(`/api/v1/queue/actions/${action}`, { body }));
    return rows.map((row) => row['result']);
  };
  assert.deepEqual(await act('retry', ['1', '2', '3', '9']), [
    'retried',
    'busy',
    'on hold',
    'not found',
  ]);
  assert.deepEqual(gateway.woken, ['example.org']);
  assert.deepEqual(await act('hold', ['1'], 'looks\nforged'), ['held']);
  assert.deepEqual(gateway.messages[0]?.entry.hold?.text, 'looks forged');
  assert.deepEqual(await act('release', ['1', '2']), ['released', 'not on hold']);
  const expiresAt = gateway.messages[0]?.entry.expiresAt ?? 0;
  assert.ok(expiresAt > systemClock.now() + 431_000_000, 'a released message has a new lifetime');
  assert.deepEqual(await act('delete', ['3']), ['deleted']);
  assert.equal(gateway.messages.length, 2);
  const [held] = log.of('queue.hold');
  assert.equal(held?.['who'], 'anna');
  assert.equal(held['sid'], '4K7QZ2M9XT');
  const [done] = log.of('msg.done');
  assert.equal(done?.['res'], 'deleted');
  assert.equal(done['id'], '4K7QZ2M9XT.3');
});

test('a request out of bounds is refused, not served in part', async (t) => {
  const { client } = await running(t);
  const act = (body: Row) => all(client.rows('/api/v1/queue/actions/delete', { body }));
  const many = Array.from({ length: 1001 }, (_, index) => `4K7QZ2M9XT.${index}`);
  await assert.rejects(act({ ids: many }), refusedWith(400));
  await assert.rejects(act({ ids: ['ALL'] }), refusedWith(400));
  await assert.rejects(act({}), refusedWith(400));
  await assert.rejects(act({ ids: ['x'.repeat(2_000_000)] }), refusedWith(413));
  const rows = client.rows('/api/v1/queue/actions/explode', { body: { ids: [] } });
  await assert.rejects(all(rows), refusedWith(404));
  for (const query of ['x=1', 'limit=0', 'limit=1001', 'dir=up', 'cursor=x', 'since=soon']) {
    await assert.rejects(all(client.rows(`/api/v1/traces?${query}`)), refusedWith(400), query);
  }
});

test('a fault inside ends at 500 with a line in the log, and the server lives on', async (t) => {
  const { gateway, client, log } = await running(t);
  gateway.messages = [queued('4K7QZ2M9XT.1')];
  gateway.storeFault = new TypeError('a fault of ours');
  await assert.rejects(client.get('/api/v1/queue/4K7QZ2M9XT.1'), refusedWith(500));
  const [crash] = log.events.filter(({ evt }) => evt === 'crash');
  assert.equal(crash?.level, 'error');
  assert.equal(crash.fields.msg, 'a fault of ours');
  assert.equal((await client.get('/api/v1/status'))['state'], 'ready');
});

test('a store that has failed or cannot be read is said, and is no fault inside', async (t) => {
  const { gateway, client, log } = await running(t);
  gateway.messages = [queued('4K7QZ2M9XT.1')];
  gateway.storeFault = new CodedError('STORE_FAILED', 'disk on fire');
  await assert.rejects(client.get('/api/v1/queue/4K7QZ2M9XT.1'), refusedWith(503));
  assert.deepEqual(
    log.events.filter(({ evt }) => evt === 'crash'),
    [],
  );
  const status = await client.get('/api/v1/status');
  assert.equal(status['state'], 'ready', 'the status is shown although the store has failed');
});

test('a disk that stands still keeps no status back', async (t) => {
  const { gateway, client } = await running(t);
  gateway.messages = [queued('4K7QZ2M9XT.1')];
  gateway.isDiskStill = true;
  const [status] = await Promise.all([
    client.get('/api/v1/status', 10_000),
    assert.rejects(client.get('/api/v1/queue/health', 10_000), refusedWith(503)),
  ]);
  const { disk, ready, queue } = status as Record<string, Record<string, unknown>>;
  assert.deepEqual([disk?.['silent'], disk?.['low'], ready], [true, false, false]);
  assert.deepEqual([queue?.['messages'], queue?.['oldest']], [1, undefined]);
});

test('a list that breaks off is a fault for its reader, not a short list', async (t) => {
  const { gateway, client, log } = await running(t);
  gateway.messages = Array.from({ length: 5000 }, (_, index) => queued(`4K7QZ2${index + 1000}.1`));
  const read = async () => {
    for await (const _row of client.rows('/api/v1/queue')) {
      gateway.storeFault = new Error('disk on fire');
    }
  };
  await assert.rejects(read(), (error) => error instanceof ControlFault && error.kind === 'broken');
  const crashes = log.of('crash').map((fields) => fields.msg);
  assert.deepEqual(crashes, ['disk on fire']);
});

test('a reader that leaves a list early is nobody’s fault', async (t) => {
  const { gateway, client, log } = await running(t);
  gateway.messages = Array.from({ length: 5000 }, (_, index) => queued(`4K7QZ2${index + 1000}.1`));
  for await (const _row of client.rows('/api/v1/queue')) break;
  await client.get('/api/v1/status');
  assert.deepEqual(log.of('crash'), []);
});

test('recipients are listed in pages, shown, tried, pinned and forgotten', async (t) => {
  const { gateway, client } = await running(t);
  gateway.domains = [hostedDomain('example.org')];
  const names = Array.from({ length: 777 }, (_, index) => `a${1000 + index}@example.org`);
  gateway.memory = names.map((name) => remembered(name, 'known'));
  assert.equal((await all(client.rows('/api/v1/recipients'))).length, 777);
  const path = '/api/v1/recipients/a1000%40example.org';
  assert.deepEqual(await client.get(path), {
    v: 1,
    kind: 'recipient',
    address: 'a1000@example.org',
    answer: 'known',
    origin: 'asked',
    destination: '192.0.2.10:25',
    fresh: true,
    at: '2026-06-02T06:42:40.000Z',
    asked_at: '2026-06-02T06:42:40.000Z',
    age: 7200,
    left: 86400,
  });
  assert.equal((await client.get(`${path}/test`))['result'], 'accepted');
  assert.equal((await client.delete(path))['result'], 'forgotten');
  assert.equal((await client.delete(path))['result'], 'not found');
  await assert.rejects(client.get(path), refusedWith(404));
  const pin = { address: 'anna@example.org', answer: 'unknown' };
  assert.equal((await client.post('/api/v1/recipients/pin', pin))['result'], 'pinned unknown');
  const foreign = { address: 'anna@elsewhere.example', answer: 'known' };
  await assert.rejects(client.post('/api/v1/recipients/pin', foreign), refusedWith(404));
  await assert.rejects(client.get('/api/v1/recipients/nonsense'), refusedWith(400));
});

test('traces are found by text, a session by its id', async (t) => {
  const { gateway, client } = await running(t);
  const sid = '4K7QZ2M9XT';
  gateway.see('smtp.open', { sid, ip: '203.0.113.9' }, 'debug');
  gateway.see('msg.in', { sid, id: `${sid}.1`, from: 'news@shop.example', res: 'accept' });
  const [row] = await all(client.rows('/api/v1/traces?q=%40shop.example'));
  assert.equal(row?.['id'], `${sid}.1`);
  assert.equal(row['client'], '203.0.113.9');
  const events = await all(client.rows(`/api/v1/traces/${sid}.1`));
  assert.deepEqual(
    events.map((event) => event['evt']),
    ['smtp.open', 'msg.in'],
  );
  await assert.rejects(all(client.rows('/api/v1/traces/4K7QZ2M9XX')), refusedWith(404));
});

test('live events reach whoever follows them, until the server stops', async (t) => {
  const { gateway, client, server } = await running(t);
  const seen: unknown[] = [];
  const following = (async () => {
    for await (const row of client.rows('/api/v1/events', { live: true })) seen.push(row['evt']);
  })();
  const ended = assert.rejects(following, ControlFault);
  await until('the follower sees events', () => {
    gateway.see('srv.ready', {});
    gateway.see('scan.result', {}, 'debug');
    return seen.length > 0;
  });
  assert.ok(!seen.includes('scan.result'), 'debug events are for traces');
  await server.stop();
  await ended;
});

test('a follower that does not read loses events and is told how many', async (t) => {
  const { gateway, socket } = await running(t);
  const path = '/api/v1/events';
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve) => {
    const sent = request({ socketPath: socket, path }, resolve);
    sent.end();
    const nudge = setInterval(() => gateway.see('srv.ready', { text: 'hello' }), 10);
    sent.once('response', () => clearInterval(nudge));
  });
  const text = 'x'.repeat(1000);
  for (let index = 0; index < 20_000; index++) gateway.see('srv.ready', { text });
  let read = 0;
  let dropped = 0;
  for await (const chunk of answer) {
    read += String(chunk).length;
    const match = /"kind":"dropped","count":(\d+)/.exec(String(chunk));
    if (match !== null) dropped = Number(match[1]);
    if (dropped > 0) break;
  }
  assert.ok(dropped > 10_000, `${dropped} dropped`);
  assert.ok(read < 10_000_000, `${read} bytes kept`);
});

test('a client says clearly that nobody is there, or that it may not', async (t) => {
  const folder = tempFolder(t);
  const kindOf = async (socket: string) => {
    try {
      await new ControlClient(socket, '').get('/api/v1/status');
      return 'answered';
    } catch (error) {
      return error instanceof ControlFault ? error.kind : String(error);
    }
  };
  assert.equal(await kindOf(join(folder, 'none.sock')), 'unreachable');
  const talkative = createServer((socket) => socket.end('220 this is SMTP\r\n'));
  const path = join(folder, 'smtp.sock');
  await new Promise<void>((resolve) => talkative.listen(path, resolve));
  t.after(() => talkative.close());
  assert.equal(await kindOf(path), 'broken');
  if (process.getuid?.() !== 0) {
    chmodSync(path, 0);
    assert.equal(await kindOf(path), 'denied');
  }
});

test('stop and reload are passed on', async (t) => {
  const { gateway, client } = await running(t);
  let stopped = 0;
  gateway.onStop = () => {
    stopped += 1;
  };
  await client.post('/api/v1/stop');
  await until('the gateway was told', () => stopped === 1);
  const problem = { file: 'a.yaml', line: 3, col: 1, path: 'x', text: 'wrong' };
  gateway.reloadResult = {
    ok: false,
    problems: [{ ...problem, severity: 'error' }],
    needsRestart: [],
  };
  const row = await client.post('/api/v1/reload');
  assert.equal(row['ok'], false);
  assert.deepEqual(row['problems'], [{ ...problem, severity: 'error' }]);
});
