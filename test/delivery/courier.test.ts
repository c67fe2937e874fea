/** The courier against honest and faulty destinations: every recipient gets its true outcome. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Treatment } from '../../src/delivery/hindrances.ts';
import type { Content } from '../../src/mail/content.ts';
import { memoryContent } from '../../src/mail/content.ts';
import {
  address,
  courierOn,
  destinationAt,
  jobFor,
  outcomeText,
  peerOn,
} from '../support/courier-bench.ts';
import { Destination } from '../support/destination.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { ScriptedPeer } from '../support/scripted-peer.ts';
import { until } from '../support/until.ts';

const TWO = ['anna@example.org', 'ben@example.org'];
const SENT = ['C: MAIL', 'C: RCPT', 'C: RCPT', 'C: DATA'];

interface Case {
  readonly name: string;
  /** What one host does after EHLO with PIPELINING, to a message for two recipients. */
  readonly script: string[];
  readonly outcomes: [anna: string, ben: string];
  readonly seen: string;
  /** Waits are shortened when the peer is silent. */
  readonly silent?: true;
}

const CASES: readonly Case[] = [
  {
    name: 'both taken',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'S: 354 x', 'C* content', 'S: 250 x'],
    outcomes: ['delivered 250', 'delivered 250'],
    seen: 'answered',
  },
  {
    name: '5xx to MAIL',
    script: [...SENT, 'S: 550 x', 'S: 503 x', 'S: 503 x', 'S: 503 x'],
    outcomes: ['failed 550', 'failed 550'],
    seen: 'answered',
  },
  {
    name: '4xx to MAIL',
    script: [...SENT, 'S: 451 x', 'S: 503 x', 'S: 503 x', 'S: 503 x'],
    outcomes: ['deferred 451', 'deferred 451'],
    seen: 'temporary',
  },
  {
    name: '421 to MAIL',
    script: [...SENT, 'S: 421 x', 'close'],
    outcomes: ['deferred 421', 'deferred 421'],
    seen: 'temporary',
  },
  {
    name: 'one recipient refused',
    script: [
      ...SENT,
      'S: 250 x',
      'S: 550 5.1.1 x',
      'S: 250 x',
      'S: 354 x',
      'C* content',
      'S: 250 x',
    ],
    outcomes: ['failed 550', 'delivered 250'],
    seen: 'answered',
  },
  {
    name: 'one refused, one put off, 354 all the same: only the dot goes out',
    script: [...SENT, 'S: 250 x', 'S: 550 x', 'S: 450 x', 'S: 354 x', 'C: .', 'S: 250 x'],
    outcomes: ['failed 550', 'deferred 450'],
    seen: 'answered',
  },
  {
    name: 'all refused, and DATA with them',
    script: [...SENT, 'S: 250 x', 'S: 550 x', 'S: 551 x', 'S: 503 x'],
    outcomes: ['failed 550', 'failed 551'],
    seen: 'answered',
  },
  {
    name: 'all refused, and the server hangs up',
    script: [...SENT, 'S: 250 x', 'S: 550 x', 'S: 550 x', 'close'],
    outcomes: ['failed 550', 'failed 550'],
    seen: 'answered',
  },
  {
    name: 'too many recipients for one transaction are put off',
    script: [
      ...SENT,
      'S: 250 x',
      'S: 250 x',
      'S: 552 too many',
      'S: 354 x',
      'C* content',
      'S: 250 x',
    ],
    outcomes: ['delivered 250', 'deferred 552'],
    seen: 'answered',
  },
  {
    name: 'a full mailbox is no such thing',
    script: [
      ...SENT,
      'S: 250 x',
      'S: 250 x',
      'S: 552 5.2.2 x',
      'S: 354 x',
      'C* content',
      'S: 250 x',
    ],
    outcomes: ['delivered 250', 'failed 552'],
    seen: 'answered',
  },
  {
    name: '421 to the second recipient: the first keeps its refusal',
    script: [...SENT, 'S: 250 x', 'S: 550 x', 'S: 421 x', 'close'],
    outcomes: ['failed 550', 'deferred 421'],
    seen: 'temporary',
  },
  {
    name: '4xx to DATA',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 550 x', 'S: 451 x'],
    outcomes: ['deferred 451', 'failed 550'],
    seen: 'temporary',
  },
  {
    name: '5xx to DATA',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'S: 554 x'],
    outcomes: ['failed 554', 'failed 554'],
    seen: 'answered',
  },
  {
    name: 'a login asked for at MAIL',
    script: [...SENT, 'S: 530 5.7.0 Authentication required', 'S: 503 x', 'S: 503 x', 'S: 503 x'],
    outcomes: ['deferred 530', 'deferred 530'],
    seen: 'temporary',
  },
  {
    name: 'a sequence lost at RCPT',
    script: [...SENT, 'S: 250 x', 'S: 503 5.5.1 need MAIL', 'S: 503 x', 'S: 503 x'],
    outcomes: ['deferred 503', 'deferred 503'],
    seen: 'temporary',
  },
  {
    name: 'one recipient refused, for the other a login asked for',
    script: [...SENT, 'S: 250 x', 'S: 550 5.1.1 x', 'S: 530 5.7.1 not authenticated', 'S: 503 x'],
    outcomes: ['failed 550', 'deferred 530'],
    seen: 'temporary',
  },
  {
    name: 'DATA not understood',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 550 x', 'S: 502 5.5.1 what?'],
    outcomes: ['deferred 502', 'failed 550'],
    seen: 'temporary',
  },
  {
    name: 'a sequence lost after the content',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 450 x', 'S: 354 x', 'C* content', 'S: 503 x'],
    outcomes: ['deferred 503', 'deferred 450'],
    seen: 'temporary',
  },
  {
    name: 'content refused with an odd number',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 450 x', 'S: 354 x', 'C* content', 'S: 500 spam'],
    outcomes: ['failed 500', 'deferred 450'],
    seen: 'answered',
  },
  {
    name: '5xx to the content',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 450 x', 'S: 354 x', 'C* content', 'S: 554 x'],
    outcomes: ['failed 554', 'deferred 450'],
    seen: 'answered',
  },
  {
    name: '4xx to the content',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'S: 354 x', 'C* content', 'S: 452 x'],
    outcomes: ['deferred 452', 'deferred 452'],
    seen: 'temporary',
  },
  {
    name: '421 to the content',
    script: [
      ...SENT,
      'S: 250 x',
      'S: 250 x',
      'S: 250 x',
      'S: 354 x',
      'C* content',
      'S: 421 x',
      'close',
    ],
    outcomes: ['deferred 421', 'deferred 421'],
    seen: 'temporary',
  },
  {
    name: 'closed after the dot',
    script: [...SENT, 'S: 250 x', 'S: 550 x', 'S: 250 x', 'S: 354 x', 'C* content', 'close'],
    outcomes: ['failed 550', 'deferred maybe'],
    seen: 'temporary',
  },
  {
    name: 'half a final reply',
    script: [
      ...SENT,
      'S: 250 x',
      'S: 250 x',
      'S: 250 x',
      'S: 354 x',
      'C* content',
      'S: 250-x',
      'close',
    ],
    outcomes: ['deferred maybe', 'deferred maybe'],
    seen: 'temporary',
  },
  {
    name: 'garbage in place of the final reply',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'S: 354 x', 'C* content', 'S: what?'],
    outcomes: ['deferred maybe', 'deferred maybe'],
    seen: 'temporary',
  },
  {
    name: 'a goodbye in place of the final reply',
    script: [
      ...SENT,
      'S: 250 x',
      'S: 250 x',
      'S: 250 x',
      'S: 354 x',
      'C* content',
      'S: 221 4.4.2 x',
    ],
    outcomes: ['deferred maybe', 'deferred maybe'],
    seen: 'temporary',
  },
  {
    name: 'a goodbye in place of a recipient that is taken',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 221 x', 'close'],
    outcomes: ['deferred', 'deferred'],
    seen: 'temporary',
  },
  {
    name: 'silence after the dot',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'S: 354 x', 'C* content', 'hang'],
    outcomes: ['deferred maybe', 'deferred maybe'],
    seen: 'temporary',
    silent: true,
  },
  {
    name: 'silence at MAIL',
    script: ['C: MAIL', 'hang'],
    outcomes: ['deferred unreachable', 'deferred unreachable'],
    seen: 'unreachable',
    silent: true,
  },
  {
    name: 'silence at the second recipient',
    script: [...SENT, 'S: 250 x', 'S: 550 x', 'hang'],
    outcomes: ['failed 550', 'deferred'],
    seen: 'temporary',
    silent: true,
  },
  {
    name: 'closed before an answer to MAIL',
    script: ['C: MAIL', 'close'],
    outcomes: ['deferred unreachable', 'deferred unreachable'],
    seen: 'unreachable',
  },
  {
    name: 'closed before 354',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'close'],
    outcomes: ['deferred', 'deferred'],
    seen: 'temporary',
  },
  {
    name: '250 in place of 354',
    script: [...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'S: 250 x'],
    outcomes: ['deferred', 'deferred'],
    seen: 'temporary',
  },
  {
    name: 'a flood of replies',
    script: [...SENT, ...new Array<string>(3000).fill('S: 250 x')],
    outcomes: ['deferred', 'deferred'],
    seen: 'temporary',
  },
];

