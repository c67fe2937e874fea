/** Which answers of a directory speak of the question or the moment, and not of the server (RFC 4511 A). */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  AdminLimitExceededError,
  BusyError,
  NoSuchObjectError,
  TimeLimitExceededError,
  UnavailableError,
  UnwillingToPerformError,
} from 'ldapts';
import { isOfTheQuestion } from '../../src/directory/ldap/link.ts';

const ANSWERS: readonly [error: Error, isOfQuestion: boolean][] = [
  [new NoSuchObjectError(), true],
  [new TimeLimitExceededError(), true],
  [new AdminLimitExceededError(), true],
  [new BusyError(), true],
  [new UnavailableError(), false],
  [new UnwillingToPerformError(), true],
];
for (const [error, isOfQuestion] of ANSWERS) {
  test(`${error.constructor.name}: ${isOfQuestion ? 'the question' : 'the server'}`, () =>
    assert.equal(isOfTheQuestion(error), isOfQuestion));
}
