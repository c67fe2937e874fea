/** The quarantine over the model of the store: who gets what, and that nothing is let go or lost. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memoryContent } from '../../src/mail/content.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import { Quarantine } from '../../src/quarantine/quarantine.ts';
import { MemorySpool } from '../../src/store/memory/spool.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { queued } from '../support/fake-gateway.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { collect } from '../store/sample-mail.ts';

const ID = '4K7QZ2M9XT.1';
const DAY = 24 * 3600 * 1000;
const CONTENT = memoryContent([Buffer.from('Subject: x\r\n\r\nbuy\r\n')]);
const NOBODY = new AbortController().signal;

const address = (local: string) => ({ local, domain: 'example.org' });
const rcpts = (...locals: string[]) =>
  locals.map((local) => ({ address: address(local), parameters: {} }));
const namesIn = (entry: SpoolEntry | undefined) =>
  entry?.recipients.map((one) => one.address.local).join(',');

async function filled(fault?: ConstructorParameters<typeof MemorySpool>[0]['fault']) {
  const clock = new FakeClock();
  const store = new MemorySpool({ clock, ...(fault && { fault }) });
  const log = new RecordedLog();
  const woken: string[] = [];
  const quarantine = new Quarantine({
    store,
    keepMs: () => 14 * DAY,
    lifetimeMs: () => 5 * DAY,
    wake: (lane) => void woken.push(lane),
    clock,
    log,
  });
  const at = clock.now();
  const hold = {
    by: 'gateway',
    at,
    reason: 'spam',
    text: 'looks like spam',
    quarantine: {},
  } as const;
  const keep = (id: string, change: Partial<SpoolEntry>) => {
    const { entry } = queued(id, { hold, sizeBytes: CONTENT.sizeBytes, queuedAt: at, ...change });
    return store.commit(entry, at, CONTENT);
  };
  const claim = () => store.claim({ dest: 'example.org', n: 9, leaseMs: 1 });
  return { clock, store, log, woken, quarantine, keep, claim };
}

test('a release is delivered at once, with a lifetime of its own', async () => {
  const { clock, store, log, woken, quarantine, keep, claim } = await filled();
  await keep(ID, { expiresAt: clock.now() });
  assert.deepEqual(quarantine.totals(), { messages: 1, bytes: CONTENT.sizeBytes });
  assert.equal(await quarantine.release(ID, 'root'), 'released');
  const [lease] = await claim();
  assert.equal(lease?.entry.hold, undefined);
  assert.equal(lease?.entry.expiresAt, clock.now() + 5 * DAY);
  assert.deepEqual(woken, ['example.org']);
  assert.deepEqual(log.of('quar.release'), [
    { id: ID, sid: '4K7QZ2M9XT', why: 'spam', who: 'root' },
  ]);
  assert.equal(await quarantine.release(ID, 'root'), 'not found');
  assert.equal(await quarantine.delete(ID, 'root', ''), 'not found', 'it is no longer ours');
  assert.ok(await store.get(ID), 'and stays in the queue');
});

test('who asks for it gets it, and the others wait', async () => {
  const { store, log, quarantine, keep, claim } = await filled();
  await keep(ID, { recipients: rcpts('anna', 'Bob', 'bob', 'carl') });
  assert.equal(await quarantine.release(ID, 'root', address('nobody')), 'no such recipient');
  assert.equal(await quarantine.release(ID, 'root', address('ANNA')), 'released');
  assert.equal(await quarantine.release(ID, 'root', address('bob')), 'released');
  const leases = await claim();
  const names = leases.map(({ entry }) => namesIn(entry) ?? '');
  assert.deepEqual(
    names.toSorted((a, b) => a.localeCompare(b)),
    ['anna', 'bob'],
  );
  for (const { id, entry } of leases) {
    assert.match(id, /^4K7QZ2M9XT\.1-\d{12}$/);
    assert.equal(entry.hold, undefined);
    const stored = await collect(store.readContent(id));
    assert.equal(stored.length, CONTENT.sizeBytes);
  }
  const left = await quarantine.find(ID);
  assert.equal(namesIn(left?.entry), 'Bob,carl');
  assert.deepEqual(left?.entry.hold?.quarantine?.released, ['anna@example.org', 'bob@example.org']);
  assert.equal(await quarantine.release(ID, 'root', address('Bob')), 'released');
  assert.equal(await quarantine.release(ID, 'root', address('carl')), 'released');
  assert.deepEqual(namesIn((await store.get(ID))?.entry), 'carl', 'the last one takes the message');
  assert.equal(log.of('msg.part').length, 3);
});

for (const at of ['before', 'after'] as const) {
  test(`a power cut ${at} a release to one recipient: he has it once, whoever asks again`, async () => {
    let isBroken = true;
    const { store, quarantine, keep, claim } = await filled((step, when) => {
      if (isBroken && step === 'administer' && when === at) throw new Error('power cut');
    });
    await keep(ID, { recipients: rcpts('anna', 'bob') });
    await assert.rejects(quarantine.release(ID, 'root', address('anna')), /power cut/);
    isBroken = false;
    // Whatever is there by now is delivered before anybody asks again.
    await store.complete(await claim());
    const again = await quarantine.release(ID, 'root', address('anna'));
    assert.equal(again, at === 'before' ? 'released' : 'no such recipient');
    assert.equal(store.totals().queued, at === 'before' ? 1 : 0);
    assert.equal(namesIn((await store.get(ID))?.entry), 'bob');
  });
}

test('what nobody released goes when its time is over, and only that', async () => {
  const { clock, log, quarantine, keep, claim, store } = await filled();
  await keep('4K7QZ2M9XA.1', {});
  await keep('4K7QZ2M9XB.1', {});
  await keep('4K7QZ2M9XC.1', { hold: { by: 'root', at: 0, reason: 'by_hand', text: '' } });
  await clock.advance(7 * DAY);
  await keep('4K7QZ2M9XD.1', {
    hold: { by: 'gateway', at: clock.now(), reason: 'virus', text: 'EICAR', quarantine: {} },
  });
  await quarantine.expire(NOBODY);
  assert.equal(quarantine.totals().messages, 3, 'too early');
  await clock.advance(7 * DAY);
  // A release that is under way when the time is over wins.
  const [released] = await Promise.all([
    quarantine.release('4K7QZ2M9XB.1', 'root'),
    quarantine.expire(NOBODY),
  ]);
  assert.equal(released, 'released');
  assert.deepEqual(
    (await claim()).map(({ id }) => id),
    ['4K7QZ2M9XB.1'],
  );
  const left = await store.scan({ limit: 9, only: 'held' });
  assert.deepEqual(
    left.map(({ entry }) => entry.id),
    ['4K7QZ2M9XC.1', '4K7QZ2M9XD.1'],
  );
  assert.deepEqual(
    log.of('quar.expire').map(({ id }) => id),
    ['4K7QZ2M9XA.1'],
  );
  assert.deepEqual(
    log.of('msg.done').map(({ res }) => res),
    ['deleted'],
  );
});