for (const { name, script, outcomes, seen, silent } of CASES) {
  test(`destination with pipelining: ${name}`, async (t) => {
    const peer = await peerOn(t, ['HELLO', ...script]);
    const bench = courierOn(t, silent ? hurriedClock(100) : systemClock);
    const report = await bench.courier.deliver(jobFor(destinationAt([peer.port]), TWO));
    assert.deepEqual(report.outcomes.map(outcomeText), outcomes);
    assert.deepEqual(bench.seen, [seen]);
    assert.equal(peer.connections, 1, 'nothing is tried again on the same host');
    assert.deepEqual([...peer.faults, ...bench.logged], []);
    assert.equal(report.host, '127.0.0.1');
    assert.equal(report.tls, '-');
  });
}

test('a connection whose sequence is lost serves nobody any more', async (t) => {
  const lost = ['C: MAIL', 'C: RCPT', 'C: DATA', 'S: 503 nested MAIL', 'S: 503 x', 'S: 503 x'];
  const peer = await peerOn(t, ['HELLO', 'MESSAGE', ...lost], ['HELLO', 'MESSAGE']);
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port]));
  const texts: string[] = [];
  for (let i = 0; i < 3; i++) texts.push(...(await courier.deliver(job)).outcomes.map(outcomeText));
  assert.deepEqual(texts, ['delivered 250', 'deferred 503', 'delivered 250']);
  assert.deepEqual([peer.connections, peer.faults], [2, []]);
});

