/** Books of plugins: forgotten in time, never fuller than agreed, nobody reads another's. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PluginBooks } from '../../src/plugin-host/plugin-books.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HOUR = 3_600_000;

function rig() {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  return { clock, map, books: new PluginBooks(map, clock) };
}

test('what is written is there until its time is over', async () => {
  const { clock, books } = rig();
  const book = books.of('one')('seen', { ttl: HOUR, max: 10 });
  assert.equal(await book.get('a'), undefined);
  assert.equal(await book.putIfAbsent('a', 'first'), 'first');
  assert.equal(await book.putIfAbsent('a', 'second'), 'first');
  assert.equal(await book.put('a', 'größer'), true);
  assert.equal(await book.get('a'), 'größer');
  await clock.advance(HOUR);
  assert.equal(await book.get('a'), undefined);
  assert.equal(await book.delete('a'), false);
});

test('a book is one for all generations of its plugin, and nobody else has it', async () => {
  const { map, clock, books } = rig();
  const bounds = { ttl: HOUR, max: 10 };
  await books.of('one')('seen', bounds).put('a', '1');
  assert.equal(await books.of('one')('seen', bounds).get('a'), '1');
  assert.equal(await books.of('one')('other', bounds).get('a'), undefined);
  assert.equal(await books.of('two')('seen', bounds).get('a'), undefined);
  const later = new PluginBooks(map, clock);
  assert.equal(await later.of('one')('seen', bounds).get('a'), '1');
});

test('a full book takes what it has already, and new entries once old ones are forgotten', async () => {
  const { clock, map, books } = rig();
  const bounds = { ttl: HOUR, max: 3 };
  await books.of('one')('seen', bounds).put('a', '1');
  // Another start: what is there counts.
  const book = new PluginBooks(map, clock).of('one')('seen', bounds);
  assert.equal(await book.put('b', '1'), true);
  assert.equal(await book.putIfAbsent('c', '1'), '1');
  assert.equal(await book.put('d', '1'), false);
  assert.equal(await book.putIfAbsent('d', '1'), undefined);
  assert.equal(await book.get('d'), undefined);
  assert.equal(await book.put('a', '2'), true);
  assert.equal(await book.delete('b'), true);
  assert.equal(await book.put('d', '1'), true);
  assert.equal(await book.put('e', '1'), false);
  await clock.advance(HOUR);
  assert.equal(await book.put('e', '1'), true);
  assert.equal((await map.list('plugin', { limit: 10 })).length, 1);
});

test('a book has more entries than a page of the count', async () => {
  const { clock, map, books } = rig();
  const bounds = { ttl: HOUR, max: 2500 };
  const book = books.of('one')('seen', bounds);
  for (let i = 0; i < 2500; i++) assert.equal(await book.put(`k${i}`, ''), true);
  const later = new PluginBooks(map, clock).of('one')('seen', bounds);
  assert.equal(await later.put('one more', ''), false);
});

test('names, bounds and texts beyond measure are refused', async () => {
  const book = rig().books.of('one');
  const bounds = { ttl: HOUR, max: 10 };
  assert.throws(() => book('No name', bounds), /bad name of a book/);
  for (const ttl of [0, -1, Number.NaN, Infinity]) {
    assert.throws(() => book('x', { ...bounds, ttl }), /bad ttl/);
  }
  for (const max of [0, 1.5, 2_000_000]) {
    assert.throws(() => book('x', { ...bounds, max }), /bad max/);
  }
  const ten = 'abcdefghij'.split('').map((name) => book(name, bounds));
  assert.throws(() => book('k', bounds), /more than 10 books/);
  await assert.rejects(async () => ten[0]?.put('k'.repeat(513), ''), /at most 512 bytes/);
  await assert.rejects(async () => ten[0]?.put('k', 'ü'.repeat(600)), /at most 1024 bytes/);
});
