/** Signatures held against verifiers of others: real mail, odd mail, both algorithms. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordName, recordText } from '../../src/dkim/record.ts';
import { BodyHash, signatureField } from '../../src/dkim/signature.ts';
import type { SigningKey } from '../../src/dkim/signing-key.ts';
import { makeKey, parseSigningKey } from '../../src/dkim/signing-key.ts';
import { HeaderCollector, headerFields } from '../../src/mail/header.ts';
import { corpusFiles, corpusMail, hasCorpus, sample } from '../support/corpus.ts';
import { byDkimpy, byMailDkim, hasVerifiers, NEEDED } from '../support/dkim-verifiers.ts';
import { missing } from '../support/real-component.ts';

const AT = Date.UTC(2026, 10, 26);
const DOMAIN = 'example.org';

async function key(kind: 'rsa2048' | 'ed25519'): Promise<SigningKey> {
  const parsed = parseSigningKey(await makeKey(kind));
  assert.ok(parsed.ok);
  return parsed.value;
}

const KEYS = { rsa: await key('rsa2048'), ed: await key('ed25519') };
const RECORDS = Object.fromEntries(
  Object.entries(KEYS).map(([name, one]) => [recordName(DOMAIN, name), recordText(one)]),
);

/** With both signatures on top, the content fed in pieces of `step` bytes. */
async function signed(mail: Buffer, step = 7000): Promise<Buffer> {
  const collector = new HeaderCollector(1024 * 1024);
  collector.add(mail);
  const header = Buffer.from(collector.bytes);
  const body = mail.subarray(collector.bodyStart ?? mail.length);
  const hash = new BodyHash();
  for (let at = 0; at < body.length; at += step) hash.write(body.subarray(at, at + step));
  const bodyHash = hash.end();
  const fields = headerFields(header);
  const message = { header, fields, bodyHash, more: ['x-more'], at: AT };
  const own: string[] = [];
  for (const [selector, one] of Object.entries(KEYS)) {
    own.push(await signatureField(message, { domain: DOMAIN, selector, key: one }));
  }
  return Buffer.concat([Buffer.from(own.join(''), 'latin1'), mail]);
}

const HEAD = 'From: Anna <anna@example.org>\r\nTo: eve@one.test\r\nSubject: hi\r\n';
const mail = (header: string, body: string) => Buffer.from(`${header}\r\n${body}`, 'latin1');

const ODD: Readonly<Record<string, Buffer>> = {
  'no body': Buffer.from(HEAD),
  'an empty body': mail(HEAD, ''),
  'a body of empty lines': mail(HEAD, '\r\n\r\n \t\r\n\r\n'),
  'empty lines at the end': mail(HEAD, 'one\r\n\r\n\r\ntwo\r\n\r\n \r\n\r\n'),
  'very many empty lines': mail(HEAD, `one\r\n${'\r\n'.repeat(40_000)}two\r\n`),
  'blanks everywhere': mail(HEAD, ' \t one \t two\t\r\n\t\r\n  three  \r\n'),
  'eight bits': mail(`${HEAD}X-More: caf\xe9\xa0\r\n`, 'sch\xf6n\xa0 \xa0\r\n\x00\xff\r\n'),
  'long lines': mail(HEAD, `${'x y  '.repeat(60_000)}\r\nz\r\n`),
  'odd folding': mail(
    'FROM:\r\n\t"Anna,\r\n  x" (a comment)\r\n <anna@example.org>\r\nsubject:  \r\n\t\r\n  a \t b \r\n',
    'text\r\n',
  ),
  'fields that are there twice': mail(
    `${HEAD}Reply-To: a@example.org\r\nReply-To: b@example.org\r\nCC:\r\nX-More: 1\r\nX-More:2\r\n`,
    'text\r\n',
  ),
  'very many fields of one name': mail(
    `${HEAD}${Array.from({ length: 70 }, (_, i) => `Reply-To: ${i}@example.org\r\n`).join('')}`,
    'text\r\n',
  ),
  'a very long field': mail(
    `${HEAD}References: ${Array.from({ length: 900 }, (_, i) => `<${i}@example.org>`).join('\r\n ')}\r\n`,
    'text\r\n',
  ),
};

