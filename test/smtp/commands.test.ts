import assert from 'node:assert/strict';
import test from 'node:test';
import { parseCommand } from '../../src/smtp/commands.ts';

const CONTEXT = { hostname: 'mx.test', smtpUtf8: false };

/** The reply's class and text show what kind of mistake was seen. */
function refusal(line: string, smtpUtf8 = false): string | undefined {
  const command = parseCommand(line, { ...CONTEXT, smtpUtf8 });
  return 'reply' in command ? `${command.reply.code} ${command.reply.enhanced}` : undefined;
}

const REFUSED: readonly [line: string, reply: string][] = [
  ['', '500 5.5.1'],
  [' EHLO x', '500 5.5.1'],
  ['EHLOX x', '500 5.5.1'],
  ['EHLO\u00a0x', '500 5.5.1'],
  ['toString', '500 5.5.1'],
  ['__proto__', '500 5.5.1'],
  ['GET / HTTP/1.1', '554 5.5.1'],
  ['get /x http/1.0', '554 5.5.1'],
  ['Content-Length: 3', '554 5.5.1'],
  ['Host:', '554 5.5.1'],
  ['EHLO', '501 5.5.4'],
  ['EHLO .', '501 5.5.4'],
  ['EHLO .a', '501 5.5.4'],
  ['EHLO a..b', '501 5.5.4'],
  ['EHLO a/b', '501 5.5.4'],
  ['EHLO [1.2.3]', '501 5.5.4'],
  [`EHLO ${'a'.repeat(256)}`, '501 5.5.4'],
  ['HELO a b', '501 5.5.4'],
  ['DATA x', '501 5.5.4'],
  ['MAIL FROM:<a@b.test>x', '501 5.5.2'],
  ['MAIL FROM:<"a@b.test>', '501 5.5.2'],
  ['MAIL FROM:<a@b.test> SIZE=1=2', '501 5.5.2'],
  ['MAIL FROM:<a@b.test> -X=1', '501 5.5.2'],
  [`MAIL FROM:<a@b.test> ENVID=${'x'.repeat(101)}`, '501 5.5.4'],
  ['MAIL FROM:<a@b.test> ENVID=a+7Fb', '501 5.5.4'],
  ['MAIL FROM:<a@b.test> ENVID=a+2bb', '501 5.5.4'],
  ['MAIL FROM:<a@b.test> SIZE=123456789012345678901', '501 5.5.4'],
  ['MAIL FROM:<a@b.test> FOO', '555 5.5.4'],
  ['RCPT TO:<b@b.test> NOTIFY', '501 5.5.4'],
  ['RCPT TO:<b@b.test> NOTIFY=,', '501 5.5.4'],
  [`RCPT TO:<b@b.test> ORCPT=rfc822;${'x'.repeat(494)}`, '501 5.5.4'],
  ['RCPT TO:<b@b.test> ORCPT=rfc822;m\u00fcller@b.test', '501 5.5.4'],
  ['RCPT TO:<>', '553 5.1.3'],
  ['RCPT TO:<postmaster@>', '553 5.1.3'],
  ['RCPT TO:<b@b.test\uff20evil.test>', '553 5.1.3'],
  ['RCPT TO:<m\u00fcller@b.test>', '553 5.6.7'],
  ['MAIL FROM:<a@[300.1.1.1]>', '553 5.1.7'],
  [`MAIL FROM:<${'a'.repeat(65)}@b.test>`, '553 5.1.7'],
];
for (const [line, reply] of REFUSED) {
  test(`${JSON.stringify(line.slice(0, 50))} is ${reply}`, () =>
    assert.equal(refusal(line), reply));
}

const TAKEN: readonly [line: string, command: object][] = [
  ['ehlo Client.Test', { verb: 'EHLO', name: 'Client.Test' }],
  ['HELO _x-1', { verb: 'HELO', name: '_x-1' }],
  ['QUIT   ', { verb: 'QUIT' }],
  ['VRFY <b@b.test>', { verb: 'VRFY' }],
  ['MAIL FROM:<>', { verb: 'MAIL', reversePath: null, parameters: {} }],
  [
    'MAIL FROM:<a@b.test>  SIZE=5   BODY=7bit',
    {
      verb: 'MAIL',
      reversePath: { local: 'a', domain: 'b.test' },
      parameters: { size: 5, body: '7BIT' },
    },
  ],
  [
    'RCPT TO:<POSTMASTER>',
    {
      verb: 'RCPT',
      recipient: { address: { local: 'postmaster', domain: 'mx.test' }, parameters: {} },
    },
  ],
  [
    'RCPT TO:<b@b.test> ORCPT=utf-8;m\\x{FC}ller@b.test',
    {
      verb: 'RCPT',
      recipient: {
        address: { local: 'b', domain: 'b.test' },
        parameters: { orcpt: 'utf-8;m\\x{FC}ller@b.test' },
      },
    },
  ],
];
for (const [line, command] of TAKEN) {
  test(`${JSON.stringify(line)} is taken`, () =>
    assert.deepEqual(parseCommand(line, CONTEXT), command));
}

test('an address with other letters is taken once SMTPUTF8 was declared', () => {
  assert.equal(refusal('RCPT TO:<m\u00fcller@b.test>', true), undefined);
  assert.equal(refusal('MAIL FROM:<m\u00fcller@b.test> SMTPUTF8'), undefined);
});

test('what is malformed still names its verb, for the sequence is judged first', () => {
  assert.equal(parseCommand('MAIL FROM: <x>', CONTEXT).verb, 'MAIL');
  assert.equal(parseCommand('NOPE', CONTEXT).verb, undefined);
});
