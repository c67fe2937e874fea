import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefused, lastAnswer, recipientsToTry, settle } from '../../src/delivery/settlement.ts';
import type { Outcome } from '../../src/mail/outcome.ts';
import { outcomeOf } from '../../src/mail/outcome.ts';
import type { SpooledRecipient } from '../../src/mail/spool-entry.ts';
import { recipient, SchedulerRig } from '../support/scheduler-rig.ts';

const REFUSED = outcomeOf({ code: 550, enhanced: '5.1.1', lines: ['no such user'] });
const LATER = outcomeOf({ code: 451, enhanced: '4.3.0', lines: ['busy'] });
const TAKEN = outcomeOf({ code: 250, lines: ['ok'] });
/** RFC 5321 4.5.3.1.10: permanent by its number, temporary by its meaning. */
const FULL: Outcome = {
  kind: 'deferred',
  reply: { code: 552, lines: ['too many recipients'] },
  text: '552 too many recipients',
};
const GREETED: Outcome = {
  kind: 'deferred',
  reply: { code: 554, lines: ['no service'] },
  text: '554 no service',
};

const ANSWERS: [why: string, outcome: Outcome, isGivenUp: boolean][] = [
  ['refused for good', REFUSED, true],
  ['put off', LATER, false],
  ['a full transaction', FULL, false],
  ['a host that greets with 554', GREETED, false],
  ['nobody there', { kind: 'deferred', text: 'refused', unreachable: true }, false],
];

test('only what was decided as permanent counts as a refusal later', () => {
  for (const [why, outcome, isGivenUp] of ANSWERS) {
    assert.notEqual(outcome.kind, 'delivered');
    if (outcome.kind === 'delivered') continue;
    const last = lastAnswer(outcome, 7, 'mail.inside');
    assert.equal(isRefused({ ...recipient('x@a.test'), last }), isGivenUp, why);
    assert.deepEqual([last.at, last.host], [7, 'mail.inside']);
    assert.match(last.text, /./);
  }
});

test('who is tried: those with hope, or all when there is none left', () => {
  const { entry } = new SchedulerRig().entry(['x@a.test', 'y@a.test']);
  const [x, y] = entry.recipients;
  assert.ok(x && y);
  const refused: SpooledRecipient = { ...x, last: { at: 0, text: 'no', code: 550 } };
  assert.deepEqual(recipientsToTry({ ...entry, recipients: [refused, y] }), [y]);
  assert.deepEqual(recipientsToTry({ ...entry, recipients: [refused] }), [refused]);
});

type Case = [
  why: string,
  outcomes: Outcome[],
  isOver: boolean,
  fate: 'report' | 'waived' | 'hold',
  next: string,
  left: number,
  reported: number,
];

const CASES: Case[] = [
  ['all taken', [TAKEN, TAKEN], false, 'hold', 'done delivered', 0, 0],
  ['all taken at the last moment', [TAKEN, TAKEN], true, 'hold', 'done delivered', 0, 0],
  ['one put off', [TAKEN, LATER], false, 'hold', 'retry', 1, 0],
  ['one refused, one put off', [REFUSED, LATER], false, 'hold', 'retry', 2, 0],
  ['the same, its sender told', [REFUSED, LATER], false, 'report', 'retry', 1, 1],
  ['the same, its sender not interested', [REFUSED, LATER], false, 'waived', 'retry', 1, 0],
  ['one refused, one taken', [REFUSED, TAKEN], false, 'hold', 'hold undeliverable', 1, 0],
  ['the same, its sender told', [REFUSED, TAKEN], false, 'report', 'done partial', 0, 1],
  ['all refused, told', [REFUSED, REFUSED], false, 'report', 'done failed', 0, 2],
  ['all refused, not interested', [REFUSED, REFUSED], false, 'waived', 'done failed', 0, 0],
  ['its time is over', [LATER, LATER], true, 'hold', 'hold expired', 2, 0],
  ['its time is over, one refused', [REFUSED, LATER], true, 'hold', 'hold expired', 2, 0],
  ['its time is over, told', [LATER, LATER], true, 'report', 'done expired', 0, 2],
];

test('what an attempt means for the message', () => {
  for (const [why, outcomes, isOver, fate, expected, left, reported] of CASES) {
    const { entry } = new SchedulerRig().entry(['x@a.test', 'y@a.test']);
    const tried = entry.recipients.map((to, index) => {
      const outcome = outcomes[index];
      assert.ok(outcome);
      return { recipient: to, outcome };
    });
    const at = isOver ? entry.expiresAt : entry.expiresAt - 1;
    const settlement = settle(entry, tried, at, () => fate);
    const { next } = settlement;
    const detail = next.kind === 'done' ? next.result : (next.entry.hold?.reason ?? '');
    assert.equal(`${next.kind} ${detail}`.trim(), expected, why);
    assert.equal(settlement.reported.length, reported, why);
    if (next.kind === 'done') continue;
    assert.equal(next.entry.recipients.length, left, why);
    assert.equal(next.entry.attempts, 1, why);
  }
});
