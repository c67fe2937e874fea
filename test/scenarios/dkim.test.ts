/** Outbound mail is signed as its author's domain, once the record of the key is in the DNS. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { recordName, recordText } from '../../src/dkim/record.ts';
import { makeKey, parseSigningKey } from '../../src/dkim/signing-key.ts';
import { Destination } from '../support/destination.ts';
import { byDkimpy, hasVerifiers, NEEDED } from '../support/dkim-verifiers.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { missing } from '../support/real-component.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'From: Anna <anna@example.org>\r\nSubject: hi\r\n\r\nHello  \r\n.. dots\r\n\r\n\r\n';
/** Accounts by address: of everybody, and one with a selector of its own. */
const CUSTOMER = '127.0.0.80';
const SPECIAL = '127.0.0.81';

describe('E14 E16 E18 signatures of outbound mail', () => {
  let outside: Outside;
  let gateway: Gateway;
  const destination = new Destination();
  const records: Record<string, string> = {};

  before(async () => {
    outside = await Outside.start(
      { 'one.test': { mx: ['10 mx.one.test'] }, 'mx.one.test': { a: [addressOf(0)] } },
      1,
    );
    await destination.start();
    const accounts = `[{ ip: ${CUSTOMER}, other_domains: true }, { ip: ${SPECIAL}, dkim_selector: own }]`;
    gateway = await Gateway.make(
      outside.files({
        domains: {
          'example.org': domainFile(destination.port, {
            aliases: '[example.com]',
            outgoing: `{ enabled: true, accounts: ${accounts} }`,
            dkim: '{ headers: [X-Campaign] }',
          }),
        },
      }),
    );
    await key('example.org', 'rsa', 'rsa2048');
    await key('example.org', 'ed', 'ed25519');
    await key('example.org', 'own', 'ed25519');
    await key('mx.sluice.test', 'gw', 'ed25519');
    await gateway.start();
  });
  beforeEach(() => outside.clear());
  after(async () => {
    await gateway.remove();
    await outside.stop();
    await destination.stop();
  });

  async function key(domain: string, selector: string, kind: 'rsa2048' | 'ed25519') {
    const folder = join(gateway.folder, 'dkim', domain);
    await mkdir(folder, { recursive: true });
    const pem = await makeKey(kind);
    await writeFile(join(folder, `${selector}.pem`), pem, { mode: 0o600 });
    const parsed = parseSigningKey(pem);
    assert.ok(parsed.ok);
    records[recordName(domain, selector)] = recordText(parsed.value);
  }

  /** In strings of 255, as DNS panels cut them. */
  async function publish(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const text = records[name] ?? '';
      outside.dns.zones[name] = { txt: [text.match(/.{1,255}/g) ?? []] };
    }
    await gateway.cli('reload');
    for (const name of names) {
      const [selector, , ...domain] = name.split('.');
      const is = { selector, domain: domain.join('.') };
      await gateway.event('dkim.seen', (line) => {
        return line['selector'] === is.selector && line['domain'] === is.domain;
      });
    }
  }

  /** What arrives of a mail, and its line in the ledger. */
  async function sent(content: string, from = 'anna@example.org', ip = CUSTOMER) {
    outside.clear();
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', ip);
    const reply = await talk.send(from, ['eve@one.test'], content);
    await talk.quit();
    assert.match(reply, /^250 .* delivered/);
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    const entry = await gateway.event('msg.in', (line) => line['id'] === id);
    const [arrived] = outside.server(0).arrived;
    assert.ok(arrived);
    return { bytes: Buffer.from(arrived.content), entry };
  }

  test('nothing is signed before the record is seen', async () => {
    const { bytes, entry } = await sent(MAIL);
    assert.doesNotMatch(String(bytes), /DKIM-Signature/);
    assert.equal(entry['unsigned'], 'no_record');
    const waiting = await gateway.event('dkim.missing', (line) => line['selector'] === 'rsa');
    assert.equal(waiting['text'], 'there is no record');
  });

  test('both keys sign once both records are seen, and the content is as it was', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    await publish('rsa._domainkey.example.org', 'ed._domainkey.example.org');
    const { bytes, entry } = await sent(MAIL);
    assert.deepEqual(byDkimpy([bytes], records), [['pass', 'pass']]);
    const signed = entry['signed'] as string[]; // our own log
    assert.deepEqual(signed, ['rsa._domainkey.example.org', 'ed._domainkey.example.org']);
    assert.match(
      String(bytes),
      /^DKIM-Signature: v=1; a=[^;]+; c=relaxed\/relaxed; d=example\.org;/,
    );
    assert.ok(bytes.subarray(-MAIL.length).equals(Buffer.from(MAIL)));
    assert.equal(entry['size'], bytes.length);
    // It came without a Message-ID: ours is signed too.
    const msgid = String(entry['msgid']);
    assert.match(msgid, /^<\S+\.[0-9a-f]{16}@mx\.sluice\.test>$/);
    assert.ok(bytes.includes(`\r\nMessage-ID: ${msgid}\r\nFrom: `), String(bytes));
    const other = Buffer.from(bytes.toString('latin1').replace(msgid, '<x@mx.sluice.test>'));
    assert.deepEqual(byDkimpy([other], records), [['fail', 'fail']]);
  });

  test('a large message and one with a field of its own are signed', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    const body = Array.from({ length: 30_000 }, (_, i) => `line ${i}  with  blanks \t\r\n`).join(
      '',
    );
    const { bytes } = await sent(`X-Campaign: 7\r\n${MAIL}${body}`);
    assert.deepEqual(byDkimpy([bytes], records), [['pass', 'pass']]);
    const changed = Buffer.from(bytes.toString('latin1').replace('X-Campaign: 7', 'X-Campaign: 8'));
    assert.ok(!byDkimpy([changed], records)[0]?.includes('pass'));
  });

  test('an account signs with the selector of its own as soon as that is seen', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    const before = await sent(MAIL, 'anna@example.org', SPECIAL);
    assert.equal((before.entry['signed'] as string[]).length, 2, 'until then as the others');
    await publish('own._domainkey.example.org');
    const { bytes, entry } = await sent(MAIL, 'anna@example.org', SPECIAL);
    assert.deepEqual(entry['signed'], ['own._domainkey.example.org']);
    assert.deepEqual(byDkimpy([bytes], records), [['pass']]);
    const others = await sent(MAIL);
    assert.equal(
      (others.entry['signed'] as string[]).includes('own._domainkey.example.org'),
      false,
    );
  });

  test('who writes as somebody else gets no signature', async () => {
    for (const from of ['eve@evil.test', 'anna@example.org, eve@evil.test', 'x@sub.example.org']) {
      const { bytes, entry } = await sent(MAIL.replace('Anna <anna@example.org>', from));
      assert.doesNotMatch(String(bytes), /DKIM-Signature/, from);
      assert.equal(entry['unsigned'], 'author');
    }
  });

  test('an alias is signed as itself, when its own record is seen', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    const as = MAIL.replace('@example.org', '@EXAMPLE.com');
    const { entry } = await sent(as, 'anna@example.com');
    assert.equal(entry['unsigned'], 'no_record');
    records['rsa._domainkey.example.com'] = records['rsa._domainkey.example.org'] ?? '';
    await publish('rsa._domainkey.example.com');
    const { bytes } = await sent(as, 'anna@example.com');
    assert.deepEqual(byDkimpy([bytes], records), [['pass']]);
    assert.match(String(bytes), / d=example\.com;/);
  });

  test('what comes in is not signed', async () => {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org');
    await talk.send('anna@example.org', ['bob@example.org'], MAIL);
    await talk.quit();
    await until('it to arrive', () => destination.arrived.length === 1);
    assert.doesNotMatch(String(destination.arrived[0]?.content), /DKIM-Signature/);
    destination.arrived.length = 0;
  });

  test('our own reports are signed as the gateway', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    await publish('gw._domainkey.mx.sluice.test');
    outside.server(0).behaviour = {
      rcpt: (to) => (to.startsWith('no') ? '550 5.1.1 who?' : '250 Ok'),
    };
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    await talk.send('anna@example.org', ['eve@one.test', 'nobody@one.test'], MAIL);
    await talk.quit();
    await until('the report', () => destination.arrived.length === 1);
    const report = Buffer.from(destination.arrived[0]?.content ?? '');
    assert.match(String(report), /^DKIM-Signature: .* d=mx\.sluice\.test;\s+s=gw;/);
    assert.deepEqual(byDkimpy([report], records), [['pass']]);
  });

  test('what was seen is remembered over a restart', async () => {
    await gateway.stop();
    delete outside.dns.zones['rsa._domainkey.example.org'];
    outside.dns.zones['ed._domainkey.example.org'] = 'servfail';
    await gateway.start();
    const { entry } = await sent(MAIL);
    assert.equal((entry['signed'] as string[]).length, 2);
  });

  test('a key that others may read keeps the configuration in force', async () => {
    const file = join(gateway.folder, 'dkim', 'example.org', 'open.pem');
    await writeFile(file, await makeKey('ed25519'), { mode: 0o644 });
    const { code, stdout } = await gateway.cli('check');
    assert.equal(code, 78);
    assert.match(stdout, /open\.pem:1:1 error file: is open to others: chmod 600/);
    assert.equal((await gateway.cli('reload')).code, 78);
    await rm(file);
  });
});