/** To RCPT, and what it means: of the conversation, or of an address. */
const SAID: readonly [reply: string, outcome: string][] = [
  ['500 5.5.1 Command unrecognized', 'deferred 500'],
  ['500 5.3.3 Unrecognized command', 'deferred 500'],
  ['501 5.5.4 Syntax: RCPT TO:<address>', 'deferred 501'],
  ['501 Syntax error', 'deferred 501'],
  ['502 Command not implemented', 'deferred 502'],
  ['503 AUTH first (#5.5.1)', 'deferred 503'],
  ['504 5.5.2 <mx>: Helo command rejected: need fully-qualified hostname', 'deferred 504'],
  ['530 5.7.0 Must issue a STARTTLS command first', 'deferred 530'],
  ['535 5.7.8 Authentication required', 'deferred 535'],
  ['555 5.5.4 Unsupported option: NOTIFY=NEVER', 'deferred 555'],
  ['501 5.1.3 Bad recipient address syntax', 'failed 501'],
  ['501 <a@b@c>: malformed address: @c may not follow', 'failed 501'],
  ['504 5.5.2 <a@b>: Sender address rejected: need fully-qualified address', 'failed 504'],
  ['500 5.7.1 rejected by policy', 'failed 500'],
  ['550 5.7.1 Client was not authenticated', 'failed 550'],
  ['554 5.5.1 no valid recipients', 'failed 554'],
  ['551 x', 'failed 551'],
  ['553 x', 'failed 553'],
];
test('a refusal that speaks of the conversation, and not of the mail, is put off', async (t) => {
  for (const [reply, outcome] of SAID) {
    const script = ['C: MAIL', 'C: RCPT', 'C: DATA', 'S: 250 x', `S: ${reply}`, 'S: 503 x'];
    const peer = await peerOn(t, ['HELLO', ...script]);
    const { courier } = courierOn(t);
    const report = await courier.deliver(jobFor(destinationAt([peer.port])));
    assert.deepEqual(report.outcomes.map(outcomeText), [outcome], reply);
  }
});

const LOCKSTEP: readonly [name: string, script: string[], outcomes: string[]][] = [
  [
    'one refused',
    ['C: MAIL', 'S: 250 x', 'C: RCPT', 'S: 550 x', 'C: RCPT', 'S: 250 x', 'C: DATA', 'S: 354 x'],
    ['failed 550', 'delivered 250'],
  ],
  [
    'MAIL refused, nothing more is asked',
    ['C: MAIL', 'S: 553 x', 'C: QUIT'],
    ['failed 553', 'failed 553'],
  ],
  [
    'all refused, no DATA',
    ['C: MAIL', 'S: 250 x', 'C: RCPT', 'S: 550 x', 'C: RCPT', 'S: 450 x', 'C: QUIT'],
    ['failed 550', 'deferred 450'],
  ],
  [
    'lost at the second recipient',
    ['C: MAIL', 'S: 250 x', 'C: RCPT', 'S: 550 x', 'C: RCPT', 'close'],
    ['failed 550', 'deferred'],
  ],
];
for (const [name, script, outcomes] of LOCKSTEP) {
  test(`destination without pipelining, command by command: ${name}`, async (t) => {
    const goesOn = script.at(-1) === 'S: 354 x' ? ['C* content', 'S: 250 x'] : [];
    const peer = await peerOn(t, ['HELLO slow', ...script, ...goesOn]);
    const { courier } = courierOn(t);
    const report = await courier.deliver(jobFor(destinationAt([peer.port]), TWO));
    assert.deepEqual(report.outcomes.map(outcomeText), outcomes);
    await courier.stop();
    assert.deepEqual(peer.faults, []);
  });
}

