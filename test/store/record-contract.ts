/** The contract of RecordStore, run against each engine. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { dayAt } from '../../src/base/days.ts';
import { createIds, firstIdAt } from '../../src/base/ids.ts';
import type { RecordSearch, RecordSegment, RecordStore } from '../../src/store/record-store.ts';
import { StillClock } from './still-clock.ts';

export interface RecordsUnderTest {
  readonly store: RecordStore;
  /** Where records outlive the process. */
  reopen?(): Promise<RecordStore>;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 5, 2, 12);

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

export function idsFrom(at: number): () => string {
  const ids = createIds({ now: () => at, mono: () => at } as StillClock);
  return () => ids.session();
}

export function segment(id: string, about: Partial<RecordSegment> & { text?: string } = {}) {
  const { text: own = id, ...rest } = about;
  const bytes = Buffer.from(own);
  return { id, at: NOON, place: 'whole', bytes, terms: [], revoked: [], ...rest } as RecordSegment;
}

/** The ids that a search gives, as a reader that wants so many sees them. */
export async function idsOf(
  store: RecordStore,
  search: Partial<RecordSearch> & { terms?: readonly (readonly string[])[] },
  limit = Infinity,
): Promise<string[]> {
  const { terms = [], ...rest } = search;
  const match = (term: string) => (term.endsWith('*') ? { prefix: term.slice(0, -1) } : { term });
  const conditions = () => terms.map((any) => any.map(match));
  const found: string[] = [];
  if (limit === 0) return found;
  for await (const { id } of store.search({ conditions, ...rest })) {
    found.push(id);
    if (found.length >= limit) break;
  }
  return found;
}

