/** Recipients in an LDAP directory, asked of a real OpenLDAP and of servers that lie. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createDirectory } from '../../src/directory/directory.ts';
import { LdapRecipients } from '../../src/directory/ldap/recipients.ts';
import type { LdapSource } from '../../src/directory/ldap/source.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { freePort } from '../support/free-port.ts';
import { missing } from '../support/real-component.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { Slapd, slapdMissing } from '../support/slapd.ts';
import { until } from '../support/until.ts';

const at = (local: string) => ({ local, domain: 'example.org' });

function source(urls: readonly string[], more: Partial<LdapSource> = {}): LdapSource {
  const servers = urls.map((text) => {
    const { protocol, hostname: host, port } = new URL(text);
    return { url: text, host, port: Number(port), secure: protocol === 'ldaps:' };
  });
  return {
    kind: 'ldap',
    key: urls.join(','),
    connectionKey: JSON.stringify([urls, more]),
    servers,
    tls: 'off',
    ca: undefined,
    bind: { dn: Slapd.bindDn, password: Slapd.password },
    base: Slapd.base,
    filter: '(|(mail=%s)(proxyAddresses=smtp:%s))',
    timeoutMs: 5000,
    ...more,
  };
}

function asker(t: TestContext, ...sources: readonly LdapSource[]) {
  const log = new RecordedLog();
  const changes: string[] = [];
  const domains = sources.map((recipients, index) => ({
    ...CUSTOMER_DOMAIN,
    name: index === 0 ? 'example.org' : `example${index}.org`,
    recipients,
  }));
  const directory = createDirectory(domains);
  const ldap = new LdapRecipients({
    clock: systemClock,
    log,
    directory: () => directory,
    onChange: (key, isDown) => changes.push(`${key} ${isDown ? 'down' : 'up'}`),
  });
  t.after(() => ldap.stop());
  return { ldap, log, changes };
}

/** What is said to a recipient, and why it is not known. */
async function answers(ldap: LdapRecipients, from: LdapSource, ...locals: readonly string[]) {
  const found = await Promise.all(locals.map((local) => ldap.ask(from, at(local))));
  return found.map((answer) => (answer.kind === 'unsure' ? `unsure: ${answer.text}` : answer.kind));
}

test('a real directory of 10,000 people: who is there, by any of their addresses', async (t) => {
  const lack = slapdMissing();
  if (lack !== undefined) return missing(t, lack);
  const people = Array.from({ length: 10_000 }, (_, n) => ({
    mail: `p${n}@example.org`,
    others: [`alias${n}@example.org`],
  }));
  const slapd = await (await Slapd.make([...people, { mail: 'a*b@example.org' }])).start();
  try {
    const ca = readFileSync(slapd.ca, 'utf8');
    const plain = source([`ldap://localhost:${slapd.port}`]);
    const startTls = source([`ldap://localhost:${slapd.port}`], { tls: 'starttls', ca });
    const tls = source([`ldaps://localhost:${slapd.tlsPort}`], { ca });
    for (const one of [plain, startTls, tls]) {
      const { ldap } = asker(t, one);
      assert.deepEqual(
        await answers(ldap, one, 'p0', 'P9999', 'alias77', 'p10000', '*', 'p*', 'a*b', ')(mail=*'),
        ['known', 'known', 'known', 'unknown', 'unknown', 'unknown', 'known', 'unknown'],
      );
    }
    await t.test(
      'a certificate nobody vouches for, a wrong password, a base without people',
      async () => {
        const cases: [LdapSource, RegExp][] = [
          [source([`ldap://localhost:${slapd.port}`], { tls: 'starttls' }), /self-signed/],
          [source([`ldap://127.0.0.1:${slapd.port}`], { tls: 'starttls', ca }), /127\.0\.0\.1/],
          [source([`ldaps://localhost:${slapd.tlsPort}`]), /self-signed/],
          [
            source([`ldap://localhost:${slapd.port}`], {
              bind: { dn: Slapd.bindDn, password: 'x' },
            }),
            /localhost:\d+: the server refuses the login \(bind_dn, password\); LDAP result 49$/,
          ],
          [source([`ldap://localhost:${slapd.port}`], { bind: undefined }), /unsure/],
          [
            source([`ldap://localhost:${slapd.port}`], { base: 'ou=none,dc=example,dc=org' }),
            /nothing is there under the base, .*; LDAP result 32$/,
          ],
          [
            source([`ldap://localhost:${slapd.port}`], { filter: '(uid=x%s)' }),
            /finds nobody at all/,
          ],
        ];
        for (const [wrong, why] of cases) {
          const { ldap, log } = asker(t, wrong);
          const [answer = ''] = await answers(ldap, wrong, 'p10000');
          assert.match(answer, /^unsure/, 'never refused because we see nothing');
          assert.match(answer, why);
          assert.equal(log.events.filter(({ evt }) => evt === 'ldap.down').length, 1);
        }
      },
    );
    await t.test('stopped and started: unsure meanwhile, told once, found by itself', async () => {
      const { ldap, log, changes } = asker(t, startTls);
      assert.deepEqual(await answers(ldap, startTls, 'p1'), ['known']);
      await slapd.stop();
      for (const answer of await answers(ldap, startTls, 'p1', 'p2'))
        assert.match(answer, /^unsure/);
      assert.equal(ldap.states()[0]?.down === undefined, false);
      await slapd.start();
      await until('it to be found', async () => {
        await ldap.ask(startTls, at('p1'));
        return ldap.states()[0]?.down === undefined;
      });
      assert.deepEqual(await answers(ldap, startTls, 'p1', 'p10000'), ['known', 'unknown']);
      const told = log.events.map(({ evt }) => evt).filter((evt) => evt.startsWith('ldap.'));
      assert.deepEqual(told, ['ldap.down', 'ldap.up']);
      assert.deepEqual(
        changes.map((change) => change.split(' ')[1]),
        ['up', 'down', 'up'],
      );
    });
    await t.test('a second server takes over', async () => {
      const dead = await freePort();
      const both = source([`ldap://127.0.0.1:${dead}`, `ldap://127.0.0.1:${slapd.port}`]);
      const { ldap, log } = asker(t, both);
      assert.deepEqual(await answers(ldap, both, 'p1', 'x'), ['known', 'unknown']);
      assert.deepEqual(
        log.events.map(({ evt }) => evt),
        [],
      );
    });
  } finally {
    await slapd.remove();
  }
});

