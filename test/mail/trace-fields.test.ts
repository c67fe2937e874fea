/** Fields on top: ours in one well-formed piece, forged ones of our name gone, no byte else touched. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memoryContent } from '../../src/mail/content.ts';
import { headerFields } from '../../src/mail/header.ts';
import { outgoingContent } from '../../src/mail/outgoing-content.ts';
import { forgedFields, formatField, receivedField } from '../../src/mail/trace-fields.ts';

const FACTS = {
  helloName: 'client.example',
  verb: 'EHLO',
  clientAddress: '192.0.2.7',
  hostname: 'mx.sluice.test',
  id: '4K7QZ2M9XT.1',
  tls: undefined,
  isAuthenticated: false,
  smtpUtf8: false,
  recipient: 'anna@example.org',
  at: Date.UTC(2026, 5, 2, 6, 42, 41),
} as const;

test('Received names the client, us, the id and the only recipient', () => {
  assert.equal(
    receivedField(FACTS),
    'Received: from client.example ([192.0.2.7])\r\n' +
      '\tby mx.sluice.test (Sluice) with ESMTP id 4K7QZ2M9XT.1\r\n' +
      '\tfor <anna@example.org>;\r\n' +
      '\tTue, 02 Jun 2026 06:42:41 +0000\r\n',
  );
});

test('Received of a user who is not to be found names us alone', () => {
  assert.match(
    receivedField({ ...FACTS, isAuthenticated: true, hidesClient: true }),
    /^Received: by mx\.sluice\.test \(Sluice\) with ESMTPA id 4K7QZ2M9XT\.1\r\n\tfor /,
  );
});

test('Received says how: HELO, TLS, SMTPUTF8, login', () => {
  const tls = { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };
  const words = [
    { ...FACTS, verb: 'HELO' as const },
    { ...FACTS, tls },
    { ...FACTS, tls, smtpUtf8: true },
    { ...FACTS, smtpUtf8: true },
    { ...FACTS, isAuthenticated: true },
    { ...FACTS, tls, isAuthenticated: true },
    { ...FACTS, tls, smtpUtf8: true, isAuthenticated: true },
  ].map((facts) => / with (\S+) id/.exec(receivedField(facts))?.[1]);
  assert.deepEqual(words, [
    ...['SMTP', 'ESMTPS', 'UTF8SMTPS', 'UTF8SMTP'],
    ...['ESMTPA', 'ESMTPSA', 'UTF8SMTPSA'],
  ]);
});

test('no value can give a field a second line', () => {
  const received = receivedField({ ...FACTS, helloName: 'x\r\nEvil: 1', recipient: 'a\n@b' });
  assert.equal(
    received
      .split('\r\n')
      .filter((line) => !/^[\tR]/.test(line))
      .join(''),
    '',
  );
  assert.doesNotMatch(formatField({ name: 'X-A', value: 'a\r\nEvil: 1' }), /\r\nEvil/);
});

test('long fields are folded at spaces', () => {
  const field = formatField({ name: 'X-Spam-Tests', value: 'WORD_OF_TEN '.repeat(30).trim() });
  assert.ok(field.split('\r\n').every((line) => line.length <= 79));
  assert.equal(
    field.replaceAll('\r\n\t', ' '),
    `X-Spam-Tests: ${'WORD_OF_TEN '.repeat(30).trim()}\r\n`,
  );
});

const FORGED = [
  'Authentication-Results: mx.sluice.test; spf=pass',
  'AUTHENTICATION-RESULTS: MX.Sluice.Test; spf=pass',
  'Authentication-Results : mx.sluice.test; spf=pass',
  'Authentication-Results: mx.sluice.test 1; spf=pass',
  'Authentication-Results: (a (nested) comment) mx.sluice.test (another); spf=pass',
  'Authentication-Results: "mx.sluice.test"; spf=pass',
  'Authentication-Results:\r\n mx.sluice.test;\r\n spf=pass',
  'Authentication-Results: mx.sluice.test.; spf=pass',
  'Authentication-Results: mx.sluice.test/1; spf=pass',
  'Authentication-Results: mx.sluice.test, x; spf=pass',
  'Authentication-Results: mx . sluice\r\n\t. test; spf=pass',
  'Authentication-Results: \0mx.sluice.test; spf=pass',
  'Authentication-Results: "mx\\.sluice.test"; spf=pass',
  'Authentication-Results: mx.sluice.test',
  `Authentication-Results: (${'x'.repeat(5000)}) mx.sluice.test; spf=pass`,
  `Authentication-Results:${'\r\n '.repeat(2000)}mx.sluice.test; spf=pass`,
  `Authentication-Results${' '.repeat(300)}: mx.sluice.test; spf=pass`,
  'Authentication-Results: (never ended mx.sluice.test; spf=pass',
  'Authentication-Results: "(" mx.sluice.test; spf=pass',
  'Authentication-Results: (a\\) mx.sluice.test; spf=pass',
  'Authentication-Results: a) mx.sluice.test; spf=pass',
  'Authentication-Results: mx.sluice.test(x)y; spf=pass',
  'Authentication-Results: <mx.sluice.test>; spf=pass',
  'Authentication-Results: =?utf-8?Q?mx.sluice.test?=; spf=pass',
  'Authentication-Results: \u{feff}mx.sluice.test; spf=pass',
  'X-Spam-Checker-Version: SpamAssassin 4.0.0 (2022-12-14) on mx.sluice.test',
  'x-spam-STATUS : No, score=-100 (MX.Sluice.Test)',
  'X-Virus-Scanned:\r\n\tby mx.sluice.test.',
];
const FOREIGN = [
  'Authentication-Results: mx.other.example; spf=pass',
  'Authentication-Results: xmx.sluice.test; spf=pass',
  'Authentication-Results: mx.sluice.test.example; spf=pass',
  'Authentication-Results: mx.sluice.testing; spf=pass',
  'Authentication-Results: mx.sluice.test-1; spf=pass',
  'Authentication-Results: ; mx.sluice.test',
  'Authentication-Results: mx.other.example (by mx.sluice.test); spf=pass',
  'X-Authentication-Results: mx.sluice.test; spf=pass',
  'Subject: Authentication-Results: mx.sluice.test',
  'X-Spam-Status: No, score=-100',
  'X-Spam-Checker-Version: SpamAssassin on mx.sluice.test.example',
  'X-Virus-Scanned: by amx.sluice.test and mx.sluice.testing',
  'X-Spam-Report: * received by mx.sluice.test',
  'X-Spam: mx.sluice.test',
];

test('fields that claim our name are cut out in every form, those of others stay', () => {
  const text = [...FORGED, ...FOREIGN].map((field) => `${field}\r\n`).join('');
  const bytes = Buffer.from(text);
  const cuts = forgedFields(bytes, headerFields(bytes), 'mx.sluice.test');
  assert.equal(cuts.length, FORGED.length);
  const kept = outgoingContent(Buffer.alloc(0), memoryContent([bytes]), cuts);
  assert.equal(Buffer.concat(kept.chunks ?? []).toString(), `${FOREIGN.join('\r\n')}\r\n`);
});

test('a forged one behind any number of fields is found, in little time', () => {
  const bytes = Buffer.from(`${'A:\r\n'.repeat(60_000)}${FORGED[0]}\r\n`);
  assert.equal(forgedFields(bytes, headerFields(bytes), 'mx.sluice.test').length, 1);
});

test('cuts hold however the content is cut into chunks', async () => {
  const bytes = Buffer.from('A: 1\r\nCUT: 2\r\nB: 3\r\nCUT: 4\r\n\r\nbody\r\n');
  const cuts = headerFields(bytes).filter((field) => field.name === 'cut');
  for (let size = 1; size <= bytes.length; size++) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const content = outgoingContent(Buffer.from('Top: 0\r\n'), memoryContent(chunks), cuts);
    const read: Uint8Array[] = [];
    for await (const chunk of content.read()) read.push(chunk);
    const expected = 'Top: 0\r\nA: 1\r\nB: 3\r\n\r\nbody\r\n';
    assert.equal(Buffer.concat(read).toString(), expected, `chunks of ${size}`);
    assert.equal(content.sizeBytes, expected.length);
  }
});