const FIRST_HOSTS: readonly [name: string, script: string[]][] = [
  ['hangs up', ['close']],
  ['resets', ['reset']],
  ['greets with 421', ['S: 421 x']],
  ['greets with 554', ['S: 554 x']],
  ['puts EHLO off', ['S: 220 x', 'C: EHLO', 'S: 451 x']],
  ['talks rubbish', ['S: HTTP/1.1 400']],
  ['never greets', ['hang']],
  ['hangs up at MAIL', ['HELLO', 'C: MAIL', 'close']],
  ['says 421 at MAIL', ['HELLO', 'C: MAIL', 'S: 421 x']],
  ['hangs up before 354', ['HELLO', ...SENT, 'S: 250 x', 'S: 250 x', 'S: 250 x', 'close']],
];
for (const [name, script] of FIRST_HOSTS) {
  test(`the next host gets the message when the first ${name}`, async (t) => {
    const first = await peerOn(t, script);
    const second = await peerOn(t, [
      'HELLO',
      ...SENT,
      'S: 250 x',
      'S: 250 x',
      'S: 250 x',
      'S: 354 x',
      'C* content',
      'S: 250 x',
    ]);
    const bench = courierOn(t, name.startsWith('never') ? hurriedClock(50) : systemClock);
    const report = await bench.courier.deliver(
      jobFor(destinationAt([first.port, second.port]), TWO),
    );
    assert.deepEqual(report.outcomes.map(outcomeText), ['delivered 250', 'delivered 250']);
    assert.deepEqual(bench.seen, ['answered']);
    assert.equal(first.connections, 1);
    assert.equal(second.contents.length, 1);
  });
}

test('no host answers: unreachable; a refused greeting is only put off', async (t) => {
  const dead = await ScriptedPeer.start([]);
  await dead.stop();
  const refusing = await peerOn(t, ['S: 554 5.7.1 go away']);
  const bench = courierOn(t);
  const none = await bench.courier.deliver(jobFor(destinationAt([dead.port]), TWO));
  assert.deepEqual(none.outcomes.map(outcomeText), [
    'deferred unreachable',
    'deferred unreachable',
  ]);
  const put = await bench.courier.deliver(jobFor(destinationAt([refusing.port, dead.port]), TWO));
  assert.deepEqual(put.outcomes.map(outcomeText), ['deferred 554', 'deferred 554']);
  assert.deepEqual(bench.seen, ['unreachable', 'temporary']);
});

test('a host that could not be reached comes last for a while', async (t) => {
  const dead = await peerOn(t, ['hang']);
  const alive = await peerOn(t, ['HELLO', 'MESSAGE', 'close']);
  const { courier } = courierOn(t, hurriedClock(50));
  const job = jobFor(destinationAt([dead.port, alive.port]));
  for (let i = 0; i < 3; i++) {
    assert.deepEqual((await courier.deliver(job)).outcomes.map(outcomeText), ['delivered 250']);
    await until('left', () => alive.open === 0);
  }
  assert.equal(dead.connections, 1);
});

test('mail goes to the preferred host again within two minutes of its return', async (t) => {
  const [preferred, spare] = [new Destination(), new Destination()];
  await preferred.start();
  await spare.start();
  t.after(() => Promise.all([preferred.stop(), spare.stop()]));
  let ahead = 0;
  const clock: Clock = { ...systemClock, mono: () => systemClock.mono() + ahead };
  const { courier } = courierOn(t, clock);
  const job = jobFor(destinationAt([preferred.port, spare.port]));
  await preferred.stop();
  await courier.deliver(job);
  assert.equal(spare.arrived.length, 1);
  await preferred.start();
  // Every 20 seconds: never so seldom that the connection to the spare one is left as idle.
  for (let seconds = 0; seconds < 120; seconds += 20) {
    ahead += 20_000;
    await courier.deliver(job);
  }
  assert.ok(preferred.arrived.length >= 2, `${preferred.arrived.length} to it`);
  assert.equal(preferred.arrived.length + spare.arrived.length, 7);
});

