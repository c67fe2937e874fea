/** The language of a report, and what may stand in a template. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languagesFor, templateProblem } from '../../src/mail/report-words.ts';

test('the language is that of the setting, else what the author reads, else what he wrote in', () => {
  const cases: [string, string][] = [
    ['Accept-Language: de-DE, en-US\r\nContent-Language: en-US\r\n', 'de'],
    ['Accept-Language: fr, de;q=0.5, en;q=0.8\r\n', 'en'],
    ['Accept-Language: fr\r\nContent-Language: de\r\n', 'de'],
    ['Content-Language: EN\r\n', 'en'],
    ['Accept-Language: den, english, de;q=0, en;q=x\r\n', 'en,de'],
    ['Subject: x\r\n\r\nAccept-Language: de\r\n', 'en,de'],
    ['', 'en,de'],
  ];
  for (const [header, expected] of cases) {
    assert.equal(languagesFor('auto', Buffer.from(header)).join(','), expected, header);
  }
  assert.deepEqual(languagesFor('de', Buffer.from('Accept-Language: en\r\n')), ['de']);
  assert.deepEqual(languagesFor('both', Buffer.from('Accept-Language: en\r\n')), ['en', 'de']);
});

test('a template is a subject, an empty line and a text that says of whom it speaks', () => {
  const cases: [string, RegExp | undefined][] = [
    ['Subject: x\n\n{recipients}\n', undefined],
    ['{recipients}', /must begin with/],
    ['Subject: x\n{recipients}', /must begin with/],
    ['Subject: {gateway}\n\n{recipients}', /subject can have no/],
    ['Subject: x\n\nnobody', /must say \{recipients\}/],
    ['Subject: x\n\n{recipients} {sender}', /^\{sender\} means nothing/],
    [`Subject: x\n\n{recipients}${'x'.repeat(1000)}`, /too long/],
    ['Subject: x\n\n{recipients}\x07', /control/],
  ];
  for (const [text, expected] of cases) {
    const problem = templateProblem(text);
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? '', expected, text);
  }
});
