/** Parting a message for several destinations: nobody is lost, nobody gets a stranger's copy. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { attempt } from '../../src/delivery/attempt.ts';
import type { Parting } from '../../src/delivery/fan-out.ts';
import { partMessage, storeParted } from '../../src/delivery/fan-out.ts';
import { fanOutLane } from '../../src/delivery/route.ts';
import { memoryContent } from '../../src/mail/content.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import type { SpoolStep } from '../../src/store/spool-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const FAN_OUT = fanOutLane();
const CONTENT = memoryContent([Buffer.from('x\r\n')]);

function entryTo(...addresses: readonly string[]): SpoolEntry {
  return {
    v: 1,
    id: '4K7QZ2M9XT.3',
    dest: FAN_OUT,
    direction: 'out',
    reversePath: { local: 'anna', domain: 'example.org' },
    parameters: {},
    recipients: addresses.map((text) => {
      const [local = '', domain = ''] = text.split('@');
      return { address: { local, domain }, parameters: {} };
    }),
    sizeBytes: 3,
    queuedAt: 0,
    expiresAt: 1000,
    attempts: 2,
    senderProven: true,
    maybeDelivered: false,
    client: { address: '192.0.2.1', hello: 'c' },
  };
}

function rig(fault?: CodedError) {
  const stored: SpoolEntry[] = [];
  const log = new RecordedLog();
  const deps = {
    store: {
      reschedule: async (steps: readonly SpoolStep[]) => {
        const brings = steps.some(({ mail = [] }) => mail.length > 0);
        if (fault !== undefined && brings) throw fault;
        for (const { entry, mail = [] } of steps)
          stored.push(entry, ...mail.map((one) => one.entry));
        return Promise.resolve(steps.map(() => true));
      },
    },
    log,
    hosted: (domain: string) => (domain.endsWith('example.org') ? 'example.org' : undefined),
    // Two domains behind one smarthost are one destination.
    route: (lane: string) => ({
      key: lane === 'mx:two.test' ? 'mx:one.test' : lane,
      hosts: [],
      tls: 'off' as const,
      maxConnections: 1,
      ...(lane === FAN_OUT && { isParted: true as const }),
    }),
  };
  return { stored, log, deps };
}

const shown = ({ id, dest, recipients }: SpoolEntry) =>
  `${id} ${dest} ${recipients.map(({ address }) => `${address.local}@${address.domain}`).join(',')}`;

const all = ({ entry, parts }: Parting) => [entry, ...parts].map(shown);

test('each destination gets a message of its own, the first keeps the id', () => {
  const { deps } = rig();
  const entry = entryTo(
    'a@one.test',
    'b@sub.example.org',
    'c@two.test',
    'd@three.test',
    'e@ONE.test',
  );
  assert.deepEqual(all(partMessage(deps, entry, entry)), [
    '4K7QZ2M9XT.3 mx:one.test a@one.test,c@two.test,e@ONE.test',
    '4K7QZ2M9XT.3-200002 example.org b@sub.example.org',
    '4K7QZ2M9XT.3-200004 mx:three.test d@three.test',
  ]);
});

test('the same step done again has the same ids, the next attempt never has', () => {
  const ids = (attempts: number, ...to: readonly string[]) => {
    const { deps } = rig();
    const entry = { ...entryTo('a@one.test', 'b@b.test', 'c@c.test'), attempts };
    const recipients = entry.recipients.filter(({ address }) => to.includes(address.local));
    const { parts } = partMessage(deps, entry, { ...entry, recipients });
    return parts.map(({ id, dest }) => `${id} ${dest}`);
  };
  assert.deepEqual(ids(1, 'a', 'b', 'c'), ids(1, 'a', 'b', 'c'));
  const [first = ''] = ids(1, 'a', 'c');
  assert.ok(ids(1, 'a', 'b', 'c').includes(first), 'who is delivered changes no id');
  assert.ok(!ids(2, 'a', 'b', 'c').includes(first));
});

test('who may have it already is no doubt about the others', () => {
  const { deps } = rig();
  const entry = entryTo('a@a.test', 'b@b.test', 'c@c.test');
  const doubted = new Set(entry.recipients.slice(1, 2).map(({ address }) => address));
  const left = { ...entry, maybeDelivered: true };
  const marks = (parting: Parting) =>
    [parting.entry, ...parting.parts].map(({ maybeDelivered }) => maybeDelivered);
  assert.deepEqual(marks(partMessage({ ...deps, doubted }, entry, left)), [false, true, false]);
  const old = { ...entry, maybeDelivered: true };
  assert.deepEqual(marks(partMessage(deps, old, left)), [true, true, true], 'of an attempt before');
});

test('content that is too large to be copied so often is copied only so often', () => {
  const { deps } = rig();
  const entry = { ...entryTo('a@a.test', 'b@b.test', 'c@c.test', 'd@d.test') };
  const large = { ...entry, sizeBytes: 15 * 1024 * 1024 };
  const { entry: first, parts } = partMessage(deps, large, large);
  assert.equal(parts.length, 2);
  assert.equal(shown(first), `4K7QZ2M9XT.3 ${FAN_OUT} a@a.test,d@d.test`);
});

for (const code of ['STORE_FULL', 'STORE_DAMAGED', 'STORE_FAILED'] as const) {
  test(`the store says ${code} to a parting`, async () => {
    const { deps, stored, log } = rig(new CodedError(code, 'no'));
    const entry = entryTo('a@a.test', 'b@b.test');
    const step = { held: { id: entry.id, token: 1n }, entry, dueAt: 5 };
    const done = storeParted(deps, step, partMessage(deps, entry, entry), CONTENT);
    if (code === 'STORE_FAILED') return assert.rejects(done, { code });
    await done;
    assert.deepEqual(stored.map(shown), [`4K7QZ2M9XT.3 ${FAN_OUT} a@a.test,b@b.test`]);
    assert.deepEqual([log.of('store.full').length, log.of('msg.part').length], [1, 0]);
  });
}

test('a destination that is down or has had its share is not tried, the others are', async () => {
  const { stored, deps, log } = rig();
  const entry = entryTo('a@a.test', 'b@b.test', 'c@c.test', 'd@d.test');
  const tried: string[] = [];
  const { conclude } = await attempt(
    {
      ...deps,
      store: {
        ...deps.store,
        readContent: () => CONTENT.read(),
        complete: (held) => Promise.resolve(held.map(() => true)),
      },
      courier: {
        deliver: ({ destination, envelope, origin }) => {
          tried.push(`${destination.key} ${origin ?? ''}`);
          const reply = { code: 250, lines: ['Ok'] };
          const outcomes = envelope.recipients.map(() => ({ kind: 'delivered' as const, reply }));
          return Promise.resolve({
            outcomes,
            tls: '-',
            takesDsn: true,
            connectMs: 0,
            transferMs: 0,
          });
        },
      },
      health: { isDown: (key) => key === 'mx:b.test' },
      rates: { take: ({ key }) => (key === 'mx:c.test' ? 500 : 0) },
      clock: new FakeClock(0),
      log,
      policy: () => ({ delayWarningMs: null, retryMs: [1000] }),
    },
    { id: entry.id, token: 1n, entry, dueAt: 0 },
    { signal: new AbortController().signal, mayFinish: () => true },
  );
  assert.equal(await conclude(), 'delivered');
  // Nobody waits long for a server while others of the same message could have it.
  assert.deepEqual(tried, ['mx:a.test session', 'mx:d.test session']);
  assert.deepEqual(
    stored.map(({ dest }) => dest),
    ['mx:b.test', 'mx:c.test'],
  );
});