test('a kept connection is only for those who ask for the same TLS', async (t) => {
  const { courier } = courierOn(t);
  const peer = await peerOn(t, ['HELLO', 'MESSAGE', 'C: QUIT', 'close'], ['HELLO', 'MESSAGE']);
  const open = destinationAt([peer.port], { key: 'd', tls: 'off', maxConnections: 1 });
  const other = { ...open, tls: 'opportunistic' as const };
  await courier.deliver(jobFor(open));
  assert.equal(peer.connections, 1);
  await courier.deliver(jobFor(other));
  assert.equal(peer.connections, 2);
  assert.deepEqual(courier.connections('d'), { busy: 0, kept: 1, waiting: 0 }, 'one is the bound');
});

test('the connection is kept for the next message, up to 100 of them', async (t) => {
  const peer = await peerOn(t, ['HELLO', ...new Array<string>(200).fill('MESSAGE')]);
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port]));
  for (let i = 0; i < 101; i++) {
    assert.deepEqual((await courier.deliver(job)).outcomes.map(outcomeText), ['delivered 250']);
  }
  assert.equal(peer.connections, 2);
  assert.deepEqual(
    peer.contents.map((bytes) => bytes.toString()),
    new Array(101).fill('Subject: x\r\n\r\nhello\r\n.\r\n'),
  );
});

const DEAD: readonly [name: string, steps: string[]][] = [
  ['closed while idle', ['pause', 'close']],
  ['said 421 while idle', ['pause', 'S: 421 idle', 'close']],
  ['closes at MAIL', ['C: MAIL', 'close']],
  ['resets at MAIL', ['C: MAIL', 'reset']],
  ['says 421 to MAIL', ['C: MAIL', 'S: 421 too long']],
];
for (const [name, steps] of DEAD) {
  test(`a kept connection that ${name} costs nothing but a new one`, async (t) => {
    const peer = await peerOn(t, ['HELLO', 'MESSAGE', ...steps], ['HELLO', 'MESSAGE']);
    const bench = courierOn(t);
    const job = jobFor(destinationAt([peer.port]));
    await bench.courier.deliver(job);
    if (steps[0] === 'pause') {
      await until('paused', () => peer.resume() === 1);
      await until('noticed', () => peer.open === 0);
    }
    assert.deepEqual((await bench.courier.deliver(job)).outcomes.map(outcomeText), [
      'delivered 250',
    ]);
    assert.deepEqual(bench.seen, ['answered', 'answered']);
    assert.equal(peer.connections, 2);
  });
}

test('a connection nobody needs is left after half a minute', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'MESSAGE', 'C: QUIT', 'S: 221 bye', 'close']);
  const { courier } = courierOn(t, hurriedClock(100));
  await courier.deliver(jobFor(destinationAt([peer.port])));
  assert.equal(peer.open, 1);
  await until('left', () => peer.open === 0);
  assert.deepEqual(peer.faults, []);
  assert.equal(peer.lines.at(-1), 'QUIT');
});

test('a transaction that ended early is reset before the next one', async (t) => {
  const refused = ['C: MAIL', 'C: RCPT', 'C: DATA', 'S: 250 x', 'S: 550 x', 'S: 503 x'];
  const peer = await peerOn(t, ['HELLO', ...refused, 'C: RSET', 'S: 250 x', 'MESSAGE', 'MESSAGE']);
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port]));
  const texts: string[] = [];
  for (let i = 0; i < 3; i++) texts.push(...(await courier.deliver(job)).outcomes.map(outcomeText));
  assert.deepEqual(texts, ['failed 550', 'delivered 250', 'delivered 250']);
  assert.equal(peer.connections, 1);
  assert.deepEqual(peer.faults, []);
});

test('a 354 for nobody is ended by the dot alone, and the connection serves on', async (t) => {
  const nobody = ['C: MAIL', 'C: RCPT', 'C: DATA', 'S: 250 x', 'S: 550 x', 'S: 354 x'];
  const peer = await peerOn(t, ['HELLO', ...nobody, 'C: .', 'S: 554 nobody', 'MESSAGE']);
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port]));
  const texts: string[] = [];
  for (let i = 0; i < 2; i++) texts.push(...(await courier.deliver(job)).outcomes.map(outcomeText));
  assert.deepEqual(texts, ['failed 550', 'delivered 250']);
  assert.deepEqual([peer.connections, peer.faults], [1, []]);
});