describe('signatures', () => {
  const names = Object.keys(ODD);

  test('odd mail verifies, by RSA and by Ed25519, however it is cut', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    for (const step of [1, 3, 8192]) {
      const mails = await Promise.all(Object.values(ODD).map((one) => signed(one, step)));
      const byPython = byDkimpy(mails, RECORDS);
      const byPerl = byMailDkim(mails, RECORDS);
      for (const [i, name] of names.entries()) {
        assert.deepEqual(byPython[i], ['pass', 'pass'], `${name}, dkimpy, ${step}`);
        assert.deepEqual(byPerl[i], ['pass'], `${name}, Mail::DKIM, ${step}`);
      }
    }
  });

  test('real mail verifies', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    if (!hasCorpus()) return missing(t, '../shared/corpus');
    const paths = [
      ...sample(corpusFiles('sa-public-corpus/ham'), 120),
      ...sample(corpusFiles('mime-stalwart', /\.eml$/), 100),
    ];
    const all = await Promise.all(paths.map((path) => signed(withoutSignatures(corpusMail(path)))));
    const byPython = byDkimpy(all, RECORDS);
    const byPerl = byMailDkim(all, RECORDS);
    const failed = paths.filter((_, i) => {
      return !(byPython[i]?.every(isPass) === true && byPerl[i]?.every(isPass) === true);
    });
    const told = failed.map((path) => `${path} ${byPython[paths.indexOf(path)]?.join()}`);
    assert.deepEqual(told, []);
    assert.ok(byPerl.every((results) => results.length === 1));
  });

  test('who adds or changes what is signed breaks it', async (t) => {
    if (!hasVerifiers()) return missing(t, NEEDED);
    const good = (await signed(mail(HEAD, 'Hello\r\n'))).toString('latin1');
    const changes: Readonly<Record<string, string>> = {
      'a second From': good.replace('From:', 'From: eve@evil.test\r\nFrom:'),
      'a second Subject': good.replace('Subject:', 'Subject: you won\r\nSubject:'),
      'a Reply-To': good.replace('To:', 'Reply-To: eve@evil.test\r\nTo:'),
      'a Content-Type': good.replace('To:', 'Content-Type: text/html\r\nTo:'),
      'a longer body': `${good}more\r\n`,
      'another recipient': good.replace('eve@one.test', 'eve@two.test'),
    };
    const results = byDkimpy(Object.values(changes).map(latin1), RECORDS);
    for (const [i, name] of Object.keys(changes).entries()) {
      assert.ok(
        results[i]?.length === 2 && !results[i].some(isPass),
        `${name}: ${results[i]?.join()}`,
      );
    }
    const harmless = good.replace('Subject: hi', 'Subject:   hi ').concat('\r\n\r\n');
    assert.deepEqual(byDkimpy([latin1(harmless)], RECORDS), [['pass', 'pass']]);
  });

  test('no line of a signature is long', async () => {
    for (const one of Object.values(ODD)) {
      const text = (await signed(one)).toString('latin1');
      const field = text.slice(0, text.lastIndexOf('DKIM-Signature:'));
      for (const line of field.split('\r\n')) assert.ok(line.length <= 78, line);
    }
  });
});

function isPass(result: string): boolean {
  return result === 'pass';
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The verifiers tell of every signature: those of others are of keys that are gone. */
function withoutSignatures(bytes: Buffer): Buffer {
  return latin1(
    bytes.toString('latin1').replace(/^(?:dkim|x-google-dkim)-signature:/gim, 'X-Old-Signature:'),
  );
}
