import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DsnFacts, ReportedRecipient } from '../../src/mail/dsn.ts';
import { buildDsn } from '../../src/mail/dsn.ts';
import { decodeWords } from '../../src/mail/encoded-words.ts';

const AT = Date.UTC(2026, 5, 2, 6, 42, 41);

const RECIPIENT: ReportedRecipient = {
  address: { local: 'nobody', domain: 'customer.test' },
  orcpt: undefined,
  status: '5.1.1',
  answer: '550 5.1.1 no such user here',
  isReply: true,
  host: 'mail.customer.test',
  lastAttemptAt: AT - 1000,
};

const JOERG = { local: 'jörg', domain: 'kunde.test' };

function facts(changes: Partial<DsnFacts> = {}): DsnFacts {
  return {
    kind: 'failed',
    languages: ['en'],
    texts: {},
    hostname: 'mx1.example.net',
    id: '4K7QZ2M9XT.1',
    boundary: 'edge',
    at: AT,
    arrivedAt: AT - 3_600_000,
    to: { local: 'anna', domain: 'example.org' },
    envid: undefined,
    smtpUtf8: false,
    recipients: [RECIPIENT],
    returned: { kind: 'header', bytes: Buffer.from('Subject: hello\r\n') },
    ...changes,
  };
}

/** Header and parts, taken apart by the boundary as a reader does. */
function read(bytes: Buffer): { header: string; parts: { type: string; body: string }[] } {
  const [top = '', ...rest] = bytes.toString().split('\r\n--edge');
  assert.equal(rest.pop(), '--\r\n', 'closed');
  const parts = rest.map((text) => {
    const at = text.indexOf('\r\n\r\n');
    return { type: text.slice(2, at), body: text.slice(at + 4) };
  });
  return { header: top, parts };
}

test('a failure report, byte for byte', () => {
  assert.equal(
    buildDsn(facts()).bytes.toString(),
    [
      'Date: Tue, 02 Jun 2026 06:42:41 +0000',
      'From: Mail Delivery System <MAILER-DAEMON@mx1.example.net>',
      'To: <anna@example.org>',
      'Subject: Undelivered mail returned to sender',
      'Message-ID: <4K7QZ2M9XT.1@mx1.example.net>',
      'Auto-Submitted: auto-replied',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=delivery-status;',
      '\tboundary="edge"',
      '',
      '--edge',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Language: en',
      '',
      'This is the mail gateway mx1.example.net.',
      '',
      'Your message could not be delivered to the following recipients. It will not',
      'be tried again.',
      '',
      '<nobody@customer.test>',
      '    mail.customer.test: 550 5.1.1 no such user here',
      '',
      '',
      '--edge',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx1.example.net',
      'Arrival-Date: Tue, 02 Jun 2026 05:42:41 +0000',
      '',
      'Final-Recipient: rfc822; nobody@customer.test',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; mail.customer.test',
      'Diagnostic-Code: smtp; 550 5.1.1 no such user here',
      'Last-Attempt-Date: Tue, 02 Jun 2026 06:42:40 +0000',
      '',
      '--edge',
      'Content-Type: text/rfc822-headers',
      '',
      'Subject: hello',
      '',
      '--edge--',
      '',
    ].join('\r\n'),
  );
});

const FIELDS: [why: string, changes: Partial<DsnFacts>, has: RegExp, hasNot?: RegExp][] = [
  [
    'ENVID comes back decoded (RFC 3461 6.3)',
    { envid: 'QQ+2B314+3D159' },
    /^Original-Envelope-Id: QQ\+314=159$/m,
  ],
  [
    'ORCPT comes back decoded, before the final recipient',
    { recipients: [{ ...RECIPIENT, orcpt: 'rfc822;Nobody+2Btag@old.test' }] },
    /^Original-Recipient: rfc822; Nobody\+tag@old\.test\r\nFinal-Recipient: rfc822; nobody@/m,
  ],
  [
    'what is no reply is no diagnostic code',
    {
      recipients: [
        {
          ...RECIPIENT,
          isReply: false,
          answer: 'connection refused',
          status: '4.4.7',
          host: undefined,
        },
      ],
    },
    /^Action: failed\r\nStatus: 4\.4\.7\r\nLast-Attempt-Date/m,
    /Diagnostic-Code|Remote-MTA/,
  ],
  [
    'a delay says until when it is tried',
    { kind: 'delayed', retryUntil: AT + 86_400_000 },
    /^Action: delayed\r\n[^]*^Will-Retry-Until: Wed, 03 Jun 2026 06:42:41 \+0000$/m,
  ],
  [
    'a reply with control characters does not grow a field',
    { recipients: [{ ...RECIPIENT, answer: '550 no\r\nAction: delivered\r\n\r\n--edge--' }] },
    /^Diagnostic-Code: smtp; 550 no Action: delivered --edge--$/m,
    /^Action: delivered$|^--edge--$/m,
  ],
  [
    'beyond ASCII a reply is made printable where the status must be ASCII',
    { recipients: [{ ...RECIPIENT, answer: '550 kein Empfänger' }] },
    /^Diagnostic-Code: smtp; 550 kein Empf\?nger$/m,
  ],
];

