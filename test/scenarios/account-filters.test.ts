/** Rules of single accounts that filters see to, over what their domain has set. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Rdap } from '../../plugins/new-domains/rdap.ts';
import { runCommand } from '../support/command.ts';
import { CORPUS } from '../support/corpus.ts';
import { Destination } from '../support/destination.ts';
import { DnsServer } from '../support/dns-server.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const STRICT = '127.0.3.1';
const LENIENT = '127.0.3.2';
const YOUNG = '127.0.3.3';
const ANY_AGE = '127.0.3.4';

const destination = new Destination();
const dns = new DnsServer({
  'young.test.fresh.test': { a: ['127.0.0.2'] },
  'co.test.fresh.test': { a: ['127.0.0.9'] },
  'shop.co.test.fresh.test': { a: ['127.0.0.2'] },
  'dead.test.fresh.test': 'servfail',
});
const HOUR = 3600_000;
const registration = (ageMs: number) => {
  const eventDate = new Date(Date.now() - ageMs).toISOString();
  return JSON.stringify({
    events: [{ eventAction: 'last changed' }, { eventAction: 'registration', eventDate }],
  });
};
/** A registry of `.reg` and the file that names it; what it was asked, in order. */
const asked: string[] = [];
const registry = createServer((request, response) => {
  const { port } = registry.address() as AddressInfo; // listens on TCP
  const { url = '' } = request;
  asked.push(url);
  const answers: Readonly<Record<string, string>> = {
    '/dns.json': JSON.stringify({
      services: [
        [['reg'], [`http://127.0.0.1:${port}/`]],
        [['bad'], [`http://127.0.0.1:${port}/bad/`]],
        ['rubbish', 7],
      ],
    }),
    '/domain/hour.reg': registration(HOUR),
    '/domain/month.reg': registration(30 * 24 * HOUR),
    '/domain/rubbish.reg': '[1, "}',
    '/domain/dateless.reg': '{"events":[{"eventAction":"registration","eventDate":"soon"}]}',
    '/domain/huge.reg': ' '.repeat(2 * 1024 * 1024),
  };
  if (url === '/domain/hanging.reg') return;
  if (url === '/domain/led.reg') response.writeHead(302, { location: '/domain/hour.reg' });
  else if (url.startsWith('/bad/')) response.writeHead(429);
  else if (answers[url] === undefined) response.writeHead(404);
  response.end(answers[url]);
});
let gateway: Gateway;
before(async () => {
  await destination.start();
  await dns.start();
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  const { port } = registry.address() as AddressInfo;
  const outgoing = (accounts: string) => ({
    outgoing: `{ enabled: true, accounts: [${accounts}] }`,
  });
  gateway = await Gateway.run({
    node: `dns: { servers: ["${dns.address}"] }`,
    plugins: `
  - attachments: { macros_action: "off" }
  - new-domains: { lists: [{ zone: fresh.test, codes: 127.0.0.2 }], score: 3, rdap: "http://127.0.0.1:${port}/dns.json", rdap_timeout: 300ms }`,
    domains: {
      'old.test': domainFile(
        destination.port,
        {
          ...outgoing(`{ ip: ${STRICT}, block_macros: true }, { ip: ${LENIENT} }`),
          attachments: '{ names: "*.exe" }',
        },
        'old.test',
      ),
      'young.test': domainFile(
        destination.port,
        outgoing(`{ ip: ${YOUNG}, refuse_new_domains: true }, { ip: ${ANY_AGE} }`),
        'young.test',
      ),
    },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
  await dns.stop();
  registry.closeAllConnections();
  registry.close();
});

async function send(address: string, from: string, content: string): Promise<string> {
  const talk = await SmtpTalk.greeted(gateway.port(), 'client.test', address);
  try {
    return await talk.send(from, ['eve@old.test'], content);
  } finally {
    await talk.quit().catch(() => undefined);
  }
}

function withFile(bytes: Buffer, name: string): string {
  const encoded = bytes.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n');
  return `From: anna@old.test\r\nSubject: file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}\r\n`;
}

test('I55 D7: documents with macros are refused for the account that wants it', async () => {
  const macros = readFileSync(join(CORPUS, 'office-documents', 'apache-poi', '45431.xlsm'));
  const mail = withFile(macros, 'table.xlsm');
  assert.match(
    await send(STRICT, 'anna@old.test', mail),
    /^550 5\.7\.1 .*VBA macros.*\(attachment\)$/,
  );
  assert.match(await send(LENIENT, 'anna@old.test', mail), /^250 /);
  // The rules of the domain hold besides.
  const program = withFile(Buffer.from('MZ'), 'setup.exe');
  assert.match(await send(STRICT, 'anna@old.test', program), /^550 .*\(attachment\)$/);
});

const text = (from: string) => `From: ${from}\r\nSubject: hi\r\n\r\nHello\r\n`;

test('C12: mail from a new domain is refused for the account that wants it', async () => {
  assert.equal(
    await send(YOUNG, 'bob@young.test', text('bob@young.test')),
    '550 5.7.1 The domain young.test was registered a short time ago (new_domain)',
  );
  assert.match(await send(ANY_AGE, 'bob@young.test', text('bob@young.test')), /^250 /);
  const scored = await gateway.event(
    'msg.in',
    (line) => line['res'] === 'accept' && line['score'] === 3,
  );
  assert.deepEqual(scored['tests'], ['NEW_DOMAIN']);
});

test('strangers are asked about by envelope and author; what nobody knows passes', async () => {
  const inbound = async (envelope: string, from: string) => {
    const reply = await send('127.0.3.9', envelope, text(from));
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    const { tests } = await gateway.event('msg.in', (line) => line['id'] === id);
    return tests;
  };
  assert.deepEqual(await inbound('x@a.b.shop.co.test', 'x@fine.test'), ['NEW_DOMAIN']);
  assert.deepEqual(await inbound('x@fine.test', '"x" <y@SHOP.co.test>'), ['NEW_DOMAIN']);
  assert.equal(await inbound('x@fine.test', 'y@other.co.test'), undefined);
  assert.equal(await inbound('x@dead.test', 'x@dead.test'), undefined);
  // Hosted here: its owner is asked about, a forger says nothing of it.
  assert.equal(await inbound('x@fine.test', 'bob@young.test'), undefined);
});

test('C12: registries say by RDAP how old a domain is; what none can say passes', async () => {
  const tests = async (from: string) => {
    const reply = await send('127.0.3.9', from, text(from));
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    const ledger = await gateway.event('msg.in', (line) => line['id'] === id);
    return ledger['tests'];
  };
  assert.deepEqual(await tests('x@hour.reg'), ['NEW_DOMAIN']);
  assert.deepEqual(await tests('x@mail.hour.reg'), ['NEW_DOMAIN']);
  assert.equal(await tests('x@month.reg'), undefined);
  for (const name of ['missing', 'rubbish']) {
    assert.equal(await tests(`x@${name}.reg`), undefined, name);
  }
  const count = asked.length;
  assert.equal(await tests('x@month.reg'), undefined);
  assert.equal(asked.length, count, 'known by now');
  const { port } = registry.address() as AddressInfo;
  const way = { bootstrap: `http://127.0.0.1:${port}/dns.json`, timeout: 300 };
  for (const name of ['dateless', 'huge', 'hanging', 'led']) {
    const rdap = new Rdap({ now: () => Date.now(), log: () => undefined });
    assert.equal(await rdap.registered(`${name}.reg`, way), 'unknown', name);
  }
  // A registry that fails rests.
  assert.equal(await tests('x@one.bad'), undefined);
  assert.equal(await tests('x@two.bad'), undefined);
  assert.deepEqual(
    asked.filter((url) => url.startsWith('/bad/')),
    ['/bad/domain/one.bad'],
  );
});

test('a rule whose filter does not run is told by check', async () => {
  const bare = await Gateway.make({
    plugins: '[attachments]',
    node: 'delivery: { sources: [{ ip: 127.0.0.9 }, { ip: 127.0.0.10, classes: [bulk] }] }\n',
    domains: {
      'old.test': domainFile(
        destination.port,
        {
          outgoing:
            '{ bulk: refuse, accounts: [{ ip: 192.0.2.1, block_macros: true, refuse_new_domains: true }] }',
          services: '[relay, spam, virus]',
        },
        'old.test',
      ),
    },
  });
  const { out, err } = await runCommand(['check', '-c', bare.configFile]);
  await bare.remove();
  assert.match(out + err, /refuse_new_domains: not in effect: the plugin new-domains is not among/);
  assert.doesNotMatch(out + err, /block_macros/);
  assert.match(out, /outgoing\.bulk: not in effect: the plugin mail-class is not among/);
  assert.match(out, /sources\[1\]\.classes: not in effect: the plugin mail-class is not among/);
  assert.match(
    out,
    /:5:19 warning services\[1\]: not in effect: no plugin that looks for spam is among/,
  );
  assert.doesNotMatch(out, /viruses/, 'attachments is of that kind');
});
