/**
 * Connections that a proxy brings: introduced by a PROXY header, or not served at all; or by XCLIENT,
 * for one client after the other.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import test from 'node:test';
import { hurriedClock } from '../support/hurried-clock.ts';
import { proxyV2 } from '../support/proxy-v2.ts';
import { loadTestContexts, startServer } from '../support/smtp-server.ts';
import type { RunningServer, ServerSpec } from '../support/smtp-server.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const contexts = await loadTestContexts();
const V1 = 'PROXY TCP4 192.0.2.1 198.51.100.9 56324 25\r\n';
const V2 = proxyV2('PROXY', 0x11, 'c0000202c6336409dc040019', '04000400000000');

async function withProxied(
  spec: ServerSpec,
  work: (server: RunningServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(contexts, { proxied: true, ...spec });
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

test('the client behind the proxy is the client, however the header is cut', async () => {
  await withProxied({}, async (server) => {
    for (const [header, address] of [
      [Buffer.from(V1), '192.0.2.1'],
      [V2, '192.0.2.2'],
    ] as const) {
      for (const size of [1, 7, 500]) {
        const talk = await SmtpTalk.open(server.port);
        for (let at = 0; at < header.length; at += size) {
          talk.write(header.subarray(at, at + size));
          await new Promise((resolve) => setImmediate(resolve));
        }
        assert.equal(await talk.reply(), '220 mx.test ESMTP Sluice');
        assert.match(await talk.say('EHLO client.example'), /^250-mx\.test/);
        const view = server.program.views.at(-1);
        assert.deepEqual(view?.remote, { address, port: 56324 });
        assert.deepEqual(view.local, { address: '198.51.100.9', port: 25 });
        assert.equal(view.via, '127.0.0.1');
        const opened = server.log.of('smtp.open').at(-1);
        assert.deepEqual([opened?.ip, opened?.['via']], [address, '127.0.0.1']);
        await talk.quit();
      }
    }
  });
});

test('a connection of the proxy itself is its own', async () => {
  await withProxied({}, async (server) => {
    const talk = await SmtpTalk.open(server.port);
    talk.write(proxyV2('LOCAL', 0x00, ''));
    assert.match(await talk.reply(), /^220/);
    assert.equal(server.program.views[0]?.remote.address, '127.0.0.1');
    await talk.quit();
  });
});

test('what stands behind the header is the client speaking before its time', async () => {
  await withProxied({}, async (server) => {
    server.program.meets = 'hold';
    const talk = await SmtpTalk.open(server.port);
    talk.write(`${V1}EHLO client.example\r\n`);
    assert.match(await talk.reply(), /^554 5\.5\.1 Client must wait/);
    assert.equal(server.log.of('smtp.early')[0]?.ip, '192.0.2.1');
  });
});

test('TLS from the first byte begins behind the header, in the same packet too', async () => {
  await withProxied({ tls: 'implicit' }, async (server) => {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.cork();
    socket.write(V2);
    const secure = connectTls({ socket, rejectUnauthorized: false });
    setImmediate(() => socket.uncork());
    const talk = SmtpTalk.on(secure);
    assert.match(await talk.reply(), /^220/);
    assert.match(await talk.say('EHLO client.example'), /REQUIRETLS/);
    assert.equal(server.program.views[0]?.remote.address, '192.0.2.2');
    await talk.quit();
  });
});

test('without a sound header nobody is served, and no byte is answered', async () => {
  await withProxied({ clock: hurriedClock(1000) }, async (server) => {
    for (const [bytes, what] of [
      ['EHLO client.example\r\n', 'no PROXY header'],
      ['PROXY TCP4 192.0.2.1\r\n', 'malformed PROXY line'],
      ['PROXY TCP4 192.', 'late PROXY header'],
    ] as const) {
      const talk = await SmtpTalk.open(server.port);
      talk.write(bytes);
      assert.equal(await talk.reply(), '');
      const refused = server.log.of('smtp.reject.conn').at(-1);
      assert.deepEqual(
        [refused?.ip, refused?.['why'], refused?.['msg']],
        ['127.0.0.1', 'proto', what],
      );
    }
    assert.deepEqual(server.program.views, []);
    // A health check that only looks whether the port is open is nothing to speak of.
    const look = await SmtpTalk.open(server.port);
    look.socket.end();
    await until('it to be closed', () => look.isClosed);
    assert.equal(server.log.of('smtp.reject.conn').length, 3);
  });
});

test('clients are counted, not their proxy; in all both are', async () => {
  await withProxied({ connectionsPerClient: 1, connections: 3 }, async (server) => {
    const talks: SmtpTalk[] = [];
    const open = async (header: string): Promise<string> => {
      const talk = await SmtpTalk.open(server.port);
      talks.push(talk);
      talk.write(header);
      return talk.reply();
    };
    assert.match(await open(V1), /^220/);
    assert.match(await open(V1), /^421 4\.7\.0/);
    assert.match(await open(V1.replace('192.0.2.1', '192.0.2.3')), /^220/);
    const silent = await SmtpTalk.open(server.port);
    const beyond = await SmtpTalk.open(server.port);
    assert.match(await beyond.reply(), /^421 4\.7\.0/);
    for (const { socket } of [...talks, silent]) socket.destroy();
    await until('all to be forgotten', () => server.listener.sessions === 0);
  });
});

test('an IPv6 client counts with all of its /64', async () => {
  await withProxied({ connectionsPerClient: 1 }, async (server) => {
    const open = async (address: string) => {
      const talk = await SmtpTalk.open(server.port);
      talk.write(`PROXY TCP6 ${address} 2001:db8::25 4711 25\r\n`);
      return { talk, reply: await talk.reply() };
    };
    const first = await open('2001:db8:1:2::1');
    assert.match(first.reply, /^220/);
    assert.match((await open('2001:db8:1:2:ffff::9')).reply, /^421 4\.7\.0/);
    assert.match((await open('2001:db8:1:3::1')).reply, /^220/);
    await first.talk.quit();
    await until('its place to be free', () => server.listener.sessions === 1);
    assert.match((await open('2001:db8:1:2:ffff::9')).reply, /^220/);
  });
});

test('a stop does not wait for headers that are still to come', async () => {
  const server = await startServer(contexts, { proxied: true });
  const talk = await SmtpTalk.open(server.port);
  talk.write('PROXY ');
  await server.stop(60_000);
  await until('it to be closed', () => talk.isClosed);
});

test('XCLIENT: each client counts for itself, and inherits nothing from the one before', async () => {
  const spec = { xclient: true, connectionsPerClient: 2, auth: true };
  const server = await startServer(contexts, spec);
  try {
    const other = await SmtpTalk.greeted(server.port);
    assert.match(await other.say('XCLIENT ADDR=192.0.2.1'), /^220/);
    const talk = await SmtpTalk.greeted(server.port);
    const claim = 'ADDR=192.0.2.1 PORT=4711 HELO=client.example LOGIN=anna+2Bx@example.org';
    assert.match(await talk.say(`XCLIENT ${claim} DESTADDR=198.51.100.9 DESTPORT=25`), /^220/);
    await talk.say('EHLO proxy.example');
    const view = server.program.views.at(-1);
    assert.deepEqual(view?.remote, { address: '192.0.2.1', port: 4711 });
    assert.deepEqual(view.local, { address: '198.51.100.9', port: 25 });
    assert.deepEqual(view.hello, { verb: 'EHLO', name: 'client.example' });
    assert.deepEqual(view.login, { user: 'anna+x@example.org', mechanism: 'XCLIENT' });
    assert.equal(view.via, '127.0.0.1');
    const told = server.log.of('smtp.xclient').at(-1);
    assert.deepEqual([told?.ip, told?.['via']], ['192.0.2.1', '127.0.0.1']);

    // The proxy itself has no session any more, the client has two.
    const third = await SmtpTalk.greeted(server.port);
    assert.match(await third.say('XCLIENT ADDR=192.0.2.1'), /^421 4\.7\.0/);
    assert.match(await talk.say('XCLIENT ADDR=[TEMPUNAVAIL]'), /^220/);
    assert.deepEqual(view.remote, { address: '0.0.0.0', port: 0 });
    assert.deepEqual([view.hello, view.login], [undefined, undefined]);
    const fourth = await SmtpTalk.greeted(server.port);
    assert.match(await fourth.say('XCLIENT ADDR=192.0.2.1'), /^220/);

    server.program.meets = 'refuse';
    assert.match(await fourth.say('XCLIENT ADDR=192.0.2.9'), /^550 5\.7\.1 Not you/);
    await until('it to be closed', () => fourth.isClosed);
    for (const { socket } of [other, talk, third]) socket.destroy();
    await until('all to be forgotten', () => server.listener.sessions === 0);
    server.program.meets = 'greet';
    const again = await SmtpTalk.greeted(server.port);
    assert.match(await again.say('XCLIENT ADDR=192.0.2.1'), /^220/);
  } finally {
    await server.stop();
  }
});
