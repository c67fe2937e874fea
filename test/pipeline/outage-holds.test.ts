/** Mail held for its recipients to be verified: what somebody decides while they are asked about stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryContent } from '../../src/mail/content.ts';
import { replies } from '../../src/mail/reply.ts';
import { OutageHolds } from '../../src/pipeline/outage-holds.ts';
import { MemorySpool } from '../../src/store/memory/spool.ts';
import { entry } from '../store/sample-mail.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

for (const isReleased of [false, true]) {
  const what = isReleased ? 'released by hand meanwhile goes' : 'stays held';
  test(`mail for a recipient whom the destination does not know ${what}`, async () => {
    const clock = new FakeClock();
    const store = new MemorySpool({ clock });
    const log = new RecordedLog();
    const hold = { by: 'gateway', at: clock.now(), reason: 'outage', text: '' } as const;
    await store.commit(entry('A.1', { hold }), clock.now(), memoryContent([Buffer.from('x')]));
    const holds = new OutageHolds({
      ...{ store, clock, log },
      verifier: {
        async verify() {
          if (isReleased) await store.administer('A.1', { kind: 'due', release: true });
          return { kind: 'refused', source: 'callout', reply: replies.unknownRecipient('x') };
        },
      },
      directory: () => ({ find: () => CUSTOMER_DOMAIN }),
      isClosed: () => false,
      lifetimeMs: () => 1000,
      wake: () => undefined,
      onFault: (error) => assert.fail(String(error)),
    });
    holds.start();
    await clock.advance(10_000);
    const reason = (await store.get('A.1'))?.entry.hold?.reason;
    assert.equal(reason, isReleased ? undefined : 'unknown_rcpt');
    assert.equal(log.of('queue.hold').length, isReleased ? 0 : 1);
    await holds.stop();
  });
}
