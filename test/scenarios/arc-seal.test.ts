/** Inbound mail that goes on with a change of ours, or always, carries a seal that others verify. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { recordText } from '../../src/dkim/record.ts';
import { makeKey, parseSigningKey } from '../../src/dkim/signing-key.ts';
import { Destination } from '../support/destination.ts';
import { chainsByOthers, hasVerifiers, NEEDED } from '../support/dkim-verifiers.ts';
import { DnsServer } from '../support/dns-server.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { sendMail } from '../support/smtp-talk.ts';

const POINTS = `export default {
  name: 'points',
  hooks: { mail: ({ envelope }) => ({ kind: 'pass', score: envelope.reversePath?.local === 'six' ? 6 : 1 }) },
};
`;
const MAIL =
  'From: Anna  <anna@x.test>\r\nSubject: the\r\n deal\r\nTo: bob@example.org\r\n\r\nHello  \r\n.. dots\r\n\r\n';
const RECORD = 's1._domainkey.sluice.test';
const PASSES = ['pass', 'pass'];

describe('ARC seals of mail that goes on', () => {
  const destination = new Destination();
  const records: Record<string, string> = {};
  let dns: DnsServer;
  let gateway: Gateway;
  let pem: string;

  before(async () => {
    await destination.start();
    dns = await new DnsServer({ 'x.test': { txt: ['v=spf1 ip4:127.0.0.0/8 -all'] } }).start();
    pem = await makeKey('rsa2048');
    const parsed = parseSigningKey(pem);
    assert.ok(parsed.ok);
    records[RECORD] = recordText(parsed.value);
    const spam = '{ subject_tag: "[SPAM?]" }';
    gateway = await Gateway.make({
      domains: { 'example.org': domainFile(destination.port, { spam }) },
      plugins: '[sender-auth, points]',
      node: node('changed'),
    });
    await mkdir(join(gateway.folder, 'plugins'));
    await writeFile(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(gateway.folder, 'plugins', 'points.js'), POINTS);
    await writeFile(join(gateway.folder, 'seal.pem'), pem, { mode: 0o600 });
    await gateway.start();
  });
  after(async () => {
    await gateway.remove();
    await destination.stop();
    await dns.stop();
  });

  function node(when: string): string {
    const seal = `{ domain: Sluice.test, selector: s1, key: ./seal.pem, when: ${when} }`;
    return `dns: { servers: ["${dns.address}"] }\narc_seal: ${seal}`;
  }

  async function passed(content: string | Buffer, local = 'one') {
    destination.arrived.length = 0;
    const text = typeof content === 'string' ? content : content.toString('latin1');
    const from = `${local}@x.test`;
    const reply = await sendMail(gateway.port(), from, ['bob@example.org'], text);
    assert.match(reply, /^250 .* delivered/);
    const id = /Ok: (\S+) /.exec(reply)?.[1];
    const entry = await gateway.event('msg.in', (line) => line['id'] === id);
    return { bytes: Buffer.from(destination.arrived[0]?.content ?? ''), entry };
  }

  const setsIn = (bytes: Buffer) => [...String(bytes).matchAll(/^ARC-Seal: i=(\d+);/gim)].length;

  test('nothing is sealed before the record is seen', async () => {
    const { bytes, entry } = await passed(MAIL, 'six');
    assert.deepEqual([setsIn(bytes), entry['unsealed']], [0, 'no_record']);
    const { stdout } = await gateway.cli('doctor', '--records');
    assert.match(stdout, /^s1\._domainkey\.sluice\.test\. \d+ IN TXT "v=DKIM1; .* ; missing$/m);
    dns.zones[RECORD] = { txt: [(records[RECORD] ?? '').match(/.{1,255}/g) ?? []] };
    await gateway.cli('reload');
    await gateway.event('dkim.seen');
  });

  test('a mail with our subject tag is sealed as it leaves, any other one not', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    const plain = await passed(MAIL);
    assert.deepEqual([setsIn(plain.bytes), plain.entry['sealed']], [0, undefined]);
    const { bytes, entry } = await passed(MAIL, 'six');
    assert.equal(entry['sealed'], RECORD);
    assert.match(String(bytes), /^Subject: \[SPAM\?\] the\r\n deal\r\n/m);
    const told = /^ARC-Authentication-Results: i=1; mx\.sluice\.test;[^]*?\r\n(?!\t)/m.exec(
      String(bytes),
    );
    assert.match(String(told).replace(/\s+/g, ' '), /spf=pass .*arc=none/);
    const changed = Buffer.from(String(bytes).replace('Hello', 'Hallo'));
    const moved = Buffer.from(String(bytes).replace('[SPAM?]', '[spam?]'));
    assert.deepEqual(chainsByOthers([bytes, changed, moved], records), [
      PASSES,
      ...[changed, moved].map(() => ['fail', 'fail']),
    ]);
  });

  test('always: a chain that holds goes on, a broken one is sealed as broken and then left', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    const file = join(gateway.folder, 'sluice.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('when: changed', 'when: always'));
    assert.equal((await gateway.cli('reload')).code, 0);
    let { bytes } = await passed(MAIL);
    const first = bytes;
    for (const instance of [2, 3]) {
      ({ bytes } = await passed(bytes, 'six'));
      if (instance === 2) assert.equal(setsIn(bytes), 2);
    }
    assert.equal(setsIn(bytes), 3);
    const cv = [...String(bytes).matchAll(/^ARC-Seal: i=(\d);[^;]+; cv=(\w+);/gm)].map((m) => m[2]);
    assert.deepEqual(cv, ['pass', 'pass', 'none']);
    assert.deepEqual(chainsByOthers([first, bytes], records), [PASSES, PASSES]);

    const broken = await passed(String(bytes).replace('Hello', 'Hallo'));
    assert.match(String(broken.bytes), /^ARC-Seal: i=4; a=rsa-sha256; cv=fail;/);
    const again = await passed(broken.bytes);
    assert.deepEqual([setsIn(again.bytes), again.entry['unsealed']], [4, 'chain_failed']);
    const full = await passed(`ARC-Seal: i=50; cv=pass; b=AA\r\n${MAIL}`);
    assert.equal(full.entry['unsealed'], 'chain_full');
    // Mail without a header gets one, and a seal over all of what it is.
    const bare = await passed('just text\r\n\r\nmore\r\n');
    assert.equal(bare.entry['sealed'], RECORD);
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}  with  blanks \t\r\n`);
    const large = await passed(MAIL + lines.join(''), 'six');
    assert.deepEqual(chainsByOthers([bare.bytes, large.bytes], records), [PASSES, PASSES]);
  });

  test('a silent name server says nothing of a chain, and it is left alone', async () => {
    const silent = 'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=silent.test; s=a; b=AAAA\r\n';
    const more = `ARC-Message-Signature: i=1; a=rsa-sha256; d=silent.test; s=a; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i=1; x; spf=pass\r\n`;
    dns.zones['a._domainkey.silent.test'] = 'servfail';
    const { bytes, entry } = await passed(silent + more + MAIL);
    assert.deepEqual([setsIn(bytes), entry['unsealed']], [1, 'unexamined']);
  });

  test('a key that others may read, or of the wrong kind, is an error; so is none', async () => {
    const file = join(gateway.folder, 'seal.pem');
    const check = async () => (await gateway.cli('check')).stdout;
    await writeFile(file, await makeKey('ed25519'));
    assert.match(await check(), /error arc_seal\.key: is an Ed25519 key/);
    await writeFile(join(gateway.folder, 'open.pem'), pem, { mode: 0o644 });
    await rename(join(gateway.folder, 'open.pem'), file);
    assert.match(await check(), /error arc_seal\.key: .*seal\.pem is open to others: chmod 600/);
    await rm(file);
    assert.match(await check(), /error arc_seal\.key: .*seal\.pem cannot be read/);
    await writeFile(file, pem, { mode: 0o600 });
    const yaml = join(gateway.folder, 'sluice.yaml');
    await writeFile(yaml, (await readFile(yaml, 'utf8')).replace('sender-auth, ', ''));
    assert.match(await check(), /warning arc_seal: seals nothing without the plugin sender-auth/);
  });
});
