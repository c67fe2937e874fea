/** Parting a message for several destinations: nobody is lost, nobody gets a stranger's copy. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { attempt } from '../../src/delivery/attempt.ts';
import { partMessage } from '../../src/delivery/fan-out.ts';
import { FAN_OUT } from '../../src/delivery/route.ts';
import { memoryContent } from '../../src/mail/content.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

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

function rig(room = Infinity) {
  const stored: SpoolEntry[] = [];
  const log = new RecordedLog();
  const deps = {
    store: {
      commit: async (entry: SpoolEntry) => {
        if (stored.length >= room) throw new CodedError('STORE_FULL', 'full');
        stored.push(entry);
        return Promise.resolve();
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

test('each destination gets a message of its own, the first keeps the id', async () => {
  const { stored, deps } = rig();
  const entry = entryTo(
    'a@one.test',
    'b@sub.example.org',
    'c@two.test',
    'd@three.test',
    'e@ONE.test',
  );
  const first = await partMessage(deps, entry, entry, CONTENT, 5);
  assert.deepEqual([first, ...stored].map(shown), [
    '4K7QZ2M9XT.3 mx:one.test a@one.test,c@two.test,e@ONE.test',
    '4K7QZ2M9XT.3-200002 example.org b@sub.example.org',
    '4K7QZ2M9XT.3-200004 mx:three.test d@three.test',
  ]);
});

test('the same step done again has the same ids, the next attempt never has', async () => {
  const ids = async (attempts: number, ...to: readonly string[]) => {
    const { stored, deps } = rig();
    const entry = { ...entryTo('a@one.test', 'b@b.test', 'c@c.test'), attempts };
    const recipients = entry.recipients.filter(({ address }) => to.includes(address.local));
    await partMessage(deps, entry, { ...entry, recipients }, CONTENT, 5);
    return stored.map(({ id, dest }) => `${id} ${dest}`);
  };
  assert.deepEqual(await ids(1, 'a', 'b', 'c'), await ids(1, 'a', 'b', 'c'));
  const [first = ''] = await ids(1, 'a', 'c');
  assert.ok((await ids(1, 'a', 'b', 'c')).includes(first), 'who is delivered changes no id');
  const later = await ids(2, 'a', 'b', 'c');
  assert.ok(!later.includes(first));
});

test('without room the rest stays together and is parted another time', async () => {
  const { stored, deps, log } = rig(1);
  const entry = entryTo('a@one.test', 'b@b.test', 'c@c.test', 'd@d.test');
  const first = await partMessage(deps, entry, entry, CONTENT, 5);
  assert.deepEqual(stored.map(shown), ['4K7QZ2M9XT.3-200002 mx:b.test b@b.test']);
  assert.equal(shown(first), `4K7QZ2M9XT.3 ${FAN_OUT} a@one.test,c@c.test,d@d.test`);
  assert.equal(log.of('store.full').length, 1);
});

test('content that is too large to be copied so often is copied only so often', async () => {
  const { stored, deps } = rig();
  const entry = entryTo('a@a.test', 'b@b.test', 'c@c.test', 'd@d.test');
  const large = { ...CONTENT, sizeBytes: 30 * 1024 * 1024 };
  const first = await partMessage(deps, entry, entry, large, 5);
  assert.equal(stored.length, 2);
  assert.equal(shown(first), `4K7QZ2M9XT.3 ${FAN_OUT} a@a.test,d@d.test`);
});

test('a store that failed is nobody’s to hide', async () => {
  const { deps } = rig();
  const entry = entryTo('a@a.test', 'b@b.test');
  const failing = { commit: () => Promise.reject(new CodedError('STORE_FAILED', 'gone')) };
  await assert.rejects(partMessage({ ...deps, store: failing }, entry, entry, CONTENT, 5), {
    code: 'STORE_FAILED',
  });
});

test('a destination that is down or has had its share is not tried, the others are', async () => {
  const { stored, deps, log } = rig();
  const entry = entryTo('a@a.test', 'b@b.test', 'c@c.test', 'd@d.test');
  const tried: string[] = [];
  const moved: SpoolEntry[] = [];
  const result = await attempt(
    {
      ...deps,
      store: {
        ...deps.store,
        readContent: () => CONTENT.read(),
        complete: (held) => Promise.resolve(held.map(() => true)),
        reschedule: (steps) => {
          moved.push(...steps.map((step) => step.entry));
          return Promise.resolve(steps.map(() => true));
        },
      },
      courier: {
        deliver: ({ destination, envelope }) => {
          tried.push(destination.key);
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
      policy: () => ({ delayWarningMs: null, retryMs: [1000], finalReplyTimeoutMs: 1000 }),
    },
    { id: entry.id, token: 1n, entry, dueAt: 0 },
    { signal: new AbortController().signal, mayFinish: () => true },
  );
  assert.equal(result, 'delivered');
  assert.deepEqual(tried, ['mx:a.test', 'mx:d.test']);
  assert.deepEqual(
    [...moved, ...stored].map(({ dest }) => dest),
    ['mx:b.test', 'mx:c.test'],
  );
});
