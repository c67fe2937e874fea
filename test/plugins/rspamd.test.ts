/**
 * The rspamd plugin against an rspamd that does whatever a broken one may do, and against the real
 * one: a score is taken from a whole, exact reply only; everything else defers.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { describe } from '../../plugins/rspamd/description.ts';
import { readJudgement } from '../../plugins/rspamd/judgement.ts';
import type { Behaviour } from '../support/fake-service.ts';
import { FakeService } from '../support/fake-service.ts';
import { filterOf } from '../support/filter-host.ts';
import { filterView, RECEIVED } from '../support/filter-view.ts';
import { hurriedClock } from '../support/hurried-clock.ts';
import { missing } from '../support/real-component.ts';
import { missingRspamd, startRealRspamd } from '../support/real-rspamd.ts';

const MAIL = Buffer.from('Subject: x\r\n\r\ntext\r\n');
const GTUBE = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X';

const ANSWER = {
  is_skipped: false,
  score: 7.25,
  required_score: 15,
  action: 'add header',
  symbols: {
    LIGHT: { name: 'LIGHT', score: -0.1 },
    NOTHING: { name: 'NOTHING', score: 0 },
    HEAVY: { name: 'HEAVY', score: 7.35 },
  },
};

function answer(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...ANSWER, ...changes });
}

function http(body: string, status = '200 OK', length = Buffer.byteLength(body)): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

/** Answers when all of the request is there. */
function says(text: string): Behaviour {
  return (socket, input) => {
    const head = input.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(input.toString('latin1'))?.[1] ?? 0);
    if (head >= 0 && input.length >= head + 4 + length) socket.end(text);
  };
}

async function judged(behaviour: Behaviour, options = {}, content: Uint8Array = MAIL) {
  const rspamd = await FakeService.start(behaviour);
  try {
    const filter = await filterOf(
      'rspamd',
      { address: rspamd.address, timeout: '500ms', ...options },
      {
        names: { '192.0.2.1': ['other.example', 'client.example'] },
        zones: {
          'other.example': { a: ['192.0.2.77'] },
          'client.example': { a: ['192.0.2.1'] },
        },
      },
    );
    const verdict = await filter.judge(content);
    return { verdict, rspamd, err: String(filter.log.of('scan.error')[0]?.['err']) };
  } finally {
    await rspamd.stop();
  }
}

test('score, symbols and fields come from the reply; rspamd got message and circumstances', async () => {
  const { verdict, rspamd } = await judged(says(http(answer())), { settings: 'strict' });
  assert.equal(verdict.kind, 'pass');
  assert.equal(verdict.score, 7.25);
  assert.deepEqual(verdict.tests, ['HEAVY', 'LIGHT']);
  assert.deepEqual(verdict.fields, [
    { name: 'X-Spam-Score', value: '7.3' },
    { name: 'X-Spam-Tests', value: 'HEAVY, LIGHT' },
  ]);
  assert.equal(verdict.results?.['rspamd'], 'add header');
  const [head = '', ...rest] = (rspamd.inputs[0] ?? Buffer.alloc(0)).toString().split('\r\n\r\n');
  assert.equal(rest.join('\r\n\r\n'), Buffer.concat([RECEIVED, MAIL]).toString());
  assert.match(head, /^POST \/checkv2 HTTP\/1\.1\r\n/);
  for (const line of [
    ...['IP: 192.0.2.1', 'Hostname: client.example', 'Helo: client.example', 'From: <>'],
    ...['Queue-Id: S.1', 'MTA-Name: mx.example', 'Settings-ID: strict'],
  ]) {
    assert.ok(head.split('\r\n').includes(line), `${line} in ${head}`);
  }
});

test('nothing that a stranger says ends a header line; letters beyond ASCII go as UTF-8', () => {
  const view = filterView(MAIL);
  const told = describe(
    {
      ...view,
      envelope: {
        reversePath: { local: 'jürgen', domain: 'exämple.org' },
        parameters: {},
        recipients: [{ address: { local: '"a b"', domain: 'example.org' }, parameters: {} }],
      },
      session: { ...view.session, hello: { verb: 'EHLO', name: 'x\r\nUser: root' } },
      direction: 'out',
      account: 'anna@example.org',
    },
    { hostname: 'mx.example', clientName: undefined, settings: undefined },
  );
  assert.equal(told['Helo'], 'xUser: root');
  assert.equal(Buffer.from(String(told['From']), 'latin1').toString(), 'jürgen@exämple.org');
  assert.deepEqual(told['Rcpt'], ['"a b"@example.org']);
  assert.equal(told['Hostname'], 'unknown');
  assert.equal(told['User'], 'anna@example.org');
});

const ACTIONS: readonly [action: string, options: object, kind: string][] = [
  ['reject', {}, 'pass'],
  ['reject', { refuse: true }, 'refuse'],
  ['add header', { refuse: true, soft_reject: true }, 'pass'],
  ['soft reject', {}, 'pass'],
  ['soft reject', { soft_reject: true }, 'defer'],
  ['greylist', { soft_reject: true }, 'defer'],
];
for (const [action, options, kind] of ACTIONS) {
  test(`${action} with ${JSON.stringify(options)}: ${kind}`, async () => {
    const { verdict } = await judged(says(http(answer({ action }))), options);
    assert.equal(verdict.kind, kind);
    assert.equal(verdict.score, 7.25);
  });
}

