/** The mark goes before the subject's own bytes, whatever they are, and never twice. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memoryContent } from '../../src/mail/content.ts';
import { headerFields } from '../../src/mail/header.ts';
import { outgoingContent } from '../../src/mail/outgoing-content.ts';
import { taggedSubject } from '../../src/mail/subject-tag.ts';

async function tagged(header: string): Promise<string | undefined> {
  const bytes = Buffer.from(header, 'latin1');
  const tag = taggedSubject(bytes, headerFields(bytes), '[SPAM]');
  if (tag === undefined) return undefined;
  const content = outgoingContent(tag.field, memoryContent([bytes]), tag.cuts);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  assert.equal(all.length, content.sizeBytes);
  return all.toString('latin1');
}

const CASES: readonly [what: string, before: string, after: string | undefined][] = [
  ['plain', 'A: 1\r\nSubject: hi\r\nB: 2\r\n', 'Subject: [SPAM] hi\r\nA: 1\r\nB: 2\r\n'],
  ['no space', 'sUBJECT:hi\r\n', 'Subject: [SPAM] hi\r\n'],
  ['folded', 'Subject: a\r\n\tb\r\nB: 2\r\n', 'Subject: [SPAM] a\r\n\tb\r\nB: 2\r\n'],
  ['empty', 'Subject:\r\nB: 2\r\n', 'Subject: [SPAM]\r\nB: 2\r\n'],
  ['folded at once', 'Subject:\r\n b\r\n', 'Subject: [SPAM]\r\n b\r\n'],
  ['eight bits', 'Subject: \xe4\xff\r\n', 'Subject: [SPAM] \xe4\xff\r\n'],
  ['encoded', 'Subject: =?utf-8?q?x?=\r\n', 'Subject: [SPAM] =?utf-8?q?x?=\r\n'],
  ['none', 'B: 2\r\n', 'Subject: [SPAM]\r\nB: 2\r\n'],
  ['marked already', 'Subject: [SPAM] hi\r\n', undefined],
  ['two', 'Subject: a\r\nSubject: b\r\n', 'Subject: [SPAM] a\r\nSubject: b\r\n'],
];
for (const [what, before, after] of CASES) {
  test(`subject: ${what}`, async () => assert.equal(await tagged(before), after));
}
