/** Commands: a parameter goes out only to a peer that offers its extension. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { MailParameters, RcptParameters } from '../../src/mail/envelope.ts';
import {
  mailCommand,
  NO_OFFERS,
  offersOf,
  rcptCommand,
  xclientCommand,
} from '../../src/smtp/client-commands.ts';

const ALL = offersOf({
  code: 250,
  lines: [
    'peer',
    'pipelining',
    'SIZE 1000',
    '8BITMIME',
    'SMTPUTF8',
    'DSN',
    'STARTTLS',
    'X-OTHER',
    'RequireTLS',
    'xclient addr HELO',
  ],
});
const FULL: MailParameters = {
  size: 1,
  body: '8BITMIME',
  smtpUtf8: true,
  ret: 'HDRS',
  envid: 'a+3D',
  requireTls: true,
};
const ANNA = { local: 'anna', domain: 'example.org' };
const GRETE = { local: 'gréte', domain: 'example.org' };

test('EHLO keywords are read in any letter case, the peer name is none', () => {
  assert.deepEqual(ALL, {
    pipelining: true,
    startTls: true,
    size: true,
    maxBytes: 1000,
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    requireTls: true,
    auth: [],
    xclient: ['ADDR', 'HELO'],
  });
  assert.deepEqual(offersOf({ code: 250, lines: ['PIPELINING'] }), NO_OFFERS);
});

const MAILS = [
  [null, {}, undefined, NO_OFFERS, 'MAIL FROM:<>'],
  [ANNA, FULL, 77, NO_OFFERS, 'MAIL FROM:<anna@example.org>'],
  [
    ANNA,
    FULL,
    77,
    ALL,
    'MAIL FROM:<anna@example.org> SIZE=77 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=a+3D',
  ],
  [ANNA, {}, undefined, ALL, 'MAIL FROM:<anna@example.org>'],
  [ANNA, { body: '7BIT' }, 5, ALL, 'MAIL FROM:<anna@example.org> SIZE=5'],
  [GRETE, {}, undefined, ALL, 'MAIL FROM:<gréte@example.org> SMTPUTF8'],
] as const;

for (const [path, parameters, size, offers, command] of MAILS) {
  test(command, () => assert.equal(mailCommand(path, parameters, size, offers), command));
}

const RCPTS: readonly [RcptParameters, typeof ALL, string][] = [
  [{}, ALL, 'RCPT TO:<anna@example.org>'],
  [{ notify: 'NEVER' }, ALL, 'RCPT TO:<anna@example.org> NOTIFY=NEVER'],
  [
    { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;a+2Bb@x' },
    ALL,
    'RCPT TO:<anna@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@x',
  ],
  [{ notify: 'NEVER', orcpt: 'rfc822;a@x' }, NO_OFFERS, 'RCPT TO:<anna@example.org>'],
];

for (const [parameters, offers, command] of RCPTS) {
  test(`${command} for ${JSON.stringify(parameters)}`, () => {
    assert.equal(rcptCommand({ address: ANNA, parameters }, offers), command);
  });
}

const CLIENTS = [
  ['192.0.2.1', 'client.example', 'ADDR=192.0.2.1 PROTO=ESMTP HELO=client.example'],
  [
    '2001:db8::1',
    '[IPv6:2001:db8::1]',
    'ADDR=IPV6:2001:db8::1 PROTO=ESMTP HELO=[IPv6:2001:db8::1]',
  ],
  ['0.0.0.0', '', 'ADDR=[UNAVAILABLE] PROTO=ESMTP HELO=[UNAVAILABLE]'],
  ['192.0.2.1', 'a+b=c \r\u00e9', 'ADDR=192.0.2.1 PROTO=ESMTP HELO=a+2Bb+3Dc+20+0D+C3+A9'],
] as const;
for (const [address, hello, attributes] of CLIENTS) {
  test(`XCLIENT ${attributes}`, () => {
    const all = ['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO', 'LOGIN'];
    const some = ['ADDR', 'PROTO', 'HELO', 'FOO'];
    assert.equal(xclientCommand({ address, hello }, some), `XCLIENT ${attributes}`);
    const [addr = '', ...others] = attributes.split(' ');
    const full = [
      'NAME=[UNAVAILABLE]',
      addr,
      'PORT=[UNAVAILABLE]',
      ...others,
      'LOGIN=[UNAVAILABLE]',
    ];
    assert.equal(xclientCommand({ address, hello }, all), `XCLIENT ${full.join(' ')}`);
  });
}
