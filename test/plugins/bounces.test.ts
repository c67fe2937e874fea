/** The plugin bounces with books that are full: nobody is refused by what has no room for all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import bounces from '../../plugins/bounces.ts';
import type { Book, DataView, PluginHost } from '../../src/plugin.ts';
import { filterView } from '../support/filter-view.ts';

const DAY = 86_400_000;
const OPTIONS = { unsent: 'reject', learning: DAY, always_taken: [] };

/** Books that survive a restart, one of them with room for so many. */
function hostWith(room: number) {
  const kept = new Map<string, Map<string, string>>();
  const clock = { now: 0 };
  const book = (name: string): Book => {
    const entries = kept.get(name) ?? new Map<string, string>();
    kept.set(name, entries);
    const hasRoom = (key: string) => entries.has(key) || name !== 'senders' || entries.size < room;
    return {
      get: async (key) => entries.get(key),
      put: async (key, value) => hasRoom(key) && Boolean(entries.set(key, value)),
      async putIfAbsent(key, value) {
        if (!entries.has(key) && hasRoom(key)) entries.set(key, value);
        return entries.get(key);
      },
      delete: async (key) => entries.delete(key),
    };
  };
  const start = () => {
    const host = { book, now: () => clock.now } as unknown as PluginHost; // no more is asked of it
    const { hooks } = bounces.setup(host, {
      ...OPTIONS,
      unsent: 'reject',
      on_error: 'accept',
    });
    const at = (local: string) => ({ local, domain: 'example.org' });
    const seen = (direction: 'in' | 'out', from: string, to: string) => {
      const view = {
        ...{ ...filterView(Buffer.alloc(0)), direction, options: OPTIONS },
        envelope: {
          reversePath: from === '' ? null : at(from),
          parameters: {},
          recipients: [{ address: at(to), parameters: {} }],
        },
      };
      return hooks.data(view as unknown as DataView<never>); // as the pipeline has it at DATA
    };
    return {
      sends: (from: string) => seen('out', from, 'x'),
      bounced: async (to: string) => (await seen('in', '', to))?.kind ?? 'pass',
    };
  };
  return { clock, start };
}

test('a sender without room gets his bounces, over a restart too, until all others are forgotten', async () => {
  const { clock, start } = hostWith(1);
  const before = start();
  await before.sends('anna');
  clock.now += 2 * DAY;
  assert.deepEqual([await before.bounced('anna'), await before.bounced('bob')], ['pass', 'refuse']);
  await before.sends('bob');
  assert.equal(await before.bounced('bob'), 'pass');
  const after = start();
  assert.deepEqual([await after.bounced('bob'), await after.bounced('eve')], ['pass', 'pass']);
  clock.now += 61 * DAY;
  assert.equal(await after.bounced('eve'), 'refuse');
});
