import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Health, HealthChange, Observation } from '../../src/delivery/destination-health.ts';
import { HealthBook, nextHealth } from '../../src/delivery/destination-health.ts';
import { HealthNotes } from '../../src/delivery/health-notes.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock } from '../support/fake-clock.ts';

const GOOD: Observation = { kind: 'answered', ms: 20 };
const SLOW: Observation = { kind: 'answered', ms: 12_000 };
const BUSY: Observation = { kind: 'temporary', text: '451 busy' };
const GONE: Observation = { kind: 'unreachable', text: 'refused' };

const STORIES: [why: string, seen: [second: number, what: Observation][], state: string][] = [
  ['answers', [[0, GOOD]], 'up'],
  ['takes its time', [[0, SLOW]], 'slow'],
  [
    'is quick again',
    [
      [0, SLOW],
      [1, GOOD],
    ],
    'up',
  ],
  ['nothing good was ever seen: one failure is enough', [[0, GONE]], 'down'],
  [
    'answered a moment ago: one failure says little',
    [
      [0, GOOD],
      [30, GONE],
    ],
    'up',
  ],
  [
    'two failures in a row',
    [
      [0, GOOD],
      [30, GONE],
      [31, GONE],
    ],
    'down',
  ],
  [
    'a good answer between two failures',
    [
      [0, GOOD],
      [1, GONE],
      [2, GOOD],
      [3, GONE],
    ],
    'up',
  ],
  [
    'answered long ago',
    [
      [0, GOOD],
      [61, GONE],
    ],
    'down',
  ],
  [
    'one refusal is about the message',
    [
      [0, GOOD],
      [1, BUSY],
    ],
    'up',
  ],
  [
    'refuses again and again',
    [
      [0, GOOD],
      [1, BUSY],
      [2, BUSY],
      [3, BUSY],
    ],
    'refusing',
  ],
  [
    'takes one in between',
    [
      [0, BUSY],
      [1, BUSY],
      [2, GOOD],
      [3, BUSY],
    ],
    'up',
  ],
  [
    'refusing, then good',
    [
      [0, BUSY],
      [1, BUSY],
      [2, BUSY],
      [3, GOOD],
    ],
    'up',
  ],
  [
    'down, then it refuses: it is there',
    [
      [0, GONE],
      [9, BUSY],
    ],
    'refusing',
  ],
  [
    'down, then good',
    [
      [0, GONE],
      [9, GOOD],
    ],
    'up',
  ],
  [
    'refusing, then gone for long',
    [
      [0, BUSY],
      [1, BUSY],
      [2, BUSY],
      [3, GONE],
    ],
    'down',
  ],
];

for (const [why, seen, state] of STORIES) {
  test(`${why}: ${state}`, () => {
    let health: Health | undefined;
    for (const [second, what] of seen) health = nextHealth(health, what, second * 1000);
    assert.equal(health?.state, state);
  });
}

test('since tells when the state began, fails how often in a row', () => {
  let health = nextHealth(undefined, GONE, 1000);
  health = nextHealth(health, GONE, 2000);
  health = nextHealth(health, { kind: 'unreachable', text: 'timed out' }, 3000);
  assert.deepEqual([health.since, health.fails, health.lastText], [1000, 3, 'timed out']);
  health = nextHealth(health, GOOD, 4000);
  assert.deepEqual([health.since, health.fails, health.lastText], [4000, 0, '']);
});

test('the book tells each change of state once, and each destination for itself', async () => {
  const clock = new FakeClock();
  const changes: HealthChange[] = [];
  const book = new HealthBook(clock, (change) => changes.push(change));
  book.observe('A', GOOD);
  book.observe('B', GONE);
  book.observe('B', GONE);
  await clock.advance(5000);
  book.observe('B', GOOD);
  book.observe('B', GOOD);
  assert.deepEqual(
    changes.map(({ key, before, now }) => [key, before?.state, now.state, now.since]),
    [
      ['B', undefined, 'down', clock.now() - 5000],
      ['B', 'down', 'up', clock.now()],
    ],
  );
  assert.equal(book.isDown('A'), false);
  assert.equal(book.isDown('never seen'), false);
  assert.equal(book.view('never seen'), undefined);
  assert.deepEqual(
    book.list().map(({ key, health }) => [key, health.state]),
    [
      ['A', 'up'],
      ['B', 'up'],
    ],
  );
});

test('the book is bounded: the destination seen longest ago is forgotten', () => {
  const book = new HealthBook(new FakeClock(), () => undefined);
  book.observe('first', GONE);
  book.observe('second', GONE);
  book.observe('first', GONE);
  for (let n = 0; n < 99_999; n++) book.observe(`more ${n}`, GOOD);
  assert.equal(book.list().length, 100_000);
  assert.equal(book.isDown('first'), true, 'it was seen again');
  assert.equal(book.view('second'), undefined);
});

test('the book keeps the last changes with what changed them, and the last answers', () => {
  const clock = new FakeClock();
  const book = new HealthBook(clock, () => undefined);
  for (let turn = 0; turn < 15; turn++) {
    for (const seen of [GONE, GONE, GOOD]) book.observe('A', seen);
  }
  const history = book.note('A')?.history ?? [];
  assert.equal(history.length, 20);
  assert.deepEqual(
    history.slice(-2).map(({ state, text }) => [state, text]),
    [
      ['down', 'refused'],
      ['up', ''],
    ],
  );
  assert.deepEqual(
    book.answers('A').map(({ observation }) => observation.kind),
    ['unreachable', 'answered', 'unreachable', 'unreachable', 'answered'],
  );
});

test('an outage that was on at the restart goes on with its true beginning', async () => {
  const clock = new FakeClock();
  const notes = new HealthNotes(new MemoryTtlMap({ clock }));
  const before = new HealthBook(clock, () => undefined);
  before.observe('A', GONE);
  const began = clock.now();
  const note = before.note('A');
  assert.ok(note !== undefined);
  await notes.keep(note);
  await clock.advance(3_600_000);

  const changes: HealthChange[] = [];
  const after = new HealthBook(clock, (change) => changes.push(change));
  after.restore(await notes.load());
  assert.equal(after.isDown('A'), true);
  assert.equal(after.view('A')?.since, began);
  assert.equal(changes.length, 0, 'nobody is told twice');
  after.observe('A', GOOD);
  assert.equal(changes[0]?.before?.since, began);
  assert.equal(after.note('A')?.history.length, 2);
});

test('a note that is damaged is forgotten, the others are not', async () => {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  const notes = new HealthNotes(map);
  const book = new HealthBook(clock, () => undefined);
  book.observe('good', GONE);
  const note = book.note('good');
  assert.ok(note !== undefined);
  await notes.keep(note);
  for (const [key, text] of [
    ['cut', '{"health":{"sta'],
    ['empty', '{}'],
    ['odd', '{"health":{"state":"away","since":1},"history":[]}'],
    ['list', '{"health":{"state":"down","since":1,"fails":1,"lastKind":"x"},"history":[]}'],
  ] as const) {
    await map.put('dest-health', key, Buffer.from(text), 1000);
  }
  assert.deepEqual(
    (await notes.load()).map(({ key }) => key),
    ['good'],
  );
});
