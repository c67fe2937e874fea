/** A search gives pages, newest first, bounded in what it looks at; a time line is whole. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createIds } from '../../src/base/ids.ts';
import { TraceBook } from '../../src/records/trace-book.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryTrace } from '../support/memory-trace.ts';

function filled(count: number) {
  const clock = new FakeClock();
  const trace = new MemoryTrace(clock);
  const ids = createIds(clock);
  const made = Array.from({ length: count }, (_, n) => {
    const sid = ids.session();
    const id = `${sid}.1`;
    trace.see('smtp.open', { sid, ip: `203.0.113.${n % 250}` });
    const fields = { from: `user${n}@shop.example`, to: 'anna@example.org', dest: 'example.org' };
    trace.see('msg.in', { sid, id, ...fields, dir: n % 2 === 0 ? 'in' : 'out', res: 'reject' });
    trace.see('smtp.close', { sid });
    return id;
  });
  return { clock, trace, ids: made.toReversed(), next: () => ids.session() };
}

test('pages follow each other without a gap, whatever is filtered', async () => {
  const { trace, ids } = filled(250);
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 20, dir: 'out', text: '@example.org', ...(cursor && { cursor }) };
    const page = await trace.book.search(query);
    assert.ok(page.rows.length <= 20);
    found.push(...page.rows.map(({ id }) => id));
    ({ cursor } = page);
  } while (cursor !== undefined);
  assert.deepEqual(
    found,
    ids.filter((_, n) => n % 2 === 0),
  );
});

test('a search that would look at too much stops and says where to go on', async () => {
  const { trace, ids } = filled(21_000);
  const first = await trace.book.search({ limit: 10, dir: 'nowhere' });
  assert.deepEqual([first.rows.length, first.cursor], [0, ids[19_999]]);
  const second = await trace.book.search({ limit: 10, dir: 'nowhere', cursor: first.cursor ?? '' });
  assert.deepEqual([second.rows.length, second.cursor], [0, undefined]);
});

test('by time: when a message began, to the millisecond', async () => {
  const { clock, trace, next } = filled(0);
  const sid = next();
  trace.see('smtp.open', { sid, ip: '203.0.113.9' });
  await clock.advance(3_600_000);
  const at = clock.now();
  trace.see('msg.in', { sid, id: `${sid}.1`, from: 'a@b.example', res: 'abort' });
  for (const [since, until, isFound] of [
    [at, at, true],
    [at + 1, undefined, false],
    [undefined, at - 1, false],
  ] as const) {
    const found = await trace.ids({ ...(since && { since }), ...(until && { until }) });
    assert.deepEqual(found, isFound ? [`${sid}.1`] : []);
  }
});

test('a time line after a restart has the session and the message, in the order of time', async () => {
  const { clock, trace, next } = filled(0);
  const sid = next();
  const seen = (evt: 'smtp.open' | 'smtp.tls' | 'msg.in' | 'rcpt.sent', fields: object) => {
    trace.see(evt, { sid, ...fields });
    return clock.advance(10);
  };
  await seen('smtp.open', { ip: '203.0.113.9' });
  await seen('smtp.tls', { proto: 'TLSv1.3' });
  await seen('msg.in', { id: `${sid}.1`, res: 'accept' });
  await clock.advance(5000);
  await seen('msg.in', { id: `${sid}.2`, res: 'accept' });
  await seen('rcpt.sent', { id: `${sid}.1` });
  const store = await trace.flush();
  const later = new TraceBook({
    traces: { timeline: () => undefined },
    flush: async () => store,
    pseudonyms: () => undefined,
  });
  const evts = async (id: string) => (await later.timeline(id))?.events.map(({ evt }) => evt);
  assert.deepEqual(await evts(`${sid}.1`), ['smtp.open', 'smtp.tls', 'msg.in', 'rcpt.sent']);
  assert.deepEqual(await evts(`${sid}.2`), ['smtp.open', 'smtp.tls', 'msg.in']);
  assert.deepEqual(await evts(sid), ['smtp.open', 'smtp.tls', 'msg.in', 'msg.in', 'rcpt.sent']);
  assert.equal(await evts(`${sid}.3`), undefined);
  assert.equal(await evts(next()), undefined);
});

test('searches run two at a time, others wait, and too many are told so', async () => {
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const { trace } = filled(1);
  const store = await trace.flush();
  const book = new TraceBook({
    traces: { timeline: () => undefined },
    flush: async () => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      running -= 1;
      return store;
    },
    pseudonyms: () => undefined,
  });
  const searches = Array.from({ length: 52 }, () => book.search({ limit: 1 }));
  await assert.rejects(book.search({ limit: 1 }), /too many searches/);
  gate.resolve();
  for (const page of await Promise.all(searches)) assert.equal(page.rows.length, 1);
  assert.equal(most, 2);
});
