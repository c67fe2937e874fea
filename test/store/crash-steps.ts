/** The work of the crash tests, and what each acknowledged step means for what must be found after. */
import assert from 'node:assert/strict';
import type { Content } from '../../src/mail/content.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import type { CounterStore } from '../../src/store/counter-store.ts';
import type { Lease, SpoolStore } from '../../src/store/spool-store.ts';
import { bytesOf, contentOf, entry, held, unjudged } from './sample-mail.ts';

/** Length of each message's content; its bytes follow from the id. */
export const LENGTHS: Readonly<Record<string, number>> = {
  'A.1': 1000,
  'B.1': 700_000,
  'C.1': 10,
  'D.1': 0,
  'E.1': 300_000,
  'F.1': 5000,
  'G.1': 1_200_000,
  'H.1': 300_001,
  'J.1': 300_002,
  'K.1': 300,
  'L.1': 400_001,
  'M.1': 40,
  'N.1': 303,
  'P.1': 50,
};

/** What is parted from which message. */
export const PARTS = { 'F.1-1': 'F.1', 'G.1-1': 'G.1' } as const;
/** What comes in the step that ends which message. */
export const JOINED = { 'J.1-1': 'J.1', 'K.1-1': 'K.1' } as const;
/** What an operator's step on which held message brings: to one of its recipients, or a word about it. */
export const BROUGHT = { 'N.1-1': 'N.1', 'P.1-1': 'P.1' } as const;
/** Where M.1 is given to. */
export const ELSEWHERE = 'elsewhere.test';
const ANNA = { address: { local: 'anna', domain: 'example.com' }, parameters: {} };
/** What the parting writes into the message that it leaves. */
export const PARTED = 9;

/** What its hold says after the step on P.1. */
const CHANGED = 'somebody was told';
export const isChanged = ({ id, recipients, hold }: SpoolEntry): boolean =>
  id === 'N.1' ? recipients.length === 1 : hold?.text === CHANGED;

/** A part has the content of its message. */
export const contentBytes = (id: string): Buffer =>
  bytesOf(LENGTHS[id.replace(/-1$/, '')] ?? 0, id.charCodeAt(0));

/** What filters said of H.1 at last. */
export const JUDGED = {
  kind: 'judged',
  edit: { top: Buffer.from('X: y\r\n'), cuts: [{ start: 10, end: 20 }] },
  sizeBytes: 299_997,
} as const;

/** Tells each step when it begins (`?`) and when it was acknowledged (`!`). */
export async function crashSteps(
  { spool, counters }: { readonly spool: SpoolStore; readonly counters: CounterStore },
  say: (line: string) => void,
  staged: (id: string, bytes: Uint8Array) => Promise<Content>,
): Promise<void> {
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    say(`? ${name}`);
    const result = await work();
    say(`! ${name}`);
    return result;
  };
  const commit = (id: string, isHeld = false) =>
    step(`commit ${id}`, () =>
      spool.commit((isHeld ? held : entry)(id), 1, contentOf(contentBytes(id), { streamed: true })),
    );
  const claim = async (id: string): Promise<Lease> => {
    const leases = await spool.claim({ dest: 'example.com', n: 9, leaseMs: 1000 });
    const [lease] = leases.filter((one) => one.id === id);
    if (lease === undefined) throw new Error(`${id} is not due`);
    await spool.release(leases.filter((one) => one !== lease));
    return lease;
  };

  await commit('A.1');
  await commit('B.1');
  await Promise.all([commit('C.1'), commit('D.1', true), commit('E.1')]);
  const c = await claim('C.1');
  await step('complete C.1', () => spool.complete([c]));
  const a = await claim('A.1');
  const later = { held: a, entry: entry('A.1', { attempts: 1 }), dueAt: 2 };
  await step('reschedule A.1', () => spool.reschedule([later]));
  await step('release D.1', () => spool.administer('D.1', { kind: 'due', release: true }));
  await step('remove E.1', () => spool.administer('E.1', { kind: 'remove' }));
  await commit('F.1');
  const large = await staged('G.1', contentBytes('G.1'));
  await step('commit G.1', () => spool.commit(entry('G.1'), 1, large));
  for (const [part, id] of Object.entries(PARTS)) {
    const held = await claim(id);
    const content = contentOf(contentBytes(id), { streamed: true });
    const mail = [{ entry: entry(part), dueAt: 3, content }];
    const next = entry(id, { attempts: PARTED });
    await step(`part ${id}`, () => spool.reschedule([{ held, entry: next, dueAt: 3, mail }]));
  }
  const h = contentOf(contentBytes('H.1'), { streamed: true });
  await step('commit H.1', () => spool.commit(unjudged('H.1'), 1, h));
  await step('judge H.1', () => spool.administer('H.1', JUDGED));
  await commit('J.1');
  await commit('K.1');
  const joined = (id: string) => {
    const content = contentOf(contentBytes(`${id}-1`), { streamed: true });
    return [{ entry: entry(`${id}-1`), dueAt: 3, content }];
  };
  const j = await claim('J.1');
  await step('complete J.1', () => spool.complete([{ ...j, mail: joined('J.1') }]));
  await step('remove K.1', () => spool.administer('K.1', { kind: 'remove' }, joined('K.1')));
  const inMemory = contentOf(contentBytes('L.1'));
  await step('commit L.1', () => spool.commit(entry('L.1'), 1, inMemory));
  await commit('M.1');
  await step('requeue M.1', () =>
    spool.administer('M.1', { kind: 'due', release: false, dest: ELSEWHERE }),
  );
  const two = held('N.1', { recipients: [...entry('N.1').recipients, ANNA] });
  const n = contentOf(contentBytes('N.1'));
  await step('commit N.1', () => spool.commit(two, 1, n));
  const freed = { entry: entry('N.1-1', { recipients: [ANNA] }), dueAt: 3, content: n };
  await step('change N.1', () =>
    spool.administer('N.1', { kind: 'part', recipients: [ANNA.address] }, [freed]),
  );
  await commit('P.1', true);
  const { hold: why = assert.fail('it is held') } = held('P.1');
  const noted = { kind: 'hold', hold: { ...why, text: CHANGED } } as const;
  const word = { entry: entry('P.1-1'), dueAt: 3, content: contentOf(contentBytes('P.1-1')) };
  await step('change P.1', () => spool.administer('P.1', noted, [word]));
  const b = await claim('B.1');
  await step('complete B.1', () => spool.complete([b]));
  const hold = { dest: 'held.example', at: 1, by: 'admin', text: 'why' };
  await step('holdDest', () => spool.holdDest(hold));
  await step('resumeDest', () => spool.resumeDest(hold.dest));
  const demands = ['acct:1', 'dom:1'].map((key) => ({ key, timeZone: 'UTC', limits: { day: 9 } }));
  await step('take', () => counters.take(demands, 4));
  const policy = { max: 1, windowMs: 1000, lockMs: 1000, maxAutoUnlocks: 1, by: '', text: '' };
  await step('strike', () => counters.strike('acct:1', policy));
  await step('lock', () => counters.strike('acct:1', policy));
}