for (const [why, changes, has, hasNot] of FIELDS) {
  test(why, () => {
    const { parts } = read(buildDsn(facts(changes)).bytes);
    const status = parts[1]?.body ?? '';
    assert.match(status, has);
    if (hasNot !== undefined) assert.doesNotMatch(status, hasNot);
  });
}

test('each recipient has its own group of fields', () => {
  const other = { ...RECIPIENT, address: { local: 'else', domain: 'customer.test' } };
  const { parts } = read(buildDsn(facts({ recipients: [RECIPIENT, other] })).bytes);
  const groups = (parts[1]?.body ?? '').split('\r\n\r\n');
  assert.equal(groups.length, 3);
  assert.match(groups[2] ?? '', /^Final-Recipient: rfc822; else@customer\.test\r\n/);
});

const FORMS: [
  why: string,
  changes: Partial<DsnFacts>,
  types: RegExp[],
  isUtf8: boolean,
  isEightBit: boolean,
][] = [
  [
    'plain',
    {},
    [/^Content-Type: text\/plain/, /message\/delivery-status$/, /text\/rfc822-headers$/],
    false,
    false,
  ],
  [
    'all of the message, byte for byte',
    {
      returned: { kind: 'content', bytes: Buffer.from('Subject: x\r\n\r\nb\xf6dy\r\n', 'latin1') },
    },
    [/text\/plain/, /delivery-status$/, /message\/rfc822\r\nContent-Transfer-Encoding: 8bit$/],
    false,
    true,
  ],
  [
    'nothing to return',
    { returned: undefined },
    [/text\/plain/, /message\/delivery-status$/],
    false,
    false,
  ],
  [
    'a recipient in UTF-8 (RFC 6533)',
    { to: JOERG, recipients: [{ ...RECIPIENT, address: JOERG }] },
    [/text\/plain/, /message\/global-delivery-status/, /message\/global-headers$/],
    true,
    true,
  ],
  [
    'a message sent with SMTPUTF8',
    {
      to: JOERG,
      smtpUtf8: true,
      returned: { kind: 'content', bytes: Buffer.from('Subject: ü\r\n\r\n') },
    },
    [/text\/plain/, /message\/global-delivery-status$/, /message\/global\r\n/],
    true,
    true,
  ],
];

for (const [why, changes, types, isUtf8, isEightBit] of FORMS) {
  test(`the parts of a report: ${why}`, () => {
    const dsn = buildDsn(facts(changes));
    const { header, parts } = read(dsn.bytes);
    assert.equal(parts.length, types.length);
    types.forEach((type, index) => assert.match(parts[index]?.type ?? '', type));
    assert.deepEqual([dsn.isUtf8, dsn.isEightBit], [isUtf8, isEightBit]);
    assert.equal(/^Content-Transfer-Encoding: 8bit$/m.test(header), isEightBit);
    const { returned } = facts(changes);
    if (returned !== undefined) assert.ok(dsn.bytes.includes(Buffer.from(returned.bytes)));
  });
}

test('a recipient in UTF-8 is named as such, one in ASCII beside it is not', () => {
  const recipients = [{ ...RECIPIENT, address: JOERG }, RECIPIENT];
  const { parts } = read(buildDsn(facts({ recipients, to: JOERG })).bytes);
  assert.match(parts[1]?.body ?? '', /^Final-Recipient: utf-8; jörg@kunde\.test$/m);
  assert.match(parts[1]?.body ?? '', /^Final-Recipient: rfc822; nobody@customer\.test$/m);
});

