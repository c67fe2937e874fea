/** The login at a server that relays, with peers that play by the rules and peers that do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { replyText } from '../../src/mail/outcome.ts';
import { CLIENT_DEADLINES } from '../../src/smtp/client-deadlines.ts';
import type { ClientLogin } from '../../src/smtp/client-login.ts';
import { openClient } from '../../src/smtp/client-opening.ts';
import { ScriptedPeer } from '../support/scripted-peer.ts';

const hello = (...offers: string[]) => [
  'S: 220 peer',
  'C: EHLO mx.test',
  'S: 250-peer',
  ...offers.map((offer) => `S: 250-${offer}`),
  'S: 250 SIZE',
];
const base64 = (text: string) => Buffer.from(text).toString('base64');
const LONG = 'x'.repeat(400);

const CASES: readonly {
  readonly name: string;
  readonly script: readonly string[];
  readonly login?: Partial<ClientLogin>;
  readonly end: string;
}[] = [
  {
    name: 'PLAIN before LOGIN',
    script: [
      ...hello('AUTH LOGIN PLAIN'),
      `C: AUTH PLAIN ${base64('\0anna\0secret')}`,
      'S: 235 2.7.0 ok',
    ],
    end: 'open',
  },
  {
    name: 'PLAIN in two steps, when a line would be too long',
    script: [
      ...hello('auth plain'),
      'C: AUTH PLAIN',
      'S: 334 ',
      `C: ${base64(`\0anna\0${LONG}`)}`,
      'S: 235 ok',
    ],
    login: { password: LONG },
    end: 'open',
  },
  {
    name: 'LOGIN, and a refusal at the name',
    script: [
      ...hello('AUTH CRAM-MD5 LOGIN'),
      'C: AUTH LOGIN',
      'S: 334 VXNlcm5hbWU6',
      `C: ${base64('anna')}`,
      'S: 535 5.7.8 no',
    ],
    end: 'refused 535',
  },
  {
    name: 'put off',
    script: [...hello('AUTH PLAIN'), 'C: AUTH PLAIN', 'S: 454 4.7.0 later'],
    end: 'refused 454',
  },
  { name: 'no AUTH', script: hello(), end: 'failed AUTH_FAILED' },
  { name: 'no mechanism of ours', script: hello('AUTH GSSAPI'), end: 'failed AUTH_FAILED' },
  {
    name: 'in the clear',
    script: hello('AUTH PLAIN'),
    login: { over: 'tls' },
    end: 'failed AUTH_FAILED',
  },
  {
    name: 'a challenge where none can be',
    script: [...hello('AUTH PLAIN'), 'C: AUTH PLAIN', 'S: 334 more'],
    end: 'failed PEER_OUT_OF_STEP',
  },
  {
    name: 'taken before the name was said',
    script: [...hello('AUTH LOGIN'), 'C: AUTH LOGIN', 'S: 235 ok'],
    end: 'failed PEER_OUT_OF_STEP',
  },
];

const PLAIN_LINE = base64('\0anna\0secret word');
const ECHOES: readonly [name: string, script: readonly string[], said: string][] = [
  [
    'a command that it does not know',
    [...hello('AUTH PLAIN'), 'C: AUTH PLAIN', `S: 500 5.5.1 Unknown: "AUTH PLAIN ${PLAIN_LINE}"`],
    '500 5.5.1 Unknown: "AUTH PLAIN ..."',
  ],
  [
    'the beginning of a line that is too long for it',
    [...hello('AUTH PLAIN'), 'C: AUTH PLAIN', `S: 500 Too long: PLAIN ${PLAIN_LINE.slice(0, 14)}`],
    '500 Too long: PLAIN ...',
  ],
  [
    'a password where it expects a command, and what it reads in it',
    [
      ...hello('AUTH LOGIN'),
      ...['C: AUTH LOGIN', 'S: 334 VXNlcm5hbWU6', 'C: ', 'S: 334 UGFzc3dvcmQ6', 'C: '],
      `S: 535-No such command ${base64('secret word')}`,
      'S: 535 nor (secret word), anna',
    ],
    '535 No such command ... nor (... ...), anna',
  ],
  [
    'it as a challenge',
    [...hello('AUTH PLAIN'), 'C: AUTH PLAIN', `S: 334 ${PLAIN_LINE}`],
    'AUTH: out of order: 334 ...',
  ],
];
for (const [name, script, said] of ECHOES) {
  test(`a server that repeats ${name} does not get a password into our texts`, async (t) => {
    const peer = await ScriptedPeer.start([[...script]]);
    t.after(() => peer.stop());
    const opening = await openClient({
      ...{ host: '127.0.0.1', port: peer.port, clock: systemClock, deadlines: CLIENT_DEADLINES },
      ...{ hostname: 'mx.test', tls: 'off' },
      login: { user: 'anna', password: 'secret word', over: 'plaintext' },
    });
    assert.notEqual(opening.kind, 'open');
    if (opening.kind === 'open') return;
    const text = opening.kind === 'refused' ? replyText(opening.reply) : opening.error.message;
    assert.equal(text, said);
  });
}

for (const { name, script, login, end } of CASES) {
  test(`login: ${name}`, async (t) => {
    const peer = await ScriptedPeer.start([[...script]]);
    t.after(() => peer.stop());
    const opening = await openClient({
      host: '127.0.0.1',
      port: peer.port,
      clock: systemClock,
      deadlines: CLIENT_DEADLINES,
      hostname: 'mx.test',
      tls: 'opportunistic',
      login: { user: 'anna', password: 'secret', over: 'plaintext', ...login },
    });
    if (opening.kind === 'open') opening.client.close();
    const what = opening.kind === 'refused' ? `refused ${opening.reply.code}` : opening.kind;
    assert.equal(opening.kind === 'failed' ? `failed ${opening.error.code}` : what, end);
    assert.deepEqual(peer.faults, []);
    assert.equal(peer.connections, 1, 'nobody tries again in plaintext');
  });
}