test('a 354 after a refused MAIL, then silence: nobody waits long for what nothing hangs on', async (t) => {
  const script = ['C: MAIL', 'C: RCPT', 'C: DATA', 'S: 550 x', 'S: 503 x', 'S: 354 x', 'C: .'];
  const peer = await peerOn(t, ['HELLO', ...script, 'hang'], ['HELLO', 'MESSAGE']);
  const { courier } = courierOn(t, hurriedClock(20));
  const job = jobFor(destinationAt([peer.port]));
  const report = await courier.deliver(job);
  assert.deepEqual(report.outcomes.map(outcomeText), ['failed 550']);
  assert.ok(report.transferMs < 30_000, `${report.transferMs} ms, of which a client waits 30 s`);
  assert.deepEqual((await courier.deliver(job)).outcomes.map(outcomeText), ['delivered 250']);
  assert.equal(peer.connections, 2, 'a silent connection serves nobody any more');
});

test('silence after the dot of content that was streamed is doubt as well', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'ENVELOPE', 'C* content', 'hang']);
  const { courier } = courierOn(t, hurriedClock(100));
  const memory = memoryContent([Buffer.from('x\r\n')]);
  const content: Content = { sizeBytes: 3, read: () => memory.read() };
  const job = jobFor(destinationAt([peer.port]), ['anna@example.org'], { content });
  const report = await courier.deliver(job);
  assert.deepEqual(report.outcomes.map(outcomeText), ['deferred maybe']);
});

test('no more connections than the destination allows, and who waits gets its turn', async (t) => {
  const peer = await peerOn(t, ['HELLO', ...new Array<string>(20).fill('MESSAGE')]);
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port], { maxConnections: 2 }));
  const reports = await Promise.all(Array.from({ length: 12 }, () => courier.deliver(job)));
  assert.deepEqual(
    new Set(reports.flatMap((report) => report.outcomes.map(outcomeText))),
    new Set(['delivered 250']),
  );
  assert.equal(peer.connections, 2);
});

test('a connection counts until the peer has left it', async (t) => {
  const peer = await peerOn(
    t,
    ['HELLO', ...new Array<string>(100).fill('MESSAGE'), 'C: QUIT', 'pause', 'S: 221 x', 'close'],
    ['HELLO', 'MESSAGE'],
  );
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port], { maxConnections: 1 }));
  for (let i = 0; i < 100; i++) await courier.deliver(job);
  const next = courier.deliver(job);
  await until('left', () => peer.paused.length === 1);
  peer.resume();
  assert.deepEqual((await next).outcomes.map(outcomeText), ['delivered 250']);
  assert.deepEqual([peer.connections, peer.mostOpen], [2, 1]);
});

test('a connection refused beside others is done without: the message goes over one of those', async (t) => {
  const peer = await peerOn(
    t,
    ['HELLO', 'C: MAIL', 'pause', 'C: RCPT', 'C: DATA', 'S: 250 x', 'S: 250 x', 'S: 354 x']
      .concat('C* content', 'S: 250 x')
      .concat(['MESSAGE', 'MESSAGE']),
    ['S: 421 4.7.0 too many connections'],
  );
  const beside: number[] = [];
  const hindrances = {
    observe: (_key: string, { refusedBeside }: Treatment) => {
      if (refusedBeside !== undefined) beside.push(refusedBeside.open);
    },
  };
  const bench = courierOn(t, systemClock, { hindrances });
  const job = jobFor(destinationAt([peer.port]));
  const first = bench.courier.deliver(job);
  await until('at work', () => peer.paused.length === 1);
  const second = bench.courier.deliver(job);
  await until('refused', () => peer.connections === 2 && peer.open === 1);
  const third = bench.courier.deliver(job);
  peer.resume();
  const reports = await Promise.all([first, second, third]);
  assert.deepEqual(
    reports.flatMap((report) => report.outcomes.map(outcomeText)),
    ['delivered 250', 'delivered 250', 'delivered 250'],
  );
  assert.equal(peer.connections, 2, 'the third did not ask for one more');
  assert.deepEqual(bench.seen, ['answered', 'answered', 'answered']);
  assert.deepEqual(beside, [1], 'which is a sign of a limit');
});

test('a place in the line is given up in time, or when its caller aborts', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'C: MAIL', 'pause', 'hang']);
  const bench = courierOn(t, hurriedClock(100));
  const job = jobFor(destinationAt([peer.port], { maxConnections: 1 }));
  const first = bench.courier.deliver(job);
  await until('the only connection is taken', () => peer.lines.length === 2);
  const abort = new AbortController();
  const aborted = bench.courier.deliver(job, abort.signal);
  const late = bench.courier.deliver(job);
  abort.abort();
  for (const waiting of [aborted, late]) {
    const [outcome] = (await waiting).outcomes;
    assert.ok(outcome?.kind === 'deferred');
    assert.match(outcome.text, /no free connection/);
  }
  assert.deepEqual(bench.seen, [], 'waiting in line says nothing about the destination');
  await first;
});

