/** The stored form of records: whole or not at all, and readable for ever. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { crc32 } from 'node:zlib';
import type { Hold, LastAnswer, Quarantined, SpoolEntry } from '../../src/mail/spool-entry.ts';
import type { SessionView } from '../../src/mail/session-view.ts';
import type { Unjudged } from '../../src/mail/unjudged.ts';
import { decodeRecord, encodeRecord } from '../../src/store/leveldb/record-codec.ts';
import type { StoredRecord } from '../../src/store/leveldb/record-codec.ts';
import { entry } from './sample-mail.ts';

// `Required` makes a new member fail to compile here until it is in the sample, and so in the codec.
const LAST: Required<LastAnswer> = {
  at: 3,
  text: '450 4.2.0 später',
  code: 450,
  enhanced: '4.2.0',
  host: 'mx.example.com',
};
const QUARANTINE: Required<Quarantined> = {
  score: 8.25,
  engine: 'spamassassin',
  tests: ['GTUBE', 'BAYES_99'],
  account: 'anna@example.com',
  headerFrom: 'Anna <anna@example.com>',
  subject: 'schöne Grüße',
  isLate: true,
  isReported: true,
  asked: { at: 1, by: 'it@example.org', mail: '4K7QZ2M9XT.2' },
  released: ['b@example.com'],
};
const SESSION: Required<SessionView> = {
  sid: '0123456789',
  listener: 'mx',
  remote: { address: '192.0.2.1', port: 4321 },
  via: '192.0.2.2',
  local: { address: '192.0.2.3', port: 25 },
  openedAt: 2,
  tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
  login: { user: 'anna@example.com', mechanism: 'PLAIN' },
  hello: { verb: 'EHLO', name: 'mail.example.org' },
};
const UNJUDGED: Required<Unjudged> = {
  missing: ['clamav'],
  said: '[]',
  domain: 'example.com',
  session: SESSION,
  account: 'anna@example.com',
  identity: 'anna',
  received: 'Received: from x\r\n',
  ownBytes: 300,
  fields: 'X-Sluice-Unchecked: clamav\r\n',
  isUnverified: true,
};
const HOLD: Required<Hold> = {
  by: 'gateway',
  at: 4,
  reason: 'expired',
  text: 'too old',
  until: 5,
  quarantine: QUARANTINE,
  unjudged: UNJUDGED,
};
const FULL: Required<SpoolEntry> = {
  v: 1,
  id: '0123456789.1',
  dest: 'example.com',
  direction: 'out',
  reversePath: { local: 'jürgen', domain: 'exämple.org' },
  parameters: { size: 5, body: '8BITMIME', smtpUtf8: true, ret: 'HDRS', envid: 'QQ+20' },
  recipients: [
    {
      address: { local: 'a', domain: 'example.com' },
      parameters: { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;a@example.com' },
      last: LAST,
    },
    { address: { local: '"b b"', domain: '[192.0.2.1]' }, parameters: { notify: 'NEVER' } },
  ],
  sizeBytes: 123_456,
  queuedAt: 1_795_000_000_000,
  expiresAt: 1_795_400_000_000,
  attempts: 7,
  account: 'anna@example.com',
  senderProven: true,
  maybeDelivered: true,
  delayToldAt: 1_795_100_000_000,
  mailClass: 'bulk',
  client: { address: '2001:db8::1', hello: '[IPv6:2001:db8::1]' },
  hold: HOLD,
};
const EDIT = { top: 'WDogeQ0K', cuts: [{ start: 5, end: 9 }] };
const CONTENT = { bytes: 123_456, digest: 'abc', parts: 2, edit: EDIT };
const IN_FILE = { bytes: 900_000, digest: 'abc' };
const RECORDS: Record<string, StoredRecord> = {
  'all members, held': { entry: FULL, dueAt: undefined, content: CONTENT },
  'few members, waiting': {
    entry: entry('A.1', { reversePath: null, parameters: {}, recipients: [] }),
    dueAt: 5,
    content: CONTENT,
  },
  'content in a file': { entry: entry('A.2'), dueAt: 5, content: IN_FILE },
};

for (const [name, record] of Object.entries(RECORDS)) {
  test(`a record comes back as it was: ${name}`, () => {
    assert.deepEqual(decodeRecord(encodeRecord(record)), record);
  });

  test(`no flipped bit and no cut goes unnoticed: ${name}`, () => {
    const whole = encodeRecord(record);
    for (let at = 0; at < whole.length; at++) {
      const bent = Buffer.from(whole);
      bent.writeUInt8(whole.readUInt8(at) ^ (1 << (at % 8)), at);
      assert.equal(decodeRecord(bent), undefined, `byte ${at}`);
      assert.equal(decodeRecord(whole.subarray(0, at)), undefined, `first ${at} bytes`);
    }
  });
}

test('a right checksum over the wrong shape is damage', () => {
  const good = JSON.parse(
    encodeRecord({ entry: FULL, dueAt: 5, content: CONTENT }).toString().slice(9),
  );
  const seal = (json: unknown) => {
    const text = JSON.stringify(json);
    return Buffer.from(`${crc32(text).toString(16).padStart(8, '0')} ${text}`);
  };
  assert.ok(decodeRecord(seal(good)));
  const wrong: Record<string, unknown>[] = [
    { ...good, v: 2 },
    { ...good, dueAt: -1 },
    { ...good, content: { ...CONTENT, parts: '2' } },
    { ...good, entry: [] },
    { ...good, entry: { ...good.entry, recipients: {} } },
    { ...good, entry: { ...good.entry, direction: 'up' } },
    { ...good, entry: { ...good.entry, client: null } },
    { ...good, entry: { ...good.entry, parameters: { ret: 'ALL' } } },
  ];
  for (const json of wrong) assert.equal(decodeRecord(seal(json)), undefined, JSON.stringify(json));
  assert.equal(decodeRecord(seal('text')), undefined);
});

test('a number that JSON cannot hold is refused before it is stored', () => {
  const endless = entry('A.1', { expiresAt: Infinity });
  assert.throws(() => encodeRecord({ entry: endless, dueAt: 5, content: CONTENT }), TypeError);
});

test('records of version 1 stay readable', () => {
  const file = join(import.meta.dirname, '../stored/v1.json');
  const samples: { stored: string; record: StoredRecord }[] = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  assert.ok(samples.length >= 2);
  for (const { stored, record } of samples) {
    const found = decodeRecord(Buffer.from(stored));
    assert.ok(found);
    assert.deepEqual({ ...found, dueAt: found.dueAt ?? null }, record);
  }
});
