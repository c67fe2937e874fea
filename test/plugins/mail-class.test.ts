/** The classes of mail against collected bounces, complaints, replies, lists and ordinary mail. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { classify } from '../../plugins/mail-class/classify.ts';
import { parseHeader, readHeader } from '../../plugins/shared/header.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { CORPUS, corpusFiles, hasCorpus } from '../support/corpus.ts';
import { filterOf } from '../support/filter-host.ts';
import { missing } from '../support/real-component.ts';

function classOf(header: string, isNull = false): string | undefined {
  return classify(parseHeader(`${header.replaceAll('\n', '\r\n')}\r\n\r\ntext\r\n`), isNull);
}

const CASES: readonly [what: string, header: string, isNull: boolean, found: string | undefined][] =
  [
    ['a person', 'From: a@x.example\nSubject: hi', false, undefined],
    [
      'a DSN',
      'Content-Type: multipart/report;\n report-type=delivery-status; boundary=x',
      true,
      'bounce',
    ],
    [
      'a complaint',
      'Content-Type: multipart/report; report-type="feedback-report"',
      false,
      'complaint',
    ],
    ['a vacation', 'Auto-Submitted: auto-replied (vacation)', true, 'auto'],
    ['an old vacation', 'Precedence: auto_reply', false, 'auto'],
    ['made by a program, but no reply', 'Auto-Submitted: auto-generated', false, undefined],
    ['a list', 'List-Id: <a.lists.example>\nList-Unsubscribe: <mailto:a>', false, 'list'],
    ['an old list', 'Precedence: list', false, 'list'],
    ['a newsletter', 'List-Unsubscribe: <https://x.example>', false, 'bulk'],
    [
      'a newsletter with an id',
      'List-Id: <n>\nList-Unsubscribe-Post: x\nList-Unsubscribe: <y>',
      false,
      'bulk',
    ],
    ['bulk', 'Precedence: bulk', false, 'bulk'],
    ['a subject that talks of an office', 'Subject: The office is out of paper', false, undefined],
    [
      'a bounce by its subject, from a person',
      'From: a@x\nSubject: failure notice',
      false,
      undefined,
    ],
    ['an old bounce', 'From: MAILER-DAEMON@x.example\nSubject: failure notice', true, 'bounce'],
  ];
for (const [what, header, isNull, found] of CASES) {
  test(`class of ${what}: ${found}`, () => assert.equal(classOf(header, isNull), found));
}

test('what stands in the body is no header, however the content is cut', async () => {
  const mail = Buffer.from('Subject: x\r\n\r\nPrecedence: bulk\r\n\r\n');
  for (let size = 1; size <= mail.length; size++) {
    const chunks = [];
    for (let at = 0; at < mail.length; at += size) chunks.push(mail.subarray(at, at + size));
    assert.deepEqual([...(await readHeader(memoryContent(chunks))).keys()], ['subject']);
  }
});

test('collected bounces and complaints are told from collected mail of people', (t) => {
  if (!hasCorpus()) return missing(t, 'the corpus in ../shared/corpus');
  // Some of them are kept with line ends of other systems.
  const header = (file: string) =>
    parseHeader(readFileSync(join(CORPUS, file), 'latin1').replace(/\r\n?|\n/g, '\r\n'));
  const labels = JSON.parse(
    readFileSync(join(CORPUS, 'dsn-sisimai', 'expected.json'), 'utf8'),
  ) as Record<string, readonly { readonly reason: string }[]>;
  const bounces = Object.entries(labels).filter(
    ([, [first]]) => first?.reason !== 'feedback' && first?.reason !== 'vacation',
  );
  const found = bounces.filter(
    ([file]) => classify(header(`dsn-sisimai/${file}`), true) === 'bounce',
  );
  assert.ok(bounces.length > 250);
  assert.ok(found.length / bounces.length > 0.96, `${found.length} of ${bounces.length}`);
  // Mail of people, lists and advertisers is none of these.
  const wrong = corpusFiles('sa-public-corpus').filter((file) => {
    const found = classify(header(file), false);
    return found === 'bounce' || found === 'complaint' || found === 'auto';
  });
  assert.deepEqual(wrong, []);
});

test('each action, and the field', async () => {
  const newsletter = Buffer.from('List-Unsubscribe: <mailto:a@x>\r\n\r\nbuy\r\n');
  const verdict = async (options: object) => {
    const { judge } = await filterOf('mail-class', { ...options });
    return judge(newsletter);
  };
  const marked = await verdict({});
  assert.deepEqual([marked.kind, marked.results], ['pass', { class: 'bulk' }]);
  assert.deepEqual(marked.fields, [{ name: 'X-Sluice-Class', value: 'bulk' }]);
  assert.equal((await verdict({ bulk: 'score', score: 3 })).score, 3);
  assert.equal((await verdict({ bulk: 'quarantine' })).kind, 'quarantine');
  const refused = await verdict({ bulk: 'reject', header: false });
  assert.equal(refused.kind === 'refuse' && refused.reason, 'bulk');
  assert.deepEqual(refused.fields, []);
});
