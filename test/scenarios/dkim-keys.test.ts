/** Keys from the command line: made, published, checked, changed for new ones without a gap. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { doctor } from '../support/doctor.ts';
import type { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const CUSTOMER = '127.0.0.80';
const MAIL = 'From: anna@example.org\r\nSubject: hi\r\n\r\nHello\r\n';

interface KeyRow {
  readonly selector: string;
  readonly alg: string;
  readonly file: string;
  readonly status?: string;
  readonly detail?: string;
  readonly dns: { readonly name: string; readonly value: string; readonly zone: string };
}

describe('E17 sluice dkim', () => {
  let outside: Outside;
  let gateway: Gateway;
  const destination = new Destination();

  before(async () => {
    outside = await Outside.start(
      { 'one.test': { mx: ['10 mx.one.test'] }, 'mx.one.test': { a: [addressOf(0)] } },
      1,
    );
    await destination.start();
    gateway = await outside.gateway({
      domains: {
        'example.org': domainFile(destination.port, {
          aliases: '[example.com]',
          outgoing: `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`,
        }),
      },
    });
  });
  after(async () => {
    await gateway.remove();
    await outside.stop();
    await destination.stop();
  });

  async function rows(...args: string[]): Promise<{ code: number | null; rows: KeyRow[] }> {
    const { code, stdout, stderr } = await gateway.cli('dkim', ...args, '--json');
    const lines = stdout.split('\n').filter((line) => line !== '');
    assert.equal(stderr, '');
    return { code, rows: lines.map((line) => JSON.parse(line) as KeyRow) }; // our own output
  }

  /** As a zone file is read: the strings of the record. */
  async function publish({ dns, selector }: KeyRow): Promise<void> {
    const strings = dns.zone.match(/"[^"]*"/g)?.map((text) => text.slice(1, -1)) ?? [];
    assert.ok(strings.every((text) => text.length <= 255));
    assert.equal(strings.join(''), dns.value);
    outside.dns.zones[dns.name] = { txt: [strings] };
    await gateway.cli('reload');
    await gateway.event('dkim.seen', (line) => line['selector'] === selector);
  }

  async function signedBy(): Promise<unknown> {
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', CUSTOMER);
    const reply = await talk.send('anna@example.org', ['eve@one.test'], MAIL);
    await talk.quit();
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    const entry = await gateway.event('msg.in', (line) => line['id'] === id);
    return entry['signed'] ?? entry['unsigned'];
  }

  let first: KeyRow;

  test('without a key the check says what to do, and the doctor warns', async () => {
    const { code, stderr } = await gateway.cli('dkim', 'check', 'example.org');
    assert.equal(code, 1);
    assert.match(stderr, /sluice dkim keygen example\.org/);
    const { row } = await doctor(gateway, 'example.org');
    assert.equal(row('DKIM example.org').status, 'WARN');
    assert.equal(row('DKIM example.org').fix, 'sluice dkim keygen example.org');
    assert.equal((await gateway.cli('dkim', 'rotate', 'example.org')).code, 1);
    assert.equal((await gateway.cli('dkim', 'keygen', 'elsewhere.test')).code, 1);
    assert.equal((await gateway.cli('dkim', 'keygen', 'example.org', '--selector', 'A')).code, 64);
  });

  test('a key is made for its owner alone, and the running gateway waits for its record', async () => {
    const made = await rows('keygen', 'example.org', '--selector', 's1');
    assert.equal(made.code, 0);
    assert.ok(made.rows[0]);
    [first] = made.rows as [KeyRow];
    assert.equal(statSync(first.file).mode & 0o777, 0o600);
    assert.equal(first.dns.name, 's1._domainkey.example.org');
    assert.equal(first.alg, 'rsa2048');
    assert.match(first.dns.zone, / 3600 IN TXT "v=DKIM1; k=rsa; p=MII[^"]{230,}" "[^"]+"$/);
    await gateway.event('dkim.missing', (line) => line['selector'] === 's1');
    assert.equal(await signedBy(), 'no_record');
    const { stdout: status } = await gateway.cli('status');
    assert.match(
      status,
      /not signed, record not seen: s1\._domainkey\.example\.org \(there is no record\)/,
    );
    const again = await gateway.cli('dkim', 'keygen', 'example.org', '--selector', 's1');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /is there already; nothing was written/);
  });

  test('check fails with the record to publish, then passes', async () => {
    const { code, stdout } = await gateway.cli('dkim', 'check', 'example.org');
    assert.equal(code, 2);
    assert.match(stdout, /^FAIL s1\._domainkey\.example\.org there is no record$/m);
    assert.ok(stdout.includes(`publish: ${first.dns.zone}\n`));
    const before = await doctor(gateway, 'example.org');
    assert.match(before.row('DKIM example.org').detail, /there is no record; mail is not signed/);
    const wrong = first.dns.value.replace('MII', 'MIJ');
    outside.dns.zones['s1._domainkey.example.org'] = { txt: [wrong.match(/.{1,255}/g) ?? []] };
    const other = await rows('check', 'example.org');
    assert.deepEqual([other.code, other.rows[0]?.detail], [2, 'has another key']);
    outside.dns.zones['s1._domainkey.example.org'] = 'servfail';
    assert.equal((await rows('check', 'example.org')).code, 3);
    await publish(first);
    const now = await gateway.cli('dkim', 'check', 'example.org');
    assert.deepEqual([now.code, now.stdout], [0, 'PASS s1._domainkey.example.org key matches\n']);
    assert.deepEqual(await signedBy(), ['s1._domainkey.example.org']);
    const { row } = await doctor(gateway, 'example.org');
    assert.equal(row('DKIM example.org').detail, 's1._domainkey.example.org (RSA 2048)');
    assert.equal(row('DKIM example.com').status, 'WARN', 'an alias needs a record of its own');
  });

  test('M12: the records of the doctor have that of the key', async () => {
    const { stdout } = await gateway.cli('doctor', '--records', 'example.org');
    assert.ok(stdout.includes(`${first.dns.zone} ; there\n`));
    const alias = first.dns.zone.replace('.org', '.com');
    assert.ok(stdout.includes(`${alias} ; missing\n`), stdout);
  });

  test('after a rotation the old key signs until the record of the new one is seen', async () => {
    const { code, rows: made } = await rows('rotate', 'example.org');
    assert.equal(code, 0);
    const [next] = made;
    assert.ok(next && made.length === 1);
    assert.match(next.selector, /^s20\d{6}$/);
    assert.ok(existsSync(first.file));
    await gateway.event('dkim.missing', (line) => line['selector'] === next.selector);
    assert.deepEqual(await signedBy(), ['s1._domainkey.example.org']);
    const waiting = await rows('check', 'example.org');
    assert.equal(waiting.code, 2);
    assert.deepEqual(
      waiting.rows.map(({ selector, status }) => [selector, status]),
      [
        [next.selector, 'FAIL'],
        ['s1', 'PASS'],
      ],
    );
    await publish(next);
    assert.deepEqual(await signedBy(), [`${next.selector}._domainkey.example.org`]);
    delete outside.dns.zones['s1._domainkey.example.org'];
    const { code: done, rows: all } = await rows('check', 'example.org');
    assert.deepEqual([done, all.map(({ status }) => status)], [0, ['PASS', 'SKIP']]);
  });

  test('the gateway has a key of its own, and a key of the other kind joins in', async () => {
    const own = await rows('keygen', 'mx.sluice.test', '--alg', 'ed25519');
    assert.equal(own.rows[0]?.alg, 'ed25519');
    assert.match(own.rows[0]?.dns.name ?? '', /^e20\d{6}\._domainkey\.mx\.sluice\.test$/);
    const { row } = await doctor(gateway);
    assert.match(row('DKIM mx.sluice.test').detail, /there is no record; mail is not signed/);
    const made = await rows('keygen', 'example.org', '--alg', 'ed25519');
    assert.ok(made.rows[0]);
    await publish(made.rows[0]);
    assert.equal(((await signedBy()) as string[]).length, 2);
  });

  test('a gateway that does not run finds the key when it starts', async () => {
    await gateway.stop();
    const { code, stdout } = await gateway.cli('dkim', 'keygen', 'example.com');
    assert.equal(code, 0);
    assert.match(stdout, /^s20\d{6}-2\._domainkey\.example\.com\. 3600 IN TXT "v=DKIM1; /m);
    assert.match(stdout, /no gateway is running; example\.com is signed once the record is seen/);
  });
});
