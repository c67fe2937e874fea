/** What leaves of a message, however many of its fields do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryContent } from '../../src/mail/content.ts';
import { headerFields } from '../../src/mail/header.ts';
import { PASS } from '../../src/mail/verdict.ts';
import { leavingContent } from '../../src/pipeline/leaving-content.ts';
import { cpuMs } from '../support/cpu-time.ts';

test('fields that go by the ten thousand cost linear time', async () => {
  const header = Buffer.from(
    `${'X-Id: a\r\n'.repeat(60_000)}${'X-Sluice-Score: 1\r\n'.repeat(30_000)}Subject: x\r\n`,
  );
  const fields = headerFields(header);
  const transaction = { generation: { settings: { hostname: 'mx.test' } }, direction: 'out' };
  const startedAt = cpuMs();
  const { content } = await leavingContent(
    {} as never, // asked for nothing: it is neither signed nor sealed
    transaction as never,
    {
      ...{ content: memoryContent([header, Buffer.from('\r\nHello\r\n')]), fields },
      header: { bytes: header, bodyStart: header.length + 2, isMissing: false },
      removed: fields.filter(({ name }) => name === 'x-id'),
      ...{ received: 'Received: by mx.test\r\n', messageId: undefined },
      ...{ signature: undefined, isJudged: false, lane: 'mx:far.test' },
      ...{
        verdict: PASS,
        judgement: { kind: 'clean', fields: [] },
      },
    },
  );
  assert.ok(cpuMs() - startedAt < 5000);
  const left = Buffer.concat(content.chunks?.map((chunk) => Buffer.from(chunk)) ?? []);
  assert.equal(String(left), 'Received: by mx.test\r\nSubject: x\r\n\r\nHello\r\n');
});
