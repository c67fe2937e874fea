/** A mark names the message that it was made for, and no other. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createAccounts } from '../../src/directory/account.ts';
import { markedMessage, releaseMark } from '../../src/gateway/release-mark.ts';
import { Logins } from '../../src/outbound/logins.ts';

const ID = '4K7QZ2M9XT.1-100000000007';

test('a mark is found wherever it stands in a subject, however it is folded', () => {
  const mark = releaseMark('secret', ID);
  for (const subject of [mark, `Re: AW: Spam ${mark} (fwd)`, mark.replace(' ', '\r\n\t')])
    assert.equal(markedMessage('secret', subject), ID, subject);
});

test('of another secret, another message, or cut it is none', () => {
  const mark = releaseMark('secret', ID);
  assert.equal(markedMessage('other', mark), undefined);
  for (const subject of ['', mark.replace('7 ', '8 '), mark.replace('XT', 'XV'), mark.slice(0, -2)])
    assert.equal(markedMessage('secret', subject), undefined, subject);
});

test('what a stranger hears of a login with the same secret makes no mark', () => {
  const id = '0123456789.1';
  const accounts = createAccounts([]);
  const logins = new Logins(systemClock, 'secret');
  for (const user of [`release ${id}`, `Release ${id}`]) {
    const salt = logins.saltOf(accounts, user).salt.toString('hex');
    assert.ok(!releaseMark('secret', id).includes(salt.slice(0, 24)), user);
  }
});
