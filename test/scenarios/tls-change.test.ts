/** TLS that changes under a running gateway, a destination's and its own certificate, or is not finished. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectPlain } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { makeCertificate } from '../../src/smtp/self-made-certificate.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

test('once TLS is demanded nothing goes in the clear, over a connection that is kept or a new one', async () => {
  const destination = await new Destination().start();
  const file = (tls: string) =>
    domainFile(destination.port, {
      destination: `{ hosts: [{ host: 127.0.0.1, port: ${destination.port} }], tls: ${tls} }`,
    });
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1s], probe: 500ms }',
    domains: { 'example.org': file('opportunistic') },
  });
  const send = () =>
    sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], 'Subject: x\r\n\r\nx\r\n');
  try {
    assert.match(await send(), /^250 .* delivered/);
    assert.equal(destination.mailInTheClear.length, 1);
    assert.equal(destination.connected, 1, 'it is kept');
    await gateway.configure({ domains: { 'example.org': file('required') } });
    assert.equal((await gateway.cli('reload')).code, 0);
    assert.match(await send(), /^250 .* queued/);
    const { stdout } = await gateway.cli('queue', 'list');
    assert.match(stdout, /TLS is required and not offered/);
    destination.behaviour.tls = SELF_SIGNED;
    await until('what waited to arrive', () => destination.arrived.length === 2);
    assert.match(await send(), /^250 .* delivered/);
    // Withdrawn: the connection that is kept goes on, new ones lead nowhere.
    destination.behaviour.tls = undefined;
    const replies = await Promise.all(Array.from({ length: 6 }, send));
    assert.ok(replies.every((reply) => reply.startsWith('250')));
    assert.ok(replies.some((reply) => reply.includes('queued')));
    destination.behaviour.tls = SELF_SIGNED;
    await until('all to arrive', () => destination.arrived.length === 9);
    assert.equal(destination.mailInTheClear.length, 1, 'only the first');
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a certificate that is replaced is shown at once; one that cannot be used leaves the old one', async () => {
  const made = (hostname: string) => {
    const now = Date.now();
    return makeCertificate({ hostname, notBefore: now - 1000, notAfter: now + 90 * 86_400_000 });
  };
  const [one, two, three] = [made('one.test'), made('two.test'), made('three.test')];
  const gateway = await Gateway.make({
    node: 'reload: watch',
    tls: '{ cert: tls.crt, key: tls.key }',
    listeners: '[{ name: mx, address: "127.0.0.1:0", tls: implicit }]',
    domains: { 'example.org': domainFile(25) },
  });
  const write = (name: string, text: string) => writeFileSync(join(gateway.folder, name), text);
  const put = ({ cert, key }: typeof one) => {
    write('tls.crt', cert);
    write('tls.key', key);
  };
  const shown = async () => {
    const socket = connect({ port: gateway.port(), host: '127.0.0.1', rejectUnauthorized: false });
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
    const { subject } = new X509Certificate(socket.getPeerCertificate().raw);
    socket.destroy();
    return subject;
  };
  const reloaded = (times: number) =>
    until('a reload', () => gateway.events('cfg.reload').length === times);
  const refused = async (why: RegExp) => {
    await gateway.event('cfg.error', (line) => why.test(JSON.stringify(line)));
    assert.equal(await shown(), 'CN=two.test', String(why));
  };
  try {
    put(one);
    await gateway.start();
    assert.equal(await shown(), 'CN=one.test');
    put(two);
    await reloaded(1);
    assert.equal(await shown(), 'CN=two.test');
    write('tls.key', three.key);
    await refused(/does not belong to the certificate/);
    write('tls.crt', three.cert.slice(0, 200));
    await refused(/is not a certificate in PEM form/);
    rmSync(join(gateway.folder, 'tls.crt'));
    await refused(/no such file/);

    put(three);
    await reloaded(2);
    assert.equal(await shown(), 'CN=three.test');
  } finally {
    await gateway.remove();
  }
});

test('who leaves within the handshake is not waited for', async () => {
  const gateway = await Gateway.run({
    listeners: '[{ name: mx, address: "127.0.0.1:0", tls: implicit }]',
    domains: { 'example.org': domainFile(25) },
  });
  try {
    const socket = connectPlain(gateway.port(), '127.0.0.1');
    socket.end(Buffer.from([0x16, 0x03, 0x01])); // the beginning of a ClientHello
    const { end } = await gateway.event('smtp.close');
    assert.equal(end, 'lost');
    socket.destroy();
  } finally {
    await gateway.remove();
  }
});