test('told not to look, rspamd gives no score', async () => {
  const skipped = answer({ is_skipped: true, action: 'no action', score: 0 });
  const { verdict } = await judged(says(http(skipped)));
  assert.equal(verdict.score, undefined);
  assert.deepEqual(verdict.results, { rspamd: 'skipped' });
});

test('symbols without weight are named only when nothing weighs', () => {
  const symbols = { GTUBE: { score: 0 }, 'bad name\r\n': { score: 3 } };
  assert.deepEqual(readJudgement(answer({ symbols })).tests, ['GTUBE']);
});

const FAULTS: readonly [what: string, text: string, err: RegExp][] = [
  ['nothing', '', /./],
  ['another protocol', '220 hello\r\n', /./],
  ['an error', http('{"error":"x"}', '500 oops'), /answered: 500 oops/],
  ['a redirect', http(answer(), '302 Found'), /answered: 302/],
  ['half of what it said', http(answer(), '200 OK', 10_000), /./],
  ['no JSON', http('<html>'), /no JSON/],
  ['a list', http('[1]'), /no judgement/],
  ['null', http('null'), /no judgement/],
  ['a score in words', http(answer({ score: '7' })), /no score/],
  ['a score beyond measure', http(answer({ score: 1e300 })), /no score/],
  ['an action of its own', http(answer({ action: 'party' })), /no action/],
  ['symbols as a list', http(answer({ symbols: ['A'] })), /symbols/],
  ['an endless reply', http(' '.repeat(2 * 1024 * 1024)), /endless reply/],
];
for (const [what, text, err] of FAULTS) {
  test(`rspamd gives ${what}: the mail is deferred`, async () => {
    const judgement = await judged(says(text));
    assert.equal(judgement.verdict.kind, 'defer');
    assert.match(judgement.err, err);
  });
}

const BROKEN: readonly [what: string, behaviour: Behaviour, err: RegExp][] = [
  ['says nothing', () => undefined, /no answer within 500 ms/],
  ['closes at once', (socket) => socket.destroy(), /./],
  ['resets', (socket) => socket.resetAndDestroy(), /./],
];
for (const [what, behaviour, err] of BROKEN) {
  test(`rspamd ${what}: the mail is deferred`, async () => {
    const judgement = await judged(behaviour);
    assert.equal(judgement.verdict.kind, 'defer');
    assert.match(judgement.err, err);
  });
}

test('an answer to a message that rspamd has not read is no answer', async () => {
  const behaviour: Behaviour = (socket) => {
    socket.pause();
    socket.write(http(answer({ score: 0, symbols: {} })));
  };
  const content = Buffer.alloc(8 * 1024 * 1024, 'x'); // more than sockets buffer
  const { verdict, err } = await judged(behaviour, {}, content);
  assert.equal(verdict.kind, 'defer');
  assert.match(err, /before it had all/);
});

test('content above max_size is not judged, and the trace says so', async () => {
  const { verdict, rspamd } = await judged(says(http(answer())), { max_size: '10B' });
  assert.deepEqual(verdict.results, { rspamd: 'skipped' });
  assert.equal(rspamd.inputs.length, 0);
});

test('many symbols make a field of bounded length', async () => {
  const names = Array.from({ length: 400 }, (_, i) => [`SYMBOL_${i}`, { score: 1 }]);
  const { verdict } = await judged(says(http(answer({ symbols: Object.fromEntries(names) }))));
  assert.equal(verdict.tests?.length, 300);
  assert.match(verdict.fields?.[1]?.value ?? '', /^SYMBOL_0, .*, \.\.\.$/);
  assert.ok((verdict.fields?.[1]?.value ?? '').length < 620);
});

test('an rspamd that falls silent costs a mail some seconds where there is another', async (t) => {
  const silent = await FakeService.start(() => undefined);
  const good = await FakeService.start(says(http(answer())));
  t.after(() => Promise.all([silent.stop(), good.stop()]));
  const options = { address: [silent.address, good.address], timeout: '30s' };
  const { judge } = await filterOf('rspamd', options, {}, hurriedClock(20));
  assert.equal((await judge(MAIL)).score, 7.25);
  assert.ok(silent.inputs.some((input) => input.includes('GET /ping')));
});

test('the next address is asked when one fails', async () => {
  const bad = await FakeService.start(says(http('', '503 busy')));
  const good = await FakeService.start(says(http(answer())));
  const { judge } = await filterOf('rspamd', { address: [bad.address, good.address] });
  assert.equal((await judge(MAIL)).score, 7.25);
  assert.equal((await judge(MAIL)).score, 7.25);
  assert.equal(bad.inputs.length, 1);
  await bad.stop();
  await good.stop();
});

test('a real rspamd: GTUBE is its reject, other mail passes, the probe hears a pong', async (t) => {
  const lacks = missingRspamd();
  if (lacks !== undefined) return missing(t, lacks);
  const rspamd = await startRealRspamd();
  t.after(() => rspamd.stop());
  const filter = await filterOf('rspamd', { address: rspamd.normal, refuse: true });
  const gtube = await filter.judge(Buffer.from(`Subject: x\r\n\r\n${GTUBE}\r\n`));
  assert.equal(gtube.kind, 'refuse');
  assert.equal(gtube.score, 15);
  assert.deepEqual(gtube.tests, ['GTUBE']);
  assert.equal((await filter.judge(MAIL)).kind, 'pass');
  const [probe] = await filter.host.probes(new AbortController().signal);
  assert.equal(probe?.state, 'ok');
});
