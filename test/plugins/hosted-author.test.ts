/** The plugin sender-auth: mail of others whose author is of a domain served here (`from_hosted`). */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import { dkimSign, sealMessage } from 'mailauth';
import type { TableZone } from '../support/table-dns.ts';
import { senderAuth } from '../support/sender-auth-rig.ts';
import { tableDns } from '../support/table-dns.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const zones: Record<string, TableZone | 'unsure'> = {
  // Served here; it has no DMARC policy.
  'example.org': { txt: ['v=spf1 ip4:192.0.2.1 -all'] },
  's._domainkey.example.org': { txt: [`v=DKIM1; k=rsa; p=${KEY}`] },
  'quiet._domainkey.example.org': 'unsure',
  'news.example.org': { txt: ['v=spf1 ip4:198.51.100.7 -all'] },
  'lists.example': { txt: ['v=spf1 ip4:198.51.100.1 -all'] },
  's._domainkey.lists.example': { txt: [`v=DKIM1; k=rsa; p=${KEY}`] },
};
const OUTSIDE = { ip: '198.51.100.1', from: 'friends-bounces@lists.example' };

const mailFrom = (from: string, more = '') =>
  `${more}From: ${from}\r\nTo: eva@example.org\r\nSubject: hello\r\n\r\nhello\r\n`;
const MAIL = mailFrom('Anna <anna@example.org>');

async function signed(mail: string, signingDomain: string, selector = 's', maxBodyLength?: number) {
  const key = { signingDomain, selector, privateKey: PEM };
  const limit = maxBodyLength === undefined ? {} : { maxBodyLength };
  const { signatures } = await dkimSign(mail, { ...key, signatureData: [{ ...key, ...limit }] });
  return signatures + mail;
}

const dns = () => tableDns({ zones });

test('an author of a domain served here, from elsewhere and without proof, is evidence', async () => {
  const judge = await senderAuth(dns());
  const found = await judge(MAIL, OUTSIDE);
  assert.deepEqual([found.kind, found.score, found.tests], ['pass', 2, ['FROM_HOSTED']]);
  assert.equal(found.results?.['dmarc'], 'none');
  assert.equal(found.senderProven, true, 'the list is who it says it is');
  const byOther = await judge(await signed(MAIL, 'lists.example'), OUTSIDE);
  assert.equal(byOther.score, 2, 'a signature of others');
  const inPart = await judge(`${await signed(MAIL, 'example.org', 's', 3)}more\r\n`, OUTSIDE);
  assert.equal(inPart.score, 2, 'a signature over a part');
  assert.equal((await judge(MAIL, { ip: OUTSIDE.ip })).score, 2, 'the null reverse-path');

  const strict = await senderAuth(dns(), { from_hosted: 'reject' });
  const refused = await strict(MAIL, OUTSIDE);
  assert.ok(refused.kind === 'refuse' && refused.reason === 'forged');
  assert.match(refused.text, /^Nothing proves that the mail is from example\.org, which is served/);
  const off = await senderAuth(dns(), { from_hosted: 'off' });
  assert.equal((await off(MAIL, OUTSIDE)).score, undefined);
});

test('no evidence: who is proven, may be, is ours, an exception, or somebody else', async () => {
  const judge = await senderAuth(dns());
  const sealed = Buffer.concat([
    (await sealMessage(MAIL, {
      ...{ signingDomain: 'lists.example', selector: 's', privateKey: PEM },
      authResults: 'lists.example; dkim=pass header.d=example.org',
      cv: 'none',
    })) as Buffer,
    Buffer.from(MAIL),
  ]);
  const own = { ip: '192.0.2.1', from: 'anna@example.org' };
  const listed = mailFrom('anna@example.org', 'List-Id: <friends.lists.example>\r\n');
  const trusting = (options: object) => senderAuth(dns(), { ...options });
  const cases: [string, string | Buffer, object, Awaited<ReturnType<typeof senderAuth>>?][] = [
    ['its signature', await signed(MAIL, 'example.org'), OUTSIDE],
    ['its SPF record', MAIL, own],
    ['SPF of a name below it', MAIL, { ip: '198.51.100.7', from: 'x@news.example.org' }],
    ['a key that nobody tells of', await signed(MAIL, 'example.org', 'quiet'), OUTSIDE],
    ['a sender for client-checks', MAIL, { ...OUTSIDE, from: 'anna@example.org' }],
    ['an account', MAIL, { ...OUTSIDE, direction: 'out' }],
    ['another author', mailFrom('a@other.example'), OUTSIDE],
    ['a name alone', mailFrom('"anna@example.org via Friends" <f@lists.example>'), OUTSIDE],
    ['a name above it', mailFrom('a@org'), OUTSIDE],
    [
      'a list that is an exception',
      listed,
      OUTSIDE,
      await trusting({ exceptions: 'lists.example' }),
    ],
    ['an author who is', MAIL, OUTSIDE, await trusting({ exceptions: 'anna@example.org' })],
    ['a client that is', MAIL, OUTSIDE, await trusting({ exceptions: '198.51.100.0/24' })],
    ['a trusted seal', sealed, OUTSIDE, await trusting({ trusted_sealers: 'lists.example' })],
  ];
  for (const [what, mail, client, by = judge] of cases) {
    const { kind, score } = await by(mail, client);
    assert.deepEqual([kind, score], ['pass', undefined], what);
  }
  assert.equal((await judge(sealed, OUTSIDE)).score, 2, 'a seal that nobody trusts');
  assert.equal((await judge(listed, OUTSIDE)).score, 2, 'a List-Id that anybody can write');
});

test('odd author fields are no way around it', async () => {
  const marks = await senderAuth(dns(), { dmarc: 'mark' });
  const holds = await senderAuth(dns());
  const odd = [
    'anna@EXAMPLE.org',
    'anna@example.org.',
    'Anna (a@other.example) <anna@example.org>',
    '"a@other.example" <anna@example.org>',
    'anna(x)@(y)example(z).org',
    'Team: anna@example.org, b@other.example;',
    'b@other.example, anna@example.org',
    'b@other.example\r\nFrom: anna@example.org',
    'anna@example.org\r\nFrom: b@other.example',
    '=?utf-8?q?Anna?= <anna@example.org>',
    '<@other.example:anna@example.org>',
    '"anna\\"@other.example" <anna@example.org>',
    'anna@\xef\xbd\x85xample.org',
    '=?utf-8?q?anna=40example.org?=',
    '<anna@example.org> <b@other.example>',
    'anna@example.org\0 <b@other.example>',
  ];
  const byEvidence: string[] = [];
  const passed: string[] = [];
  for (const from of odd) {
    const held = await holds(mailFrom(from), OUTSIDE);
    if (held.kind !== 'quarantine' && held.score !== 2) passed.push(from);
    if ((await marks(mailFrom(from), OUTSIDE)).score === 2) byEvidence.push(from);
  }
  assert.deepEqual(passed, []);
  assert.deepEqual(
    odd.filter((from) => !byEvidence.includes(from)),
    [
      'anna(x)@(y)example(z).org',
      '=?utf-8?q?anna=40example.org?=',
      'anna@example.org\0 <b@other.example>',
    ],
    'to a domain where DMARC only marks these have no author',
  );
});