test('an aborted delivery sends no final dot and says nothing about the destination', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'ENVELOPE', 'C< 10', 'C* content', 'S: 250 x']);
  const bench = courierOn(t);
  const abort = new AbortController();
  const content: Content = {
    sizeBytes: 1e6,
    async *read() {
      yield Buffer.from('some of it\r\n');
      await Promise.resolve();
      abort.abort();
      yield Buffer.from('the rest of it\r\n');
    },
  };
  const job = jobFor(destinationAt([peer.port]), ['anna@example.org'], { content });
  const report = await bench.courier.deliver(job, abort.signal);
  assert.deepEqual(report.outcomes.map(outcomeText), ['deferred']);
  assert.deepEqual([peer.contents, bench.seen], [[], []]);
});

for (const [size, text] of [
  ['small', 'Subject: x\r\n\r\nhello\r\n'],
  ['large', `Subject: x\r\n\r\n${'y'.repeat(70)}\r\n`.repeat(5000)],
] as const) {
  test(`a message that is not ours any more gets no final dot: ${size} content`, async (t) => {
    const peer = await peerOn(t, ['HELLO', 'ENVELOPE', 'C* content', 'S: 250 x']);
    const bench = courierOn(t);
    const abort = new AbortController();
    const mayFinish = () => {
      abort.abort();
      return false;
    };
    const content = memoryContent([Buffer.from(text)]);
    const to = ['anna@example.org'];
    const job = jobFor(destinationAt([peer.port]), to, { content, mayFinish });
    const report = await bench.courier.deliver(job, abort.signal);
    assert.deepEqual(report.outcomes.map(outcomeText), ['deferred']);
    assert.deepEqual([peer.contents, bench.seen], [[], []]);
  });
}

test('an attempt aborted while it connects says nothing about the destination either', async (t) => {
  const peer = await peerOn(t, ['pause', 'HELLO', 'MESSAGE']);
  const bench = courierOn(t);
  const abort = new AbortController();
  const report = bench.courier.deliver(jobFor(destinationAt([peer.port])), abort.signal);
  await until('connected', () => peer.connections === 1);
  abort.abort();
  assert.equal((await report).outcomes[0]?.kind, 'deferred');
  assert.deepEqual([peer.lines, bench.seen], [[], []]);
});

test('content that cannot be read back is put off, content that must not go out fails', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'ENVELOPE', 'C* content', 'S: 250 x']);
  const bench = courierOn(t);
  const broken: Content = {
    sizeBytes: 1e6,
    async *read() {
      yield Buffer.from('some of it\r\n');
      await Promise.resolve();
      throw new Error('disk');
    },
  };
  const smuggling = memoryContent([Buffer.from('a\n.\r\nMAIL FROM:<b>\r\n')]);
  const texts: string[] = [];
  for (const content of [broken, smuggling]) {
    const job = jobFor(destinationAt([peer.port]), ['anna@example.org'], { content });
    texts.push(...(await bench.courier.deliver(job)).outcomes.map(outcomeText));
  }
  assert.deepEqual(texts, ['deferred', 'failed 554']);
  assert.deepEqual([peer.contents, bench.seen], [[], ['answered']]);
});

test('an address beyond ASCII fails where SMTPUTF8 is not offered, the others are delivered', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'MESSAGE', 'MESSAGE']);
  const { courier } = courierOn(t);
  const destination = destinationAt([peer.port]);
  const report = await courier.deliver(
    jobFor(destination, ['gréte@example.org', 'anna@example.org']),
  );
  assert.deepEqual(report.outcomes.map(outcomeText), ['failed 550', 'delivered 250']);
  const job = jobFor(destination);
  const envelope = { ...job.envelope, reversePath: address('gréte@example.com') };
  const fromUtf8 = await courier.deliver({ ...job, envelope });
  assert.deepEqual(fromUtf8.outcomes.map(outcomeText), ['failed 550']);
  // 8-bit content and headers go on as they are.
  const parameters = { smtpUtf8: true, body: '8BITMIME' } as const;
  const eightBit = await courier.deliver({ ...job, envelope: { ...job.envelope, parameters } });
  assert.deepEqual(eightBit.outcomes.map(outcomeText), ['delivered 250']);
  assert.equal(peer.lines.at(-3), 'MAIL FROM:<sender@example.com>');
});