/** BER: tag, length, content. */
function ber(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
const int = (value: number) =>
  ber(0x02, Buffer.from(value < 0x80 ? [value] : [value >> 8, value & 0xff]));
const text = (value: string) => ber(0x04, Buffer.from(value));
/** One answer: to a bind 0x61, an entry 0x64, a reference 0x73, the end of a search 0x65. */
const message = (id: number, tag: number, ...parts: readonly Buffer[]) =>
  ber(0x30, int(id), ber(tag, ...parts));
const result = (code: number) => [ber(0x0a, Buffer.from([code])), text(''), text('x')];

/** A server that lies: `say` is called with the number of each request of a connection. */
async function liar(t: TestContext, say: (id: number, socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      // Requests may come two in a piece: each is SEQUENCE, length, INTEGER messageID (RFC 4511 §4.1.1).
      for (let end = requestEnd(rest); end <= rest.length; end = requestEnd(rest)) {
        // Beyond 127 requests the number has two octets.
        const at = rest.indexOf(0x02) + 1;
        const id = rest.readUIntBE(at + 1, rest[at] ?? 1);
        rest = rest.subarray(end);
        say(id, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port; // listening on TCP
}

test('no answer of a server that lies makes anybody unknown, or costs more than its time', async (t) => {
  const somebody = (id: number) => message(id, 0x64, text('cn=x'), ber(0x30));
  const end = (id: number, code = 0) => message(id, 0x65, ...result(code));
  const reference = (id: number, url: string) => message(id, 0x73, text(url));
  /** The first search asks whether anybody is there; the second is the question. */
  const then = (answer: (id: number) => Buffer) => (id: number, socket: Socket) =>
    socket.write(id === 2 ? Buffer.concat([somebody(2), end(2)]) : answer(id));
  const cases: [string, (id: number, socket: Socket) => void, RegExp][] = [
    ['says nothing', () => undefined, /no answer within/],
    ['cuts', (_id, socket) => socket.destroy(), /unsure/],
    ['says rubbish', (_id, socket) => socket.write('HTTP/1.1 400 Bad\r\n\r\n'), /unsure/],
    ['size limit without an entry', then((id) => end(id, 4)), /LDAP result 4: x$/],
    ['busy', then((id) => end(id, 51)), /the server is busy; LDAP result 51: x$/],
    ['refers the whole search', then((id) => end(id, 10)), /LDAP result 10: x$/],
    [
      'refers to another server',
      then((id) => Buffer.concat([reference(id, 'ldap://other.test/dc=x'), end(id)])),
      /perhaps at ldap:\/\/other\.test/,
    ],
    [
      'refers to the parts of an Active Directory without people',
      then((id) => Buffer.concat([reference(id, 'ldap://x/DC=ForestDnsZones,DC=x'), end(id)])),
      /^unknown$/,
    ],
    ['an answer to somebody else', then((id) => end(id + 7)), /no answer within/],
    ['ends the session', then(() => message(0, 0x78, ...result(52))), /no answer within/],
  ];
  await Promise.all(
    cases.map(async ([name, say, expected]) => {
      const port = await liar(t, say);
      const from = source([`ldap://127.0.0.1:${port}`], { bind: undefined, timeoutMs: 1000 });
      const { ldap } = asker(t, from);
      const [answer = ''] = await answers(ldap, from, 'anna');
      assert.match(answer, expected, name);
    }),
  );
});

test('a server that sends without end is cut off', async (t) => {
  const tiny = Buffer.concat(Array.from({ length: 100_000 }, () => message(2, 0x73)));
  const endless = Buffer.concat([Buffer.from('3084ffffffff', 'hex'), Buffer.alloc(2_000_000)]);
  for (const flood of [tiny, endless]) {
    const port = await liar(t, (_id, socket) => socket.write(flood));
    const from = source([`ldap://127.0.0.1:${port}`], { bind: undefined });
    const { ldap } = asker(t, from);
    assert.deepEqual(await answers(ldap, from, 'anna'), ['unsure: too much at once']);
  }
});

/** Inappropriate matching, time limit, administrative limit, busy, unwilling to perform. */
for (const code of [18, 3, 11, 51, 53]) {
  test(`an address that a server has trouble with (${code}) stops nobody else; our own question does`, async (t) => {
    let isGone = false;
    /** The third request is the odd one; later there is no such base. */
    const port = await liar(t, (id, socket) => {
      if (isGone) socket.write(message(id, 0x65, ...result(32)));
      else socket.write(id === 4 ? message(id, 0x65, ...result(code)) : oneEntry(id));
    });
    const from = source([`ldap://127.0.0.1:${port}`], { bind: undefined });
    const { ldap, log, changes } = asker(t, from);
    const odd = new RegExp(`^unsure: .*LDAP result ${code}: x$`);
    for (const expected of [/^known/, odd, /^known/]) {
      assert.match((await answers(ldap, from, 'anna'))[0] ?? '', expected);
    }
    assert.equal(ldap.states()[0]?.down, undefined);
    assert.deepEqual(log.events, []);

    isGone = true;
    assert.match((await answers(ldap, from, 'anna'))[0] ?? '', /^unsure: .*LDAP result 32: x$/);
    assert.deepEqual(changes, [`${from.key} up`]);
    ldap.start();
    await until('it to be seen', () => ldap.states()[0]?.down !== undefined);
    assert.deepEqual(
      log.events.map(({ evt }) => evt),
      ['ldap.down'],
    );
  });
}

test('a server that is unwilling to answer anybody is left for the next, and nothing is down', async (t) => {
  let isUnwilling = false;
  const first = await liar(t, (id, socket) =>
    socket.write(isUnwilling ? message(id, 0x65, ...result(53)) : oneEntry(id)),
  );
  const second = await liar(t, (id, socket) => socket.write(oneEntry(id)));
  const urls = [first, second].map((port) => `ldap://127.0.0.1:${port}`);
  const from = source(urls, { bind: undefined });
  const { ldap, log } = asker(t, from);
  assert.deepEqual(await answers(ldap, from, 'anna'), ['known']);
  isUnwilling = true;
  assert.match((await answers(ldap, from, 'anna'))[0] ?? '', /^unsure: .*LDAP result 53: x$/);
  ldap.start();
  await until('the second to be asked', async () => {
    return (await answers(ldap, from, 'anna'))[0] === 'known';
  });
  assert.equal(ldap.states()[0]?.down, undefined);
  assert.deepEqual(log.events, []);
});

/** Where the first request ends, in octets; Infinity while its length is not there yet. */
function requestEnd(bytes: Buffer): number {
  const first = bytes[1] ?? NaN;
  const more = first & 0x80 ? first & 0x7f : 0;
  if (bytes.length < 2 + more) return Infinity;
  return 2 + more + (more === 0 ? first : bytes.readUIntBE(2, more));
}

function oneEntry(id: number): Buffer {
  return Buffer.concat([
    message(id, 0x64, text('cn=x'), ber(0x30)),
    message(id, 0x65, ...result(0)),
  ]);
}
