/** The one door: what the destination said becomes our reply, and what is stored says why. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import type { DeliveryReport } from '../../src/delivery/courier.ts';
import type { Reports } from '../../src/delivery/reports.ts';
import { NO_OUTGOING } from '../../src/directory/account.ts';
import type { Domain } from '../../src/directory/domain.ts';
import { memoryContent } from '../../src/mail/content.ts';
import type { Outcome } from '../../src/mail/outcome.ts';
import { formatReply } from '../../src/mail/reply.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import type { JudgedMessage } from '../../src/pipeline/accept.ts';
import { Accept } from '../../src/pipeline/accept.ts';
import type { QuarantineTotals, SpoolTotals } from '../../src/store/spool-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const SETTINGS = {
  cutThrough: true,
  finalReplyTimeoutMs: 1000,
  retryMs: [60_000],
  lifetimeMs: 1e9,
  quota: { messages: 5, bytes: 1000 },
  quarantine: { messages: 2, bytes: 1000 },
};
const NOTHING: SpoolTotals = { queued: 0, held: 0, bytes: 0 };
const OK: Outcome = { kind: 'delivered', reply: { code: 250, lines: ['taken'] } };
const REFUSED: Outcome = { kind: 'failed', reply: { code: 550, enhanced: '5.1.1', lines: ['no'] } };
const PUT_OFF: Outcome = {
  kind: 'deferred',
  text: '451 later',
  reply: { code: 451, lines: ['later'] },
};
const BROKEN_OFF: Outcome = { kind: 'deferred', text: 'broken off' };
/** A greeting with a permanent code says nothing about the message. */
const TURNED_AWAY: Outcome = {
  kind: 'deferred',
  text: 'greeting 554',
  reply: { code: 554, lines: ['no service'] },
};

const DOMAIN: Domain = {
  name: 'example.org',
  lane: 'example.org',
  lanes: ['example.org'],
  aliases: [],
  destination: { key: 'd', hosts: [], tls: 'off', maxConnections: 1 },
  recipients: { kind: 'any' },
  outage: 'defer',
  quota: { messages: 3, bytes: 500 },
  services: new Set(['relay', 'fallback'] as const),
  spam: { tag: 5, quarantine: 8, reject: 12 },
  virus: 'reject',
  pluginOptions: {},
  caseSensitiveLocalParts: false,
  contact: undefined,
  reportLanguage: 'auto',
  queue: {},
  outgoing: NO_OUTGOING,
  signing: { domains: [], headers: [] },
  policyGroup: '',
  file: '',
};

interface Door {
  readonly outcomes?: readonly Outcome[];
  readonly commit?: (entry: SpoolEntry) => Promise<void>;
  readonly isDown?: boolean;
  readonly takesDsn?: boolean;
  readonly relayed?: Reports['relayed'];
  readonly services?: Domain['services'];
  /** What waits already: of the domain, and of all. */
  readonly waiting?: { readonly own: SpoolTotals; readonly all: SpoolTotals };
  /** What filters keep already. */
  readonly quarantined?: QuarantineTotals;
  readonly hold?: JudgedMessage['hold'];
  /** How long the destination takes until it wants the final dot. */
  readonly takesMs?: number;
  /** When the client leaves. */
  readonly leavesMs?: number;
}