test('another host is asked when one has no SMTPUTF8, and counts when it cannot be reached', async (t) => {
  const utf8 = [
    'S: 220 x',
    'C: EHLO',
    'S: 250-x',
    'S: 250-SMTPUTF8',
    'S: 250 PIPELINING',
    'MESSAGE',
  ];
  const lacking = await peerOn(t, ['HELLO', 'MESSAGE']);
  const other = await peerOn(t, utf8);
  const { courier } = courierOn(t);
  const deliver = async (ports: readonly number[]) => {
    const report = await courier.deliver(jobFor(destinationAt(ports), ['gréte@example.org']));
    return report.outcomes.map(outcomeText);
  };
  assert.deepEqual(await deliver([lacking.port, other.port]), ['delivered 250']);
  assert.equal(lacking.contents.length, 0);
  await other.stop();
  assert.deepEqual(await deliver([lacking.port, other.port]), ['deferred']);
  assert.deepEqual(await deliver([lacking.port]), ['failed 550']);
});

test('probe: a host that is silent is soon asked anew, not by TCP alone', async (t) => {
  // Whoever never accepts is silent once the line of those who wait is full.
  const listens = `const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      const still = new Int32Array(new SharedArrayBuffer(4));
      process.send(server.address().port, () => Atomics.wait(still, 0, 0));
    });`;
  const child = spawn(process.execPath, ['-e', listens], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  for (let n = 0; n < 3; n++) t.after(connectTo(port));
  const clock = hurriedClock(50);
  const { courier } = courierOn(t, clock);
  const startedAt = clock.mono();
  assert.equal(await courier.probe(destinationAt([port])), false);
  const tookMs = clock.mono() - startedAt;
  assert.ok(tookMs > 4000 && tookMs < 12_000, `${tookMs.toFixed(0)} ms`);
});

function connectTo(port: number): () => void {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  return () => socket.destroy();
}

test('a server of others that lets strangers wait for two minutes gets its mail from the queue', async (t) => {
  const peer = await peerOn(t, ['pause', 'HELLO', 'MESSAGE']);
  const found = { host: 'x.test', address: '127.0.0.1', preference: 0 };
  const { courier } = courierOn(t, hurriedClock(400), {
    exchangers: async () => ({ kind: 'found', hosts: [found] }),
    remotePort: peer.port,
  });
  const destination = { ...destinationAt([]), key: 'mx:x.test', mx: 'x.test' };
  const bring = async (origin: 'session' | 'queue') => {
    const report = await courier.deliver(jobFor(destination, ['eve@x.test'], { origin }));
    return report.outcomes.map(outcomeText);
  };
  const inSession = bring('session');
  // From when it waits: on a busy machine the greeting would come before its time is over.
  await until('it waits', () => peer.connections === 1);
  const greeted = setInterval(() => peer.resume(), 300);
  t.after(() => clearInterval(greeted));
  assert.deepEqual(await inSession, ['deferred unreachable']);
  assert.deepEqual(await bring('queue'), ['delivered 250']);
  assert.equal(await courier.probe(destination), true);
});

test('probe: true when a host speaks SMTP, and its connection is kept', async (t) => {
  const dead = await ScriptedPeer.start([]);
  await dead.stop();
  const peer = await peerOn(t, ['HELLO', 'MESSAGE']);
  const refusing = await peerOn(t, ['S: 421 later']);
  const bench = courierOn(t);
  const destination = destinationAt([dead.port, peer.port]);
  assert.equal(await bench.courier.probe(destination), true);
  await bench.courier.deliver(jobFor(destination));
  assert.equal(peer.connections, 1);
  assert.equal(await bench.courier.probe(destinationAt([dead.port])), false);
  assert.equal(await bench.courier.probe(destinationAt([refusing.port])), false);
  assert.deepEqual(bench.seen, ['answered', 'answered', 'unreachable', 'temporary']);
});

test('stop lets what runs end, then takes nothing more and keeps nothing open', async (t) => {
  const peer = await peerOn(t, ['HELLO', 'ENVELOPE', 'C* content', 'pause', 'S: 250 x']);
  const { courier } = courierOn(t);
  const job = jobFor(destinationAt([peer.port]));
  const running = courier.deliver(job);
  await until('the content is there', () => peer.contents.length === 1);
  const stopped = courier.stop();
  const late = await courier.deliver(job);
  assert.deepEqual(late.outcomes.map(outcomeText), ['deferred']);
  peer.resume();
  await stopped;
  assert.deepEqual((await running).outcomes.map(outcomeText), ['delivered 250']);
  await until('nothing is open', () => peer.open === 0);
});
