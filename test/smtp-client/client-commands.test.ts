/** Commands: a parameter goes out only to a peer that offers its extension. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { MailParameters, RcptParameters } from '../../src/mail/envelope.ts';
import { mailCommand, NO_OFFERS, offersOf, rcptCommand } from '../../src/smtp/client-commands.ts';

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
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    requireTls: true,
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
