/** What waits for the records: grouped, bounded, written again after a failure, never in mail's way. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Outbox } from '../../src/records/outbox.ts';
import type { RecordSegment } from '../../src/store/record-store.ts';
import { MemoryRecords } from '../../src/store/memory/record-store.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

class FaultyRecords extends MemoryRecords {
  readonly groups: number[] = [];
  fault: Error | undefined;
  /** While set, appends wait for it. */
  gate: Promise<void> | undefined;
  closed = 0;
  override async append(segments: readonly RecordSegment[]): Promise<void> {
    await this.gate;
    if (this.fault !== undefined) throw this.fault;
    this.groups.push(segments.length);
    await super.append(segments);
  }
  override async close(): Promise<void> {
    this.closed += 1;
  }
}

function outbox() {
  const clock = new FakeClock();
  const log = new RecordedLog();
  const store = new FaultyRecords();
  let opened = 0;
  const box = new Outbox({ clock, log });
  const start = () => {
    box.start(
      async () => {
        opened += 1;
        return store;
      },
      (segment) => segment,
    );
  };
  let n = 0;
  const push = (count: number, size = 10) => {
    for (let i = 0; i < count; i++) {
      const id = `4K7QZ2M9XT.${(n += 1)}`;
      const bytes = new Uint8Array(size);
      box.push({ id, at: n, place: 'whole', bytes, terms: [], revoked: [] });
    }
  };
  return { clock, log, store, box, start, push, opened: () => opened };
}

test('what waits before the store is open is written then, in groups', async () => {
  const { box, start, push, store } = outbox();
  push(100);
  assert.equal(box.counts.waiting, 100);
  await assert.rejects(box.flush(), /not open/);
  start();
  assert.equal(await box.flush(), store);
  assert.deepEqual(store.groups, [64, 36]);
  assert.deepEqual(box.counts, { waiting: 0, written: 100, lost: 0, isUp: true });
  await box.stop();
  assert.equal(store.closed, 1);
});

test('a flush waits for what waits now, not for what comes meanwhile', async () => {
  const { box, start, push, store } = outbox();
  start();
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  push(10);
  const flushed = box.flush();
  let more = 0;
  store.gate = gate.promise.then(() => {
    if ((more += 1) < 50) push(10);
  });
  gate.resolve();
  await flushed;
  await box.stop();
});

test('after a failure the store is opened again, and nothing is lost', async () => {
  const { clock, log, box, start, push, store, opened } = outbox();
  start();
  push(3);
  await box.flush();
  store.fault = new Error('disk on fire');
  push(2);
  await assert.rejects(box.flush(), /disk on fire/);
  assert.equal(box.counts.isUp, false);
  await clock.advance(10_000);
  assert.equal(log.of('records.down').length, 1, 'told once');
  store.fault = undefined;
  await clock.advance(60_000);
  assert.equal(log.of('records.up').length, 1);
  assert.deepEqual(box.counts, { waiting: 0, written: 5, lost: 0, isUp: true });
  assert.ok(opened() > 2);
  assert.equal(store.closed, opened() - 1);
  await box.stop();
  assert.equal(clock.waiting, 0);
});

test('too much that waits drops the oldest and counts it', async () => {
  const { clock, log, box, start, push, store } = outbox();
  store.fault = new Error('no');
  start();
  push(60_000);
  await settle();
  assert.ok(box.counts.waiting <= 50_000);
  assert.equal(box.counts.waiting + box.counts.lost, 60_000);
  assert.equal(log.of('records.lost').length, 1, 'not a line for each');
  push(100, 1024 * 1024);
  assert.ok(box.counts.waiting < 40_000, 'bounded in bytes too');
  store.fault = undefined;
  await clock.advance(120_000);
  const { waiting, lost, written } = box.counts;
  assert.deepEqual([waiting, lost + written], [0, 60_100]);
  await box.stop();
});

test('while there is no room nothing is taken', async () => {
  const { box, start, push } = outbox();
  start();
  box.setFull('disk');
  push(5);
  box.setFull(undefined);
  push(1);
  await box.flush();
  assert.deepEqual(box.counts, { waiting: 0, written: 1, lost: 5, isUp: true });
  await box.stop();
});

test('a stop does not wait for a store that fails', async () => {
  const { clock, box, start, push, store } = outbox();
  store.fault = new Error('no');
  start();
  push(5);
  await settle();
  await box.stop();
  assert.equal(clock.waiting, 0);
});
