/** The whole grid of states and verbs, as it shall be. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Verb } from '../../src/smtp/commands.ts';
import type { SessionState } from '../../src/smtp/session-state.ts';
import {
  denial,
  hasTransaction,
  stateAfter,
  stateAfterChunk,
} from '../../src/smtp/session-state.ts';

const FREE: readonly Verb[] = ['EHLO', 'HELO', 'RSET', 'NOOP', 'QUIT', 'VRFY', 'HELP'];
const GRID: Record<Exclude<SessionState, 'content'>, Partial<Record<Verb, string>>> = {
  start: { MAIL: '503', RCPT: '503', DATA: '503', BDAT: '503', STARTTLS: '', AUTH: '503' },
  ready: { MAIL: '', RCPT: '503', DATA: '503', BDAT: '503', STARTTLS: '', AUTH: '' },
  mail: { MAIL: '503', RCPT: '', DATA: '503', BDAT: '503', STARTTLS: '503', AUTH: '503' },
  refused: { MAIL: '503', RCPT: '', DATA: '554', BDAT: '554', STARTTLS: '503', AUTH: '503' },
  rcpt: { MAIL: '503', RCPT: '', DATA: '', BDAT: '', STARTTLS: '503', AUTH: '503' },
  chunks: { MAIL: '503', RCPT: '503', DATA: '503', BDAT: '', STARTTLS: '503', AUTH: '503' },
  spoilt: { MAIL: '', RCPT: '503', DATA: '503', BDAT: '503', STARTTLS: '', AUTH: '' },
};

const STATES = ['start', 'ready', 'mail', 'refused', 'rcpt', 'chunks', 'spoilt'] as const;
for (const state of STATES) {
  test(`what may be said in state ${state}`, () => {
    for (const verb of FREE) assert.equal(denial(state, verb), undefined, verb);
    for (const verb of ['MAIL', 'RCPT', 'DATA', 'BDAT', 'STARTTLS', 'AUTH'] as const) {
      assert.equal(String(denial(state, verb)?.code ?? ''), GRID[state][verb], verb);
    }
    const within = hasTransaction(state) ? 503 : undefined;
    assert.equal(denial(state, 'XCLIENT')?.code, within);
    assert.equal(denial(state, 'ETRN')?.code, state === 'start' ? 503 : within);
  });
}

const STEPS: readonly [
  from: SessionState,
  verb: 'EHLO' | 'HELO' | 'MAIL' | 'RCPT' | 'DATA',
  taken: boolean,
  to: SessionState,
][] = [
  ['start', 'EHLO', true, 'ready'],
  ['start', 'HELO', false, 'start'],
  ['rcpt', 'EHLO', false, 'rcpt'],
  ['ready', 'MAIL', true, 'mail'],
  ['ready', 'MAIL', false, 'ready'],
  ['mail', 'RCPT', true, 'rcpt'],
  ['mail', 'RCPT', false, 'refused'],
  ['refused', 'RCPT', false, 'refused'],
  ['refused', 'RCPT', true, 'rcpt'],
  ['rcpt', 'RCPT', false, 'rcpt'],
  ['rcpt', 'DATA', true, 'content'],
  ['rcpt', 'DATA', false, 'ready'],
];
test('where commands lead', () => {
  for (const [from, verb, taken, to] of STEPS) {
    assert.equal(stateAfter(from, verb, taken), to, `${from} ${verb} ${taken}`);
  }
});

test('where a chunk leads', () => {
  const after = (state: SessionState) =>
    [true, false].flatMap((isLast) =>
      [true, false].map((goesOn) => stateAfterChunk(state, isLast, goesOn && !isLast)),
    );
  assert.deepEqual(after('content'), ['ready', 'ready', 'chunks', 'spoilt']);
  for (const state of ['ready', 'spoilt'] as const) {
    assert.deepEqual(
      [true, false].map((isLast) => stateAfterChunk(state, isLast, false)),
      ['ready', 'spoilt'],
    );
  }
  assert.equal(stateAfterChunk('start', false, false), 'start');
});

test('a transaction is open from MAIL to its end', () => {
  assert.deepEqual(STATES.map(hasTransaction), [false, false, true, true, true, true, false]);
  assert.ok(hasTransaction('content'));
});
