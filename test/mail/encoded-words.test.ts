/** Subjects can be read and searched whatever charset they were written in. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeWords } from '../../src/mail/encoded-words.ts';

test('encoded words become text', () => {
  for (const [value, text] of [
    ['plain', 'plain'],
    ['=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= K=?iso-8859-1?Q?=F6ln?=', 'Grüße aus Köln'],
    ['=?UTF-8?B?UmVjaG51bmc=?=', 'Rechnung'],
    ['=?utf-8?q?one?= =?utf-8?q?two?=', 'onetwo'],
    ['=?utf-8*de?q?eins?=', 'eins'],
    ['=?x-nobody?q?=41?=', '=?x-nobody?q?=41?='],
    ['=?utf-8?q?open', '=?utf-8?q?open'],
    [Buffer.from('Grüße').toString('latin1'), 'Grüße'],
  ] as const) {
    assert.equal(decodeWords(value), text, value);
  }
});