test('whose address is in ASCII gets a report that needs no SMTPUTF8 (RFC 6533 3 and 6)', () => {
  const returned = { kind: 'header', bytes: Buffer.from('Subject: grüße\r\n') } as const;
  const orcpts: [orcpt: string, original: RegExp][] = [
    [
      'utf-8;j\\x{F6}rg+x@kunde.test',
      /^Original-Recipient: utf-8; j\\x\{F6\}rg\\x\{2B\}x@kunde\.test$/m,
    ],
    ['utf-8;jörg@kunde.test', /^Original-Recipient: utf-8; j\\x\{F6\}rg@kunde\.test$/m],
    ['utf-8;a\\x{D800}\\x{110000}', /^Original-Recipient: utf-8; a/m],
    ['rfc822;joerg+2Bx@kunde.test', /^Original-Recipient: rfc822; joerg\+x@kunde\.test$/m],
  ];
  for (const [orcpt, original] of orcpts) {
    const recipients = [{ ...RECIPIENT, address: JOERG, orcpt, answer: '550 jörg fehlt' }];
    const dsn = buildDsn(facts({ recipients, smtpUtf8: true, returned }));
    const { header, parts } = read(dsn.bytes);
    const status = parts[1]?.body ?? '';
    assert.equal(dsn.isUtf8, false);
    assert.match(header, /^[\x20-\x7e\r\n\t]*$/);
    assert.match(parts[1]?.type ?? '', /message\/delivery-status$/);
    assert.match(status, /^[\x20-\x7e\r\n]*$/);
    assert.match(status, original);
    assert.match(status, /^Final-Recipient: utf-8; j\\x\{F6\}rg@kunde\.test$/m);
    assert.match(parts[0]?.body ?? '', /<jörg@kunde\.test>/, 'people read it as it is');
    assert.match(
      parts[2]?.type ?? '',
      /message\/global-headers\r\nContent-Transfer-Encoding: base64/,
    );
    assert.equal(Buffer.from(parts[2]?.body ?? '', 'base64').toString(), 'Subject: grüße\r\n');
  }
  const { parts } = read(
    buildDsn(facts({ to: JOERG, recipients: [{ ...RECIPIENT, orcpt: 'utf-8;j\\x{F6}rg@x.test' }] }))
      .bytes,
  );
  assert.match(parts[1]?.body ?? '', /^Original-Recipient: utf-8; jörg@x\.test$/m);
});

test('a recipient for whom nobody has said anything: too late in a failure, not yet in a delay', () => {
  const nobody = {
    languages: ['en', 'de'],
    recipients: [{ ...RECIPIENT, answer: undefined, host: undefined }],
  } as const;
  const failed = read(buildDsn(facts(nobody)).bytes).parts[0]?.body ?? '';
  assert.match(failed, / nobody took it in time$[^]* niemand hat sie rechtzeitig angenommen$/m);
  const delayed = read(buildDsn(facts({ ...nobody, kind: 'delayed', retryUntil: AT })).bytes);
  const body = delayed.parts[0]?.body ?? '';
  assert.match(body, / nobody has taken it yet$[^]* bisher hat sie niemand angenommen$/m);
});

test('in German, in both languages, and in the words of an operator', () => {
  const german = read(
    buildDsn(facts({ languages: ['de'], kind: 'delayed', retryUntil: AT })).bytes,
  );
  const subject = /^Subject: ((?:[^\r\n]|\r\n )*)/m.exec(german.header)?.[1] ?? '';
  assert.match(subject, /^=\?utf-8\?B\?/);
  assert.equal(
    decodeWords(subject.replaceAll('\r\n ', ' ')),
    'Ihre Nachricht verspätet sich (es wird weiter versucht)',
  );
  assert.match(
    german.parts[0]?.type ?? '',
    /Content-Language: de\r\nContent-Transfer-Encoding: 8bit/,
  );
  assert.match(german.parts[0]?.body ?? '', /Es wird versucht bis Tue, 02 Jun 2026/);
  const both = read(buildDsn(facts({ languages: ['en', 'de'] })).bytes);
  assert.match(
    both.parts[0]?.body ?? '',
    /It will not[^]*\r\n\* \* \*\r\n[^]*nicht zugestellt werden/,
  );
  const template = 'Subject: Leider nein\n\nAn:\n{recipients}\nGruß, {gateway}\n';
  const own = read(
    buildDsn(facts({ languages: ['de'], texts: { failed: { de: template } } })).bytes,
  );
  assert.match(own.header, /^Subject: Leider nein\r$/m);
  assert.equal(
    own.parts[0]?.body,
    'An:\r\n<nobody@customer.test>\r\n    mail.customer.test: 550 5.1.1 no such user here\r\nGruß, mx1.example.net\r\n\r\n',
  );
});

test('no line is longer than a mail line may be', () => {
  const answer = '550 ' + 'word '.repeat(400);
  const { bytes } = buildDsn(facts({ recipients: [{ ...RECIPIENT, answer }] }));
  for (const line of bytes.toString().split('\r\n')) assert.ok(line.length <= 998);
});

test('a report of mail that was handed on says that no more is heard of it', () => {
  const recipients = [{ ...RECIPIENT, status: '2.0.0', answer: '250 2.0.0 Ok: queued' }];
  const { bytes } = buildDsn(facts({ kind: 'relayed', recipients }));
  const { header, parts } = read(bytes);
  assert.match(header, /^Subject: Mail was handed on\r$/m);
  assert.match(parts[0]?.body ?? '', /server sends no reports of delivery:/);
  assert.match(parts[1]?.body ?? '', /^Action: relayed\r\nStatus: 2\.0\.0\r$/m);
  assert.match(parts[1]?.body ?? '', /^Diagnostic-Code: smtp; 250 2\.0\.0 Ok: queued\r$/m);
});