async function through({
  outcomes = [OK],
  commit,
  isDown = false,
  takesDsn = false,
  relayed,
  services = DOMAIN.services,
  waiting = { own: NOTHING, all: NOTHING },
  quarantined = { messages: 0, bytes: 0 },
  hold,
  takesMs = 0,
  leavesMs = Infinity,
}: Door) {
  const clock = new FakeClock();
  const client = new AbortController();
  const log = new RecordedLog();
  const stored: SpoolEntry[] = [];
  const report: DeliveryReport = {
    outcomes,
    tls: '-',
    takesDsn,
    connectMs: 0,
    transferMs: 0,
  };
  const accept = new Accept({
    store: {
      // oxlint-disable-next-line require-await -- the store's shape
      commit: commit ?? (async (entry) => void stored.push(entry)),
      totals: (dest) => (dest === undefined ? waiting.all : waiting.own),
      quarantined: () => quarantined,
    },
    courier: {
      async deliver({ mayFinish }, signal) {
        await clock.sleep(takesMs, signal).catch(() => undefined);
        if (mayFinish?.() === true) return report;
        return { ...report, outcomes: outcomes.map(() => BROKEN_OFF) };
      },
    },
    // oxlint-disable-next-line require-await -- the reports' shape
    reports: { relayed: relayed ?? (async () => false) },
    isClosed: () => isDown,
    rates: { take: () => 0 },
    wake: () => undefined,
    lessons: { outcome: () => undefined },
    clock,
    log,
  });
  const message: JudgedMessage = {
    id: '0123456789.1',
    envelope: {
      reversePath: null,
      parameters: {},
      recipients: outcomes.map((_, i) => ({
        address: { local: `r${i}`, domain: 'example.org' },
        parameters: {},
      })),
    },
    direction: 'in',
    way: { lane: DOMAIN.name, destination: DOMAIN.destination, domain: DOMAIN },
    mayQueue: services.has('fallback'),
    hosted: () => DOMAIN,
    content: memoryContent([Buffer.from('x\r\n')]),
    client: { address: '192.0.2.1', hello: 'c' },
    arrivedAt: clock.now(),
    senderProven: true,
    hold,
  };
  if (leavesMs < Infinity) clock.timer(leavesMs, () => client.abort());
  const accepting = accept.accept(message, SETTINGS, client);
  await clock.advance(Math.max(takesMs, 0));
  const { reply, how } = await accepting;
  assert.equal(clock.waiting, leavesMs > takesMs && leavesMs < Infinity ? 1 : 0);
  return { reply: formatReply(reply).trimEnd(), how, entry: stored[0], log };
}

test('all delivered: the destination is quoted and nothing is stored', async () => {
  const { reply, entry } = await through({ outcomes: [OK, OK] });
  assert.match(reply, /^250 2\.0\.0 Ok: 0123456789\.1 delivered/);
  assert.equal(entry, undefined);
});

test('all refused: the refusal is passed on and nothing is stored', async () => {
  const { reply, entry } = await through({ outcomes: [REFUSED, REFUSED] });
  assert.match(reply, /^550 5\.1\.1 example\.org said: no$/);
  assert.equal(entry, undefined);
});

test('what is left is stored with its answers, what was delivered is not', async () => {
  const { reply, entry } = await through({ outcomes: [OK, REFUSED, PUT_OFF] });
  assert.match(reply, /^250 .* queued$/);
  assert.deepEqual(
    entry?.recipients.map(({ address, last }) => [address.local, last?.code]),
    [
      ['r1', 550],
      ['r2', 451],
    ],
  );
});

test('a permanent-looking code on a temporary outcome is not kept as a refusal', async () => {
  const { entry } = await through({ outcomes: [TURNED_AWAY, PUT_OFF] });
  assert.deepEqual(
    entry?.recipients.map(({ last }) => [last?.code, last?.text]),
    [
      [undefined, 'greeting 554'],
      [451, '451 later'],
    ],
  );
});

test('a destination that is too slow for the client that waits gets the mail from the queue', async () => {
  assert.equal((await through({ takesMs: 4 * 60_000 })).how, 'delivered');
  const { reply, how, entry } = await through({ takesMs: 6 * 60_000 });
  assert.match(reply, /^250 .* queued$/);
  assert.equal(how, 'queued');
  assert.deepEqual([entry?.attempts, entry?.maybeDelivered], [1, false]);
});

test('of a client that has left nothing is kept, unless the destination has it', async () => {
  const { reply, how, entry } = await through({ takesMs: 60_000, leavesMs: 59_000 });
  assert.match(reply, /^451 /);
  assert.deepEqual([how, entry], ['left', undefined]);
  assert.equal((await through({ takesMs: 60_000, leavesMs: 61_000 })).how, 'delivered');
});

test('without the fallback service a temporary failure is the client’s', async () => {
  const services = new Set(['relay'] as const);
  assert.match(
    (await through({ outcomes: [PUT_OFF], services })).reply,
    /^451 4\.0\.0 example\.org said: later/,
  );
  assert.match((await through({ isDown: true, services })).reply, /^451 4\.4\.1/);
});

