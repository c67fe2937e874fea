/** The ways to tell people, against a real web server and real programs. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { Message } from '../../src/alerts/targets.ts';
import { command, mail, webhook } from '../../src/alerts/targets.ts';
import { systemClock } from '../../src/base/clock.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const MESSAGE: Message = {
  v: 1,
  kind: 'alert',
  alert: 'destination_down',
  state: 'raised',
  subject: '192.0.2.10:25',
  text: 'the server of example.org does not answer: connection refused',
  since: '2026-06-01T00:00:00.000Z',
  at: '2026-06-01T00:02:00.000Z',
  node: 'mx1.example.net',
};

/** A zombie that nobody has waited for yet runs no more. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function hook(t: TestContext, answer: (response: ServerResponse) => void) {
  const bodies: string[] = [];
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(`${request.method} ${request.headers['content-type']} ${body}`);
      answer(response);
    });
  };
  const server = createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // listens on TCP
  return { url: `http://127.0.0.1:${port}/hook`, bodies };
}

test('a web hook gets the alert as JSON', async (t) => {
  const { url, bodies } = await hook(t, (response) => response.writeHead(204).end());
  assert.equal(await webhook(url, systemClock).send(MESSAGE), undefined);
  assert.deepEqual(bodies, [`POST application/json ${JSON.stringify(MESSAGE)}`]);
});

test('a redirect is not followed, and no other answer but success counts', async (t) => {
  const { url, bodies } = await hook(t, (response) =>
    response.writeHead(307, { location: '/other' }).end(),
  );
  assert.equal(await webhook(url, systemClock).send(MESSAGE), 'answered 307');
  assert.equal(bodies.length, 1);
});

test('an answer without end is not read', async (t) => {
  let isCut = false;
  const { url } = await hook(t, (response) => {
    response.on('close', () => (isCut = true));
    const pour = () => {
      if (!isCut && response.writable) response.write('x'.repeat(65_536), pour);
    };
    response.writeHead(200);
    pour();
  });
  assert.equal(await webhook(url, systemClock).send(MESSAGE), undefined);
});

test('a hook that is silent ends with its deadline, one that is not there with a word', async (t) => {
  const { url } = await hook(t, () => undefined);
  const clock = new FakeClock();
  const sent = webhook(url, clock).send(MESSAGE);
  await settle();
  await clock.advance(10_000);
  assert.match((await sent) ?? '', /no answer within 10000 ms/);
  assert.match((await webhook('http://127.0.0.1:1/', systemClock).send(MESSAGE)) ?? '', /REFUSED/);
});

test('a program gets the alert on its standard input, with no shell and no environment of ours', async (t) => {
  const folder = tempFolder(t);
  const program = join(folder, 'page me');
  const out = join(folder, 'out');
  await writeFile(program, '#!/bin/sh\ncat > "$2"\nenv >> "$2"\nprintf %s "$1" >> "$2"\n');
  await chmod(program, 0o755);
  const odd = '$(touch evil); `id`';
  assert.equal(await command([program, odd, out], systemClock).send(MESSAGE), undefined);
  const text = await readFile(out, 'utf8');
  assert.ok(text.startsWith(`${JSON.stringify(MESSAGE)}\n`), text);
  assert.ok(text.endsWith(odd), text);
  assert.match(text, /^SLUICE_ALERT=destination_down$/m);
  assert.doesNotMatch(text, /^HOME=/m);
});

test('a program that fails, is not there or does not end is said to', async () => {
  assert.equal(await command(['/bin/false'], systemClock).send(MESSAGE), 'ended with 1');
  assert.match((await command(['/none/such'], systemClock).send(MESSAGE)) ?? '', /ENOENT/);
  const clock = new FakeClock();
  const sent = command(['/bin/sleep', '600'], clock).send(MESSAGE);
  await settle();
  await clock.advance(30_000);
  assert.match((await sent) ?? '', /no answer within 30000 ms/);
});

test('what a program started ends with it when its time is over', async (t) => {
  const folder = tempFolder(t);
  const pids = join(folder, 'pids');
  const clock = new FakeClock();
  // Both hold the standard input, as a program does that waits for more.
  const script = 'sleep 600 <&0 & echo $! > "$1.new"; echo $$ >> "$1.new"; mv "$1.new" "$1"; wait';
  const sent = command(['/bin/sh', '-c', script, 'sh', pids], clock).send(MESSAGE);
  await until('it has started its child', () => existsSync(pids));
  const started = (await readFile(pids, 'utf8')).trim().split('\n').map(Number);
  assert.equal(started.length, 2);
  await clock.advance(30_000);
  assert.match((await sent) ?? '', /no answer within 30000 ms/);
  await until('both have ended', () => started.every((pid) => !isRunning(pid)));
});

test('a program that closes its input at once is judged by its end', async () => {
  const long = { ...MESSAGE, text: 'x'.repeat(4 * 1024 * 1024) };
  const closing = (code: number) => ['/bin/sh', '-c', `exec 0<&-; sleep 0.2; exit ${code}`];
  assert.equal(await command(closing(0), systemClock).send(long), undefined);
  assert.equal(await command(closing(3), systemClock).send(long), 'ended with 3');
});

test('a mail says in words what is wrong', async () => {
  const sent: unknown[] = [];
  const own = {
    send: async (notice: unknown) => {
      sent.push(notice);
      return true;
    },
  };
  assert.equal(await mail('ops@example.net', own).send(MESSAGE), undefined);
  assert.deepEqual(sent, [
    {
      to: { local: 'ops', domain: 'example.net' },
      subject: '[mx1.example.net] raised: destination_down 192.0.2.10:25',
      lines: [
        MESSAGE.text,
        '',
        'state:   raised',
        'alert:   destination_down 192.0.2.10:25',
        `since:   ${MESSAGE.since}`,
        'gateway: mx1.example.net',
      ],
    },
  ]);
  assert.equal(
    await mail('ops@example.net', { send: async () => false }).send(MESSAGE),
    'no room in the queue',
  );
});
