/** Outbound mail through a smarthost that relays for those who log in; the peer is npm's smtp-server. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { makeCertificate } from '../../src/smtp/self-made-certificate.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '127.0.0.80';
const MAIL = 'From: anna@example.org\r\nSubject: hi\r\n\r\nHello\r\n';
const USER = 'sluice@provider.test';
const PASSWORD = 'k\u00f6nig & "queen"';
const DAY = 86_400_000;

const tls = makeCertificate({
  hostname: 'localhost',
  notBefore: Date.now() - DAY,
  notAfter: Date.now() + DAY,
});

describe('a smarthost with a login', () => {
  let gateway: Gateway;
  let server: SMTPServer;
  let methods: string[] = [];
  const logins: string[] = [];
  const taken: string[] = [];

  before(async () => {
    server = new SMTPServer({
      ...tls,
      authMethods: ['PLAIN', 'LOGIN'],
      allowInsecureAuth: true,
      onAuth({ method, username, password }, session, done) {
        logins.push(`${method} ${session.secure ? 'tls' : 'plaintext'}`);
        const isRight = username === USER && password === PASSWORD;
        if (isRight) done(null, { user: username });
        else done(new Error('no'));
      },
      onMailFrom(_address, session, done) {
        done(session.user === USER ? null : new Error('log in first'));
      },
      onData(stream, session, done) {
        stream.resume();
        stream.on('end', () => {
          taken.push(session.envelope.rcptTo.map(({ address }) => address).join());
          done();
        });
      },
    });
    server.on('error', () => undefined);
    // It takes what it is asked to offer from here at each connection.
    Object.defineProperty(server.options, 'authMethods', { get: () => methods });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    gateway = await Gateway.make({ domains: {} });
    const trusted = join(gateway.folder, 'trusted.pem');
    await writeFile(trusted, tls.cert);
    await writeFile(join(gateway.folder, 'smarthost.password'), `${PASSWORD}\n`, { mode: 0o600 });
    const outgoing = `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`;
    await gateway.configure({
      env: { NODE_EXTRA_CA_CERTS: trusted },
      node: node('localhost'),
      domains: { 'example.org': domainFile(1, { outgoing }) },
    });
    methods = ['PLAIN', 'LOGIN'];
    await gateway.start();
  });
  afterEach(() => {
    logins.length = 0;
    taken.length = 0;
  });
  after(async () => {
    await gateway.remove();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const port = () => (server.server.address() as AddressInfo).port;

  function node(host: string, more = '', auth = ''): string {
    const login = `auth: { user: ${USER}, password_file: ./smarthost.password${auth} }`;
    return `queue: { retry: [1s], probe: 100ms }
delivery: { smarthost: { hosts: ["${host}:${port()}"], ${login}${more} } }`;
  }

  async function use(text: string): Promise<void> {
    await gateway.configure({ node: text });
    const { code, stdout } = await gateway.cli('reload');
    assert.equal(code, 0, stdout);
  }

  async function send(to: string): Promise<string> {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const reply = await talk.send('anna@example.org', [to], MAIL);
    await talk.quit();
    return reply;
  }

  test('mail goes by PLAIN, over TLS to a host whose certificate is trusted', async () => {
    assert.match(await send('eve@one.test'), /^250 .* delivered/);
    assert.match(await send('eve@two.test'), /^250 .* delivered/);
    assert.deepEqual(logins, ['PLAIN tls'], 'once for a connection that is kept');
    assert.deepEqual(taken, ['eve@one.test', 'eve@two.test']);
    assert.ok(!gateway.log.includes('queen'), 'the password is in no line of the log');
    assert.ok(!gateway.log.includes(Buffer.from(PASSWORD).toString('base64').slice(0, 12)));
  });

  test('by LOGIN where nothing else is offered', async () => {
    methods = ['LOGIN'];
    await use(node('localhost'));
    assert.match(await send('eve@one.test'), /^250 .* delivered/);
    assert.deepEqual(logins, ['LOGIN tls']);
    methods = ['PLAIN'];
  });

  test('a host that nobody vouches for never gets the password; the mail waits', async () => {
    await use(node('127.0.0.1'));
    assert.match(await send('eve@one.test'), /^250 .* queued/);
    const later = await gateway.event('rcpt.defer');
    assert.match(String(later['text']), /no trusted certificate of this host, so the password/);
    assert.deepEqual(logins, []);
    await use(node('127.0.0.1', '', ', over: tls'));
    await until('the message to arrive', () => taken.length === 1);
    assert.deepEqual(logins, ['PLAIN tls']);
  });

  test('without TLS nothing is sent but by the operator’s own wish', async () => {
    const off = await (async () => {
      await gateway.configure({ node: node('localhost', ', tls: off') });
      return gateway.cli('check');
    })();
    assert.equal(off.code, 78);
    assert.match(off.stdout, /delivery\.smarthost\.auth\.over: without TLS nobody logs in/);
    await use(node('localhost', ', tls: off', ', over: plaintext'));
    assert.match(await send('eve@one.test'), /^250 .* delivered/);
    assert.deepEqual(logins, ['PLAIN plaintext']);
  });

  test('a login that is refused loses no mail, and a new password is taken at a reload', async () => {
    const file = join(gateway.folder, 'smarthost.password');
    await writeFile(file, 'wrong\n');
    await use(node('localhost'));
    const reply = await send('eve@one.test');
    assert.match(reply, /^250 .* queued/);
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    const later = await gateway.event('rcpt.defer', (line) => line['id'] === id);
    assert.match(String(later['text']), /535/);
    await writeFile(file, PASSWORD);
    await gateway.cli('reload');
    await until('the message to arrive', () => taken.length === 1);
  });

  test('a file without a password is told at its place', async () => {
    await writeFile(join(gateway.folder, 'smarthost.password'), '\n');
    const { code, stdout } = await gateway.cli('check');
    assert.equal(code, 78);
    assert.match(stdout, /delivery\.smarthost\.auth\.password_file: holds no password/);
  });
});