test('no 250 without the promise of the store: trouble is 452', async () => {
  for (const code of ['STORE_FULL', 'STORE_FAILED'] as const) {
    const commit = () => Promise.reject(new CodedError(code, 'x'));
    const { reply, how } = await through({ isDown: true, commit });
    assert.match(reply, /^452 4\.3\.1 .*spool_full/);
    assert.equal(how, 'deferred');
  }
});

test('recipients that a host without reports has taken are handed to our own', async () => {
  const told: string[][] = [];
  const relayed: Reports['relayed'] = async (message, handed, content) => {
    assert.deepEqual([message.id, message.senderProven], ['0123456789.1', true]);
    assert.ok(content !== undefined, 'it is not in the spool');
    told.push(handed.map(({ recipient, reply }) => `${recipient.address.local} ${reply.code}`));
    return true;
  };
  await through({ outcomes: [OK, REFUSED, OK], relayed });
  assert.deepEqual(told, [['r0 250', 'r2 250']]);
  await through({ outcomes: [OK], relayed, takesDsn: true });
  assert.deepEqual(told[1], []);
});

test('a report that fails changes nothing: the message has arrived', async () => {
  const relayed = () => Promise.reject(new CodedError('STORE_FAILED', 'disk'));
  const { reply, how } = await through({ relayed });
  assert.match(reply, /^250 2\.0\.0 Ok: 0123456789\.1 delivered/);
  assert.equal(how, 'delivered');
});

const FULL: readonly [string, SpoolTotals, SpoolTotals, reply: RegExp][] = [
  ['messages of the domain', { queued: 1, held: 2, bytes: 0 }, NOTHING, /^452 4\.2\.2 .*quota/],
  ['bytes of the domain', { queued: 1, held: 0, bytes: 498 }, NOTHING, /^452 4\.2\.2 .*quota/],
  ['messages of all', NOTHING, { queued: 5, held: 0, bytes: 0 }, /^452 4\.3\.1 .*quota/],
  ['bytes of all', NOTHING, { queued: 1, held: 0, bytes: 998 }, /^452 4\.3\.1 .*quota/],
];

for (const [what, own, all, expected] of FULL) {
  test(`too many ${what}: what must wait is put off, what is taken at once is not`, async () => {
    const waiting = { own, all };
    const putOff = await through({ outcomes: [PUT_OFF], waiting });
    assert.match(putOff.reply, expected);
    assert.deepEqual([putOff.how, putOff.entry], ['deferred', undefined]);
    assert.match((await through({ isDown: true, waiting })).reply, expected);
    assert.match((await through({ outcomes: [OK], waiting })).reply, /^250 .* delivered/);
  });
}

test('a message that was taken for some is stored for the others over any quota', async () => {
  const waiting = { own: { queued: 9, held: 9, bytes: 9999 }, all: NOTHING };
  const { reply, entry } = await through({ outcomes: [OK, PUT_OFF], waiting });
  assert.match(reply, /^250 .* queued/);
  assert.equal(entry?.recipients.length, 1);
  const maybe: Outcome = { ...PUT_OFF, maybeDelivered: true };
  assert.match((await through({ outcomes: [maybe], waiting })).reply, /^250 .* queued/);
});

test('what a filter keeps has a quota of its own, and takes no room from the queue', async () => {
  const hold = { reason: 'spam', text: 'looks like spam', quarantine: { score: 8 } } as const;
  const full: SpoolTotals = { queued: 5, held: 0, bytes: 1000 };
  const waiting = { own: full, all: full };
  const taken = await through({ hold, waiting, quarantined: { messages: 1, bytes: 3 } });
  assert.deepEqual([taken.how, taken.entry?.hold?.quarantine], ['held', { score: 8 }]);
  const [added] = taken.log.of('quar.add');
  assert.deepEqual([added?.['why'], added?.['score']], ['spam', 8]);
  assert.equal(taken.log.of('rcpt.hold').length, 0);
  for (const quarantined of [
    { messages: 2, bytes: 3 },
    { messages: 1, bytes: 998 },
  ]) {
    const { reply, entry } = await through({ hold, quarantined });
    assert.match(reply, /^452 4\.3\.1 .*\(quota\)$/);
    assert.equal(entry, undefined);
  }
});
