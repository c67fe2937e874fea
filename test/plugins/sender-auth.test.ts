/**
 * The plugin sender-auth in the real host: what each policy makes of mail that is not proven, what
 * frees a mail from it and what does not, and that no mail is more than bounded work.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import { dkimSign, sealMessage } from 'mailauth';
import type { Dns } from '../../src/plugin.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { senderAuth } from '../support/sender-auth-rig.ts';
import type { TableZone } from '../support/table-dns.ts';
import { tableDns } from '../support/table-dns.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

function zonesWith(policy: string): Record<string, TableZone | 'unsure'> {
  return {
    'bank.example': { txt: ['v=spf1 ip4:192.0.2.1 -all'] },
    '_dmarc.bank.example': { txt: [`v=DMARC1; p=${policy}`] },
    's._domainkey.bank.example': { txt: [`v=DKIM1; k=rsa; p=${KEY}`] },
    'evil.example': { txt: ['v=spf1 +all'] },
    'silent.example': 'unsure',
    's._domainkey.silent.example': 'unsure',
  };
}

const mailFrom = (from: string, more = '') =>
  `${more}From: ${from}\r\nTo: x@example.org\r\nSubject: hello\r\n\r\nhello\r\n`;
const MAIL = mailFrom('Bank <a@bank.example>');

async function signed(mail: string, signingDomain: string, maxBodyLength?: number) {
  const key = { signingDomain, selector: 's', privateKey: PEM };
  const limit = maxBodyLength === undefined ? {} : { maxBodyLength };
  const { signatures } = await dkimSign(mail, { ...key, signatureData: [{ ...key, ...limit }] });
  return signatures + mail;
}

const signatureOf = (domain: string, selector: string) =>
  `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}; s=${selector};\r\n` +
  ' h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA\r\n';

test('SPF or a signature proves the author and the sender; the field says what was found', async () => {
  const judge = await senderAuth(tableDns({ zones: zonesWith('reject') }));
  const bySpf = await judge(MAIL, { from: 'a@bank.example' });
  assert.deepEqual([bySpf.kind, bySpf.senderProven], ['pass', true]);
  assert.deepEqual(bySpf.results, {
    ...{ spf: 'pass', dkim: 'none', dmarc: 'pass', arc: 'none', from: 'bank.example' },
  });
  const [field] = bySpf.fields ?? [];
  assert.equal(field?.name, 'Authentication-Results');
  assert.match(field?.value ?? '', /^mx\.example; spf=pass .*; dmarc=pass .*; dkim=none/);

  const elsewhere = { ip: '198.51.100.1', from: 'a@bank.example' };
  const byKey = await judge(await signed(MAIL, 'bank.example'), elsewhere);
  assert.deepEqual([byKey.kind, byKey.senderProven], ['pass', true]);
  assert.deepEqual([byKey.results?.['spf'], byKey.results?.['dkim']], ['fail', 'pass']);
  const changed = (await signed(MAIL, 'bank.example')).replace('\r\n\r\nhello', '\r\n\r\nHello');
  const forged = await judge(changed, elsewhere);
  assert.deepEqual([forged.kind, forged.senderProven], ['refuse', false]);

  const part = await judge(`${await signed(MAIL, 'bank.example', 3)}more\r\n`, elsewhere);
  assert.deepEqual([part.results?.['dkim'], part.senderProven], ['pass', false], 'signed in part');
  const report = await judge(await signed(MAIL, 'bank.example'), { ip: '198.51.100.1' });
  assert.equal(report.senderProven, false, 'the null reverse-path');
  const out = await judge(MAIL, { ...elsewhere, direction: 'out' });
  assert.deepEqual([out.kind, out.fields], ['pass', []]);
});

test('each policy is obeyed, unless only marks are wanted or the sender is an exception', async () => {
  const client = { ip: '198.51.100.1', from: 'x@evil.example' };
  const listed = mailFrom('a@bank.example', 'List-Id: Friends <friends.lists.example>\r\n');
  const cases: [string, string, object, string, string?][] = [
    ['reject', 'reject', {}, 'refuse'],
    ['quarantine', 'quarantine', {}, 'quarantine'],
    ['none', 'none', {}, 'pass'],
    ['test mode', 'reject; t=y', {}, 'quarantine'],
    ['only marks', 'reject', { dmarc: 'mark' }, 'pass'],
    ['at most held', 'reject', { dmarc: 'quarantine' }, 'quarantine'],
    ['at most held, policy none', 'none', { dmarc: 'quarantine' }, 'pass'],
    ['exception: author', 'reject', { exceptions: 'a@bank.example' }, 'pass'],
    ['exception: parent domain', 'reject', { exceptions: 'example' }, 'pass'],
    ['exception: other domain', 'reject', { exceptions: 'ank.example' }, 'refuse'],
    ['exception: sender', 'reject', { exceptions: 'X@evil.example' }, 'pass'],
    ['exception: network', 'reject', { exceptions: '198.51.100.0/24' }, 'pass'],
    ['exception: other network', 'reject', { exceptions: '198.51.101.0/24' }, 'refuse'],
    ['exception: list', 'reject', { exceptions: 'lists.example' }, 'pass', listed],
  ];
  for (const [what, policy, options, kind, mail = MAIL] of cases) {
    const judge = await senderAuth(tableDns({ zones: zonesWith(policy) }), { ...options });
    const verdict = await judge(mail, client);
    assert.equal(verdict.kind, kind, what);
    assert.equal(verdict.results?.['dmarc'], 'fail', what);
    if (verdict.kind !== 'pass') assert.equal(verdict.reason, 'dmarc', what);
  }
});

test('SPF refuses when asked to, also what DMARC would hold', async () => {
  for (const author of ['a@other.example', 'a@bank.example', 'a@b.example, a@c.example']) {
    const judge = await senderAuth(tableDns({ zones: zonesWith('quarantine') }), { spf: 'reject' });
    const client = { ip: '198.51.100.1', from: 'a@bank.example' };
    const { kind, ...refused } = await judge(mailFrom(author), client);
    assert.deepEqual([kind, 'reason' in refused && refused.reason], ['refuse', 'spf'], author);
  }
});

test('an author whom a reader may see and DMARC cannot be asked about is no way around it', async () => {
  const judge = await senderAuth(tableDns({ zones: zonesWith('reject') }));
  const marks = await senderAuth(tableDns({ zones: zonesWith('reject') }), { dmarc: 'mark' });
  const client = { from: 'x@evil.example', ip: '198.51.100.1' };
  const mail = (from: string) => Buffer.from(mailFrom(from));
  for (const from of [
    'a@bank.example, x@evil.example',
    'a@bank.example\r\nFrom: x@evil.example',
    'Bank <a@bank.example@evil.example>',
    '<a@bank.example>, x@',
    'a@bank.example:;',
    'a@bank.example\0 <x@evil.example>',
    'a@bank.ex\u00adample',
    'a@bank.example\u200b',
    'a@ba\u200dnk.example',
    'a@bank(x).example',
    'a@(x)bank(\\)).example',
    '<x@evil.example><a@bank.example>',
    '<a@bank.example><x@evil.example>',
    'a@=?utf-8?Q?bank.example?=',
    '=?utf-8?Q?a=40bank.example?=',
    '=?utf-8?B?PGFAYmFuay5leGFtcGxlPg==?=',
    'a\uff20bank.example',
    'a@\uff42ank.example',
    'a@b\u24d0nk.example',
  ]) {
    const verdict = await judge(mail(from), client);
    assert.ok(verdict.kind === 'quarantine' && verdict.reason === 'dmarc', from);
    assert.equal((await marks(mail(from), client)).kind, 'pass', from);
  }
  for (const from of [
    'x@evil.example',
    'Nobody:;',
    'root',
    'X <x@evil.example> (from (within) home)',
    '"a@bank.example" <x@evil.example>',
    'X (Y) <x@EVIL.example>, "Z, <a@bank.example>" <z@evil.example>',
    '=?utf-8?Q?a=40bank.example?= <x@evil.example>',
    'X: <@relay.example:x@evil.example>;',
    'x@b\u00e4nk.example',
    'x@ba\u0308nk.example',
    'x@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example',
  ]) {
    assert.equal((await judge(mail(from), client)).kind, 'pass', from);
  }
});

test('the seal of a trusted list stands for what the list has seen, not for more', async () => {
  const client = { ip: '198.51.100.1', from: 'bounce@list.example' };
  const zones = {
    ...zonesWith('reject'),
    's._domainkey.list.example': { txt: [`v=DKIM1; k=rsa; p=${KEY}`] },
  };
  const sealed = async (seen: string) => {
    const seal = { signingDomain: 'list.example', selector: 's', privateKey: PEM, cv: 'none' };
    const head = await sealMessage(Buffer.from(MAIL), { ...seal, authResults: seen });
    return head.toString() + MAIL;
  };
  const good = await sealed('mx.list.example; dmarc=pass header.from=bank.example');
  const cases: [string, string, string | undefined, string][] = [
    ['trusted', good, 'list.example', 'pass'],
    ['not trusted', good, undefined, 'refuse'],
    ['another is', good, 'other.example', 'refuse'],
    ['changed later', good.replace('\r\n\r\nhello', '\r\n\r\nHello'), 'list.example', 'refuse'],
    [
      'seen as forged',
      await sealed('l; dmarc=fail header.from=bank.example'),
      'list.example',
      'refuse',
    ],
    ['of another', await sealed('l; dmarc=pass header.from=x.example'), 'list.example', 'refuse'],
  ];
  for (const [what, mail, sealer, kind] of cases) {
    const options = sealer === undefined ? {} : { trusted_sealers: sealer };
    const judge = await senderAuth(tableDns({ zones }), options);
    assert.equal((await judge(mail, client)).kind, kind, what);
  }
});

test('a silent name server is a doubt where it could have proven the author, and only there', async () => {
  const client = { ip: '198.51.100.1', from: 'a@bank.example' };
  const doubt = { ...zonesWith('reject'), 'bank.example': 'unsure' } as const;
  for (const [temperror, kind] of [
    ['accept', 'pass'],
    ['defer', 'defer'],
  ] as const) {
    const judge = await senderAuth(tableDns({ zones: doubt }), { temperror });
    assert.equal((await judge(MAIL, client)).kind, kind);
  }
  const judge = await senderAuth(tableDns({ zones: zonesWith('reject') }));
  const own = signatureOf('silent.example', 's') + MAIL;
  const forged = await judge(own, { ...client, from: 'x@silent.example' });
  assert.equal(forged.kind, 'refuse', 'silence of the forger');
  const long = signatureOf('bank.example', 's'.repeat(64)) + MAIL;
  assert.equal((await judge(long, client)).kind, 'refuse', 'a name that cannot be');
  const two = await judge(mailFrom('a@bank.example, b@evil.example'), client);
  assert.equal(two.kind, 'quarantine', 'authors of two domains');
});

test('a thousand signatures and hostile names are bounded work, and the field stays a field', async () => {
  const dns = tableDns({ zones: zonesWith('reject') });
  let asked = 0;
  const counting: Dns = {
    ...dns,
    txt: (name) => {
      asked += 1;
      return dns.txt(name);
    },
  };
  const judge = await senderAuth(counting);
  const many = Array.from({ length: 1000 }, (_, i) => signatureOf('evil.example', `s${i}`)).join(
    '',
  );
  const verdict = await judge(many + MAIL, { ip: '198.51.100.1', from: 'x@evil.example' });
  assert.equal(verdict.kind, 'refuse');
  assert.ok(asked < 30, `${asked} questions`);
  const evil = `"a);\r\n x=pass ("@${'é)'.repeat(100)}.example`;
  const hostile = [
    mailFrom(`<${evil}>`, signatureOf('e);dkim=pass(.example', '\u00e9')),
    ...['', '\r\n', 'From', ':', 'From:\r\n\r\n', '\r\nFrom: a@bank.example\r\n'],
    `Content-Type: multipart/mixed; boundary=x\r\n${MAIL}--x\r\n--x\r\n`,
    `${'ARC-Seal: i=1; cv=none\r\n'.repeat(200)}${MAIL}`,
  ];
  for (const mail of [many + MAIL, ...hostile]) {
    const found = await judge(mail, { from: 'x@evil.example', helo: '(a);dkim=pass' });
    const [field] = found.fields ?? [];
    assert.match(field?.value ?? '', /^mx\.example; spf=[\x20-\x7e]{1,880}$/, mail.slice(0, 80));
    assert.ok(!/dkim=pass/.test(withoutComments(field?.value ?? '')), field?.value);
  }
});

test('a key that is too short proves nothing', async () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 512 });
  const record = short.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const zones = { 's._domainkey.evil.example': { txt: [`v=DKIM1; p=${record}`] } };
  const judge = await senderAuth(tableDns({ zones }));
  const { results, senderProven } = await judge(signatureOf('evil.example', 's') + MAIL, {
    from: 'x@evil.example',
  });
  assert.notEqual(results?.['dkim'], 'pass');
  assert.equal(senderProven, false);
});

function withoutComments(value: string): string {
  return value.replace(/\((?:[^()\\]|\\.)*\)/g, '').replace(/"(?:[^"\\]|\\.)*"/g, '');
}

test('a name beyond ASCII is the same as its ASCII form, for policies and for exceptions', async () => {
  const ascii = 'xn--bcher-kva.example';
  const zones: Record<string, TableZone> = {
    [`_dmarc.${ascii}`]: { txt: ['v=DMARC1; p=reject'] },
    [ascii]: { txt: ['v=spf1 ip4:192.0.2.1 -all'] },
  };
  const unicode = Buffer.from(mailFrom('a@b\u00fccher.example'), 'utf8');
  for (const mail of [mailFrom(`a@${ascii}`), unicode]) {
    const client = { ip: '198.51.100.1', from: 'x@evil.example' };
    for (const [exceptions, kind] of [
      ['b\u00fccher.example', 'pass'],
      [ascii, 'pass'],
      ['a@B\u00dcCHER.example', 'pass'],
      ['cher.example', 'refuse'],
    ] as const) {
      const judge = await senderAuth(tableDns({ zones }), { exceptions });
      assert.equal((await judge(mail, client)).kind, kind, exceptions);
    }
    const judge = await senderAuth(tableDns({ zones }));
    const proven = await judge(mail, { from: 'a@b\u00fccher.example' });
    assert.deepEqual([proven.kind, proven.senderProven], ['pass', true]);
  }
});

test('temperror: whichever question stays open, it defers only when asked to, and only if it matters', async () => {
  const silence: Record<string, TableZone | 'unsure'> = { ...zonesWith('reject') };
  const away = { ip: '198.51.100.1', from: 'a@bank.example' };
  const withKey = await signed(MAIL, 'bank.example');
  const cases: [string, string, string, object, string][] = [
    ['SPF of the author', 'bank.example', MAIL, away, 'defer'],
    ['the policy', '_dmarc.bank.example', MAIL, away, 'defer'],
    ['the key of the author', 's._domainkey.bank.example', withKey, away, 'defer'],
    ['SPF, but a key proves it', 'bank.example', withKey, away, 'pass'],
    ['a key, but SPF proves it', 's._domainkey.bank.example', withKey, { from: away.from }, 'pass'],
  ];
  for (const [what, silent, mail, client, kind] of cases) {
    const dns = tableDns({ zones: { ...silence, [silent]: 'unsure' } });
    assert.equal((await (await senderAuth(dns))(mail, client)).kind, 'pass', what);
    const strict = await senderAuth(dns, { temperror: 'defer' });
    assert.equal((await strict(mail, client)).kind, kind, what);
  }
});

test('a header of lines that begin no field costs no time, and says what it said', async () => {
  const judge = await senderAuth(tableDns({ zones: zonesWith('reject') }));
  const client = { ip: '198.51.100.1', from: 'x@evil.example' };
  const long = (line: string, bytes = 250_000) => line.repeat(bytes / line.length);
  const startedAt = cpuMs();
  for (const line of ['\r\n ', '\r\ny', '\r\n\t\xe9']) {
    assert.equal(
      (await judge(mailFrom('a@bank.example', `X: x${long(line)}\r\n`), client)).kind,
      'refuse',
    );
  }
  assert.ok(cpuMs() - startedAt < 5000);
  const mail = mailFrom('a@bank.example', `Comments: many${long('\r\n <a@b.example>')}\r\n`);
  const proven = await judge(await signed(mail, 'bank.example'), client);
  assert.deepEqual([proven.kind, proven.results?.['dkim']], ['pass', 'pass']);
  const hidden = `X: x${long('\r\ny', 30_000)}\r\nFrom\r\n : a@bank.example\r\n`;
  const twice = await judge(mailFrom('x@evil.example', hidden), client);
  assert.equal(twice.kind, 'quarantine', 'a folded name is a name');
});

test('quotes and comments without end in an author field cost no time', async () => {
  const judge = await senderAuth(tableDns({ zones: zonesWith('reject') }));
  const client = { ip: '198.51.100.1', from: 'x@evil.example' };
  const startedAt = cpuMs();
  for (const open of ['"', '(']) {
    const rest = `${open}${`\\${open}`.repeat(100_000)}`;
    assert.notEqual((await judge(mailFrom(`a@bank.example ${rest}`), client)).kind, 'pass', open);
    await judge(mailFrom(`x@evil.example ${rest}`), client);
  }
  assert.ok(cpuMs() - startedAt < 5000);
});

test('white space without end in a signature costs no time', async () => {
  const judge = await senderAuth(tableDns({ zones: zonesWith('reject') }));
  const blank = ' '.repeat(100_000);
  const startedAt = cpuMs();
  for (const name of ['DKIM-Signature', 'ARC-Seal', 'ARC-Message-Signature']) {
    const field = `${name}: i=1; v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=${blank}AA; b=AA`;
    const verdict = await judge(`${field}\r\n${MAIL}`, { ip: '198.51.100.1' });
    assert.equal(verdict.kind, 'refuse', name);
  }
  assert.ok(cpuMs() - startedAt < 5000);
});