export function recordContract(
  name: string,
  make: (clock: StillClock) => Promise<RecordsUnderTest>,
) {
  const it = (
    what: string,
    run: (store: RecordStore, under: RecordsUnderTest) => Promise<void>,
  ) => {
    test(what, async (t) => {
      const under = await make(new StillClock());
      t.after(() => under.close());
      await run(under.store, under);
    });
  };

  suite(`${name}: record store contract`, () => {
    it('a record is found by each of its terms, newest first, over days', async (store) => {
      const [old, mid, young] = [NOON - 3 * DAY_MS, NOON - DAY_MS, NOON].map((at) => idsFrom(at)());
      assert.ok(old && mid && young);
      await store.append([
        segment(`${mid}.1`, { terms: ['a', 'b'] }),
        segment(`${old}.1`, { terms: ['a'] }),
      ]);
      await store.append([segment(`${young}.1`, { terms: ['a', 'b'] })]);
      assert.deepEqual(await idsOf(store, { terms: [['a']] }), [
        `${young}.1`,
        `${mid}.1`,
        `${old}.1`,
      ]);
      assert.deepEqual(await idsOf(store, { terms: [['b']] }), [`${young}.1`, `${mid}.1`]);
      assert.deepEqual(await idsOf(store, { terms: [['c']] }), []);
      assert.deepEqual(await idsOf(store, {}), [`${young}.1`, `${mid}.1`, `${old}.1`]);
    });

    it('messages of a session come last one first, the session itself behind them', async (store) => {
      const sid = idsFrom(NOON)();
      const all = [sid, `${sid}.1`, `${sid}.2`, `${sid}.10`];
      await store.append(all.map((id) => segment(id, { terms: ['a'] })));
      assert.deepEqual(await idsOf(store, { terms: [['a']] }), all.toReversed());
      assert.deepEqual(await idsOf(store, {}), all.toReversed());
      const other = idsFrom(NOON + 1)();
      await store.append([segment(`${other}.1`)]);
      assert.deepEqual(
        (await store.session(sid, 99)).map(({ id }) => id),
        all,
      );
      assert.deepEqual(await store.session(idsFrom(NOON + 2)(), 99), []);
    });

    it('what is known later is added, and terms that hold no more are revoked', async (store) => {
      const id = `${idsFrom(NOON)()}.1`;
      await store.append([segment(id, { place: 'first', text: 'one', terms: ['a', 'queued'] })]);
      await store.append([
        segment(id, { place: 'later', text: 'two', terms: ['b'], at: NOON + 5 }),
      ]);
      await store.append([
        segment(id, { place: 'later', text: 'three', revoked: ['queued'], at: NOON + 2 * DAY_MS }),
      ]);
      for (const terms of [[['a']], [['b']], []]) {
        const [found] = await all(store, terms);
        assert.equal(found?.id, id);
        assert.deepEqual(found.segments.map(text), ['one', 'two', 'three']);
      }
      assert.deepEqual(await idsOf(store, { terms: [['queued']] }), []);
      const [own] = await store.session(id.slice(0, 10), 9);
      assert.deepEqual(own?.segments.map(text), ['one', 'two', 'three']);
    });

    it('a later segment stands alone when the first one is missing', async (store) => {
      const id = `${idsFrom(NOON)()}.1`;
      await store.append([segment(id, { place: 'later', terms: ['a'] })]);
      assert.deepEqual(await idsOf(store, { terms: [['a']] }), [id]);
    });

    it('all conditions must be met, each by one of its terms', async (store) => {
      const next = idsFrom(NOON);
      const ids = Array.from({ length: 1200 }, () => `${next()}.1`).reverse();
      await store.append(
        ids.map((id, n) => {
          const terms = ['all', n % 2 === 0 ? 'even' : 'odd', `mod3:${n % 3}`];
          if (n === 700) terms.push('rare');
          return segment(id, { terms });
        }),
      );
      const found = async (...terms: string[][]) => idsOf(store, { terms });
      const where = (fits: (n: number) => boolean) => ids.filter((_, n) => fits(n));
      assert.deepEqual(await found(['all']), ids);
      assert.deepEqual(await found(['even', 'odd']), ids, 'each once');
      assert.deepEqual(
        await found(['all'], ['even']),
        where((n) => n % 2 === 0),
      );
      assert.deepEqual(
        await found(['even'], ['mod3:0', 'mod3:1']),
        where((n) => n % 2 === 0 && n % 3 < 2),
      );
      assert.deepEqual(await found(['rare'], ['even'], ['all']), [ids[700]]);
      assert.deepEqual(await found(['rare'], ['odd']), []);
      assert.deepEqual(await found(['nobody'], ['all']), []);
      assert.deepEqual(await found(['ra*']), [ids[700]]);
      assert.deepEqual(
        await found(['mod3:*'], ['odd']),
        where((n) => n % 2 === 1),
      );
      const inPages: string[] = [];
      for (;;) {
        const before = inPages.at(-1);
        const page = await idsOf(
          store,
          { terms: [['odd'], ['all']], ...(before && { before }) },
          77,
        );
        if (page.length === 0) break;
        inPages.push(...page);
      }
      assert.deepEqual(
        inPages,
        where((n) => n % 2 === 1),
      );
      const rest = await idsOf(store, { before: ids[1000] as string });
      assert.deepEqual(rest, ids.slice(1001));
    });

    it('terms with any characters are apart', async (store) => {
      const next = idsFrom(NOON);
      const terms = ['a', 'a!b', 'a%21b', 'a!', 'A', 'ä', 'a\0b', 'a"', '\u{1f600}', ''];
      const ids = new Map(terms.map((term) => [term, `${next()}.1`]));
      await store.append(terms.map((term) => segment(ids.get(term) ?? '', { terms: [term] })));
      for (const term of terms)
        assert.deepEqual(await idsOf(store, { terms: [[term]] }), [ids.get(term)], term);
      const ofA = [...ids].filter(([term]) => term.startsWith('a!')).map(([, id]) => id);
      assert.deepEqual(await idsOf(store, { terms: [['a!*']] }), ofA.reverse());
    });

    it('a search by time is by when a record began, whatever time its id says', async (store) => {
      const [sid, ahead] = [idsFrom(NOON)(), idsFrom(NOON + 10_800_000)()];
      await store.append([
        segment(`${sid}.1`, { at: NOON + 5 }),
        segment(`${sid}.2`, { at: NOON + 3_600_000 }),
        segment(`${ahead}.1`, { at: NOON + 7_200_000 }),
      ]);
      const found = async (from: number, to: number) => {
        const candidates = await idsOf(store, { since: NOON + from, until: NOON + to });
        return (id: string) => candidates.includes(id);
      };
      assert.ok((await found(0, 5))(`${sid}.1`));
      assert.ok((await found(3_600_000, 3_600_000))(`${sid}.2`));
      assert.ok((await found(7_200_000, 7_200_001))(`${ahead}.1`));
      assert.deepEqual(await idsOf(store, { since: NOON + 4 * DAY_MS }), []);
      assert.deepEqual(await idsOf(store, { until: NOON - 4 * DAY_MS }), []);
    });

    it('records outlive a restart where the engine keeps them', async (store, under) => {
      const id = `${idsFrom(NOON)()}.1`;
      await store.append([segment(id, { terms: ['a'] })]);
      const later = (await under.reopen?.()) ?? store;
      assert.deepEqual(await idsOf(later, { terms: [['a']] }), [id]);
      assert.deepEqual(
        (await later.days()).map(({ day }) => day),
        [dayAt(NOON)],
      );
    });

    it('a day goes whole', async (store, under) => {
      const [old, young] = [`${idsFrom(NOON - DAY_MS)()}.1`, `${idsFrom(NOON)()}.1`];
      await store.append([segment(old, { terms: ['a'] }), segment(young, { terms: ['a'] })]);
      assert.deepEqual(
        (await store.days()).map(({ day }) => day),
        [dayAt(NOON - DAY_MS), dayAt(NOON)],
      );
      assert.ok((await store.days()).every(({ bytes }) => bytes > 0));
      await store.drop(dayAt(NOON - DAY_MS));
      await store.drop(dayAt(NOON - 2 * DAY_MS));
      assert.deepEqual(await idsOf(store, { terms: [['a']] }), [young]);
      const later = (await under.reopen?.()) ?? store;
      assert.deepEqual(
        (await later.days()).map(({ day }) => day),
        [dayAt(NOON)],
      );
    });

    it('a rewrite gives a day new bytes and terms, what is appended meanwhile too', async (store, under) => {
      const next = idsFrom(NOON);
      const ids = Array.from({ length: 500 }, () => `${next()}.1`).reverse();
      const [newest, , oldest] = [ids[0] as string, '', ids.at(-1) as string];
      await store.append(
        ids.map((id) => segment(id, { place: 'first', text: 'anna', terms: ['anna', 'queued'] })),
      );
      await store.append([
        segment(oldest, { place: 'later', text: 'done', at: NOON + 9, revoked: ['queued'] }),
      ]);
      let isFirst = true;
      await store.rewrite(
        dayAt(NOON),
        'plain',
        ({ bytes }) => {
          if (text(bytes) === 'done') return { bytes, terms: [], revoked: ['queued'] };
          return { bytes: Buffer.from('****'), terms: ['****', 'queued'], revoked: [] };
        },
        async () => {
          if (isFirst)
            await store.append([
              segment(newest, { place: 'later', text: 'done', at: NOON + 8, revoked: ['queued'] }),
            ]);
          isFirst = false;
        },
      );
      const later = (await under.reopen?.()) ?? store;
      assert.deepEqual(await idsOf(later, { terms: [['anna']] }), []);
      assert.deepEqual(await idsOf(later, { terms: [['****']] }), ids);
      assert.deepEqual(await idsOf(later, { terms: [['queued']] }), ids.slice(1, -1));
      const [first] = await all(later, [['****']]);
      assert.deepEqual(first?.segments.map(text), ['****', 'done']);
      assert.equal((await later.days())[0]?.rewritten, 'plain');
      const asked: unknown[] = [];
      const conditions = (day: { rewritten: string | undefined }) => {
        asked.push(day.rewritten);
        return undefined;
      };
      assert.deepEqual(await idsOf(later, { conditions }), []);
      assert.equal(asked[0], 'plain');
    });

    it('a rewrite that breaks off leaves the day as it was', async (store, under) => {
      const id = `${idsFrom(NOON)()}.1`;
      await store.append([segment(id, { terms: ['a'] })]);
      const broken = () => {
        throw new Error('no key');
      };
      await assert.rejects(
        store.rewrite(dayAt(NOON), 'x', broken, async () => undefined),
        /no key/,
      );
      await store.append([segment(`${firstIdAt(NOON)}.2`, { terms: ['a'] })]);
      const later = (await under.reopen?.()) ?? store;
      assert.deepEqual(await idsOf(later, { terms: [['a']] }), [`${firstIdAt(NOON)}.2`, id]);
      assert.equal((await later.days())[0]?.rewritten, undefined);
    });
  });

  async function all(store: RecordStore, terms: readonly (readonly string[])[]) {
    const conditions = () => terms.map((any) => any.map((term) => ({ term })));
    const found = [];
    for await (const record of store.search({ conditions })) found.push(record);
    return found;
  }
}
