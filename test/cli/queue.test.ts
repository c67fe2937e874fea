/** Queue commands against a control server with a queue that is plain data. */
// oxlint-disable no-control-regex -- what must not come through
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { ControlServer } from '../../src/control/server.ts';
import type { InsideOptions } from '../support/command.ts';
import { runInside } from '../support/command.ts';
import { FakeGateway, T0, queued } from '../support/fake-gateway.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

process.env['TZ'] = 'UTC';

const HOUR = 3_600_000;
const NOW = T0 + 3 * HOUR + 12 * 60_000;
const A = '4K7QZ2M9XT.1';
const B = '4K7R0A11CD.1';
const C = '4K7PA0ZZ31.2';

async function running(t: TestContext) {
  const gateway = new FakeGateway();
  const log = new RecordedLog();
  const socket = join(tempFolder(t), 'control.sock');
  const view = gateway.view();
  const options = { socket, address: undefined, gateway: view, clock: systemClock, log };
  const server = new ControlServer(options);
  await server.start();
  t.after(() => server.stop());
  const run = (line: string, more: InsideOptions = {}) =>
    runInside(line.split(' '), { env: { SLUICE_SOCKET: socket }, now: NOW, ...more });
  return { gateway, log, run };
}

/** The three messages of the operators' reference. */
function sampleQueue() {
  const to = (local: string, domain = 'example.org') => ({
    address: { local, domain },
    parameters: {},
    last: { at: T0, text: '192.0.2.10:25: connection timed out' },
  });
  return [
    queued(C, {
      queuedAt: NOW - 28 * HOUR,
      sizeBytes: 4096,
      attempts: 0,
      reversePath: null,
      dest: 'kunde.example',
      recipients: [{ address: { local: 'dora', domain: 'kunde.example' }, parameters: {} }],
      hold: { by: 'root', at: T0, reason: 'by_hand', text: 'looks forged' },
    }),
    queued(A, {
      recipients: [to('anna'), to('carl'), to('dora')],
      attempts: 6,
      dueAt: NOW + 8 * 60_000 + 1,
    }),
    queued(B, {
      queuedAt: NOW - 2000,
      sizeBytes: 1_153_434,
      reversePath: { local: 'bob', domain: 'partner.example' },
      recipients: [{ address: { local: 'carl', domain: 'example.org' }, parameters: {} }],
      dueAt: NOW,
      active: true,
    }),
  ];
}

const TABLE = [
  'ID            STATE     AGE  NEXT  TRY  SIZE  FROM                 TO                     DEST           REASON',
  '4K7PA0ZZ31.2  hold     1d4h     -    0    4K  <>                   dora@kunde.example     kunde.example  held by root: looks forged',
  '4K7QZ2M9XT.1  deferred  3h12m   8m    6   12K  news@shop.example    anna@example.org (+2)  example.org    192.0.2.10:25: connection timed out',
  '4K7R0A11CD.1  active     2s   now    1  1.1M  bob@partner.example  carl@example.org       example.org    -',
];

/** Words of each line: how columns are padded is not the point here. */
const words = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s{2,}/));

test('the listing has the columns of the reference', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  const { code, out } = await run('queue list');
  assert.equal(code, 0);
  assert.deepEqual(words(out), words(TABLE.join('\n')));
  const [header = '', ...rows] = out.split('\n');
  const column = header.indexOf('FROM');
  assert.ok(
    rows.filter(Boolean).every((row) => row[column - 1] === ' '),
    'columns are aligned',
  );
});

test('a terminal gets lines of its width, colour and a footer; a pipe does not', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  const piped = (await run('queue list')).out;
  assert.doesNotMatch(piped, /\x1b|…|^--/m);
  const { out } = await run('queue list', { columns: 80, hasColour: true });
  const lines = out.trimEnd().split('\n');
  const bare = lines.map((line) => line.replace(/\x1b\[\d+m/g, ''));
  assert.ok(bare.every((line) => line.length <= 80));
  assert.match(lines[1] ?? '', /\x1b\[31mhold\x1b\[0m/);
  assert.match(bare[0] ?? '', / TO +REASON$/);
  assert.match(
    bare[2] ?? '',
    /anna@\S+ {2}192\.0\.2\.10:25: …ction timed out$/,
    'why it waits is seen',
  );
  assert.equal(bare.at(-1), '-- 3 messages, 1.1 MiB: 1 hold, 1 deferred, 1 active; oldest 1d4h');
});

test('columns can be chosen, the header left out, the rows limited', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  assert.equal((await run('queue list -H -o id,state -n 2')).out, `${C}  hold\n${A}  deferred\n`);
  const { code, err } = await run('queue list -o colour');
  assert.equal(code, 64);
  assert.match(err, /no column "colour"; there are ID, STATE/);
});

test('a state that there is not is refused wherever a state is given', async (t) => {
  const { run } = await running(t);
  for (const command of ['list', 'shape', 'export --all --to saved', 'delete']) {
    const { code, err } = await run(`queue ${command} --state waiting`);
    assert.equal(code, 64, command);
    assert.match(err, /'waiting' is invalid\. Allowed choices are active, deferred, hold/);
  }
});

test('what waits is counted by one thing: -s beside --by is refused', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  for (const by of ['dest', 'from']) {
    const { code, out, err } = await run(`queue shape -s --by ${by}`);
    assert.deepEqual([code, out], [64, '']);
    assert.match(err, /'-s' cannot be used with option '--by <what>'/);
  }
  assert.match((await run('queue shape -s')).out, /^@shop\.example /m);
  assert.match((await run('queue shape --by from')).out, /^@shop\.example /m);
  assert.match((await run('queue shape')).out, /^kunde\.example /m);
});

test('--json is one object a line with v and kind', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  const { out } = await run('queue list --json');
  const rows = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    rows.map(({ v, kind, id }) => [v, kind, id]),
    [C, A, B].map((id) => [1, 'message', id]),
  );
});

test('an empty queue is exit 1 and says nothing to scripts', async (t) => {
  const { run } = await running(t);
  assert.deepEqual(await run('queue list'), { code: 1, out: '', err: '' });
  assert.deepEqual(await run('queue list', { columns: 80 }), {
    code: 1,
    out: 'no messages\n',
    err: '',
  });
  assert.deepEqual(await run('queue count'), { code: 0, out: '0\n', err: '' });
});

test('filters choose', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  for (const [filter, expected] of [
    ['--from @shop.example', [A]],
    ['--from <>', [C]],
    ['--to carl@example.org', [A, B]],
    ['--older 1h', [C, A]],
    ['--younger 1h', [B]],
    ['--larger 1M', [B]],
    ['--state hold', [C]],
    ['--dest kunde.example', [C]],
    ['--reason TIMED.OUT', [A]],
    ['--reason ^held.*forged$', [C]],
    ['--state deferred --to dora@kunde.example', []],
  ] as const) {
    const { out, code } = await run(`queue list -H -o id ${filter}`);
    assert.deepEqual(out.split('\n').filter(Boolean), expected, filter);
    assert.equal(code, expected.length === 0 ? 1 : 0, filter);
  }
  for (const wrong of ['--older soon', '--larger big', '--reason (', '--state dead', '-n x']) {
    assert.equal((await run(`queue list ${wrong}`)).code, 64, wrong);
  }
});

test('explicit ids are done without a question', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  assert.deepEqual(await run(`queue hold ${A} --why odd`), {
    code: 0,
    out: `${A}  held\n`,
    err: '',
  });
  assert.equal(gateway.messages.find(({ entry }) => entry.id === A)?.entry.hold?.text, 'odd');
  assert.deepEqual((await run(`queue release ${A} 4K7QZ2M9XT.9`)).out.split('\n'), [
    `${A}  released`,
    '4K7QZ2M9XT.9  not found',
    '',
  ]);
  assert.deepEqual(await run('queue delete 4K7QZ2M9XT.9'), {
    code: 1,
    out: '4K7QZ2M9XT.9  not found\n',
    err: '',
  });
  assert.equal((await run(`queue retry ${B}`)).code, 2, 'busy: not done');
  assert.equal((await run('queue delete nonsense')).code, 64);
  const { out } = await run(`queue retry ${A} --json`);
  assert.deepEqual(JSON.parse(out), { v: 1, kind: 'result', id: A, result: 'retried' });
});

test('filters and ALL ask first, and without a person need --yes', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  const nobody = await run('queue delete --from @shop.example');
  assert.equal(nobody.code, 64);
  assert.match(nobody.err, /would delete 1 message; say --yes/);
  assert.equal((await run('queue delete ALL', { answer: 'n' })).code, 1);
  assert.equal(gateway.messages.length, 3);
  assert.equal((await run('queue delete --from @shop.example', { answer: 'y' })).code, 0);
  assert.equal(gateway.messages.length, 2);
  assert.equal((await run('queue delete all')).code, 64, 'ALL only in capitals');
  assert.equal((await run('queue delete')).code, 64);
  assert.equal((await run(`queue delete ${A} --from x@y.example`)).code, 64);
  assert.equal(gateway.messages.length, 2);
});

test('filters and ALL mean what the step fits; an id that does not fit is a failure', async (t) => {
  const { gateway, run } = await running(t);
  const fits = async (line: string) =>
    (await run(`queue ${line} --dry-run --json`)).out
      .split('\n')
      .filter(Boolean)
      .map((row) => (JSON.parse(row) as { id: string }).id);
  gateway.messages = sampleQueue();
  assert.deepEqual(await fits('release ALL'), [C]);
  assert.deepEqual(await fits('hold ALL'), [A, B]);
  assert.deepEqual(await fits('retry --older 1h'), [A]);
  assert.deepEqual(await fits('requeue ALL --to-host spare.example'), [A, B]);
  assert.deepEqual(await fits('requeue ALL --back'), []);
  assert.deepEqual(await fits('expire ALL'), [A, B], 'of what is held nobody may be told');
  assert.deepEqual(await fits('delete ALL'), [C, A, B]);
  gateway.outages['example.org'] = {
    kind: 'held',
    since: T0,
    text: 'by root',
    nextTryAt: undefined,
  };
  assert.deepEqual(await fits('retry ALL'), []);
  assert.match((await run('queue release ALL', { answer: 'n' })).err, /nothing was done/);
  const released = await run('queue release ALL --yes');
  assert.deepEqual([released.code, released.out], [0, `${C}  released\n`]);
  assert.deepEqual(await run('queue release ALL --yes'), { code: 1, out: '', err: '' });
  const named = await run(`queue release ${A} ${C}`);
  assert.deepEqual([named.code, named.out], [2, `${A}  not on hold\n${C}  not on hold\n`]);
  const partly = await run(`queue hold ${A} 4K7QZ2M9XT.9`);
  assert.deepEqual([partly.code, partly.out], [0, `${A}  held\n4K7QZ2M9XT.9  not found\n`]);
});

test('--dry-run shows what would be hit and touches nothing', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  const listed = await run('queue delete --state hold --dry-run');
  assert.match(listed.out, /^4K7PA0ZZ31\.2 /m);
  assert.doesNotMatch(listed.out, /4K7QZ2M9XT/);
  assert.equal(
    (await run(`queue delete ${A} 4K7QZ2M9XT.9 --dry-run`)).out,
    [`${A}  found\n`, '4K7QZ2M9XT.9  not found\n'].join(''),
  );
  assert.equal((await run('queue delete ALL --dry-run --json')).out.split('\n').length, 4);
  assert.equal(gateway.messages.length, 3);
});

test('mail is given to another host, never to this gateway', async (t) => {
  const { gateway, log, run } = await running(t);
  gateway.messages = sampleQueue();
  const loop = await run(`queue requeue ${A} --to-host 127.0.0.1:25`);
  assert.match(loop.err, /this gateway itself/);
  for (const words of ['', ' --to-host', ' --to-host h:x', ' --back --to-host spare.example'])
    assert.equal((await run(`queue requeue ${A}${words}`)).code, 64, words);
  assert.match((await run(`queue requeue ${A} --back`)).out, /not requeued before/);
  assert.match((await run(`queue requeue ${C} --to-host spare.example`)).out, /on hold/);
  const done = await run(`queue requeue ${A} --to-host [2001:db8::1] --why moved`);
  assert.deepEqual([done.code, done.out], [0, `${A}  requeued\n`]);
  const row = JSON.parse((await run(`queue show ${A} --json`)).out) as Record<string, unknown>;
  assert.deepEqual([row['dest'], row['via']], ['example.org', '[2001:db8::1]:25']);
  assert.equal(log.of('queue.requeue')[0]?.['via'], '[2001:db8::1]:25');
});

test('a lifetime is ended, but never of mail that filters have still to judge', async (t) => {
  const { gateway, run } = await running(t);
  const end = { address: '203.0.113.9', port: 25 };
  const session = {
    ...{ sid: '4K7PA0ZZ31', listener: 'mx', remote: end, local: end, openedAt: T0 },
    ...{ tls: undefined, login: undefined, hello: undefined },
  };
  const unjudged = {
    ...{ missing: ['clamav'], said: '[]', domain: 'example.org', session },
    ...{ received: '', ownBytes: 0, fields: '' },
  };
  const hold = { by: 'gateway', at: T0, reason: 'unjudged', text: 'not judged', unjudged } as const;
  gateway.messages = [
    queued(C, { senderProven: true, hold }),
    queued(A, { senderProven: true }),
    queued(B),
  ];
  const { code, out } = await run(`queue expire ${A} ${B} ${C}`);
  assert.deepEqual([code, out], [2, `${A}  expired\n${B}  held\n${C}  not judged yet\n`]);
  assert.deepEqual(gateway.messages.map(({ entry }) => entry.id).toSorted(), [C, B].toSorted());
  assert.equal((await run(`queue expire ${B}`)).code, 0, 'held is what an end comes to');
});

test('what the client declared with the envelope is shown with it', async (t) => {
  const { gateway, run } = await running(t);
  const address = { local: 'anna', domain: 'example.org' };
  const parameters = { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;a@b.example' } as const;
  gateway.messages = [
    queued(A, {
      parameters: { smtpUtf8: true, ret: 'FULL', envid: 'x+2By' },
      recipients: [{ address, parameters }],
    }),
  ];
  const { out } = await run(`queue show ${A} -e`);
  assert.match(out, /^from .*\n {13}SMTPUTF8 RET=FULL ENVID=x\+2By$/m);
  assert.match(out, /^to .*\n {13}NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b\.example$/m);
});

test('a message is shown escaped, raw only when asked', async (t) => {
  const { gateway, run } = await running(t);
  gateway.messages = sampleQueue();
  const { out } = await run(`queue show ${A}`);
  assert.match(out, /^from {9}news@shop\.example$/m);
  assert.match(out, /^state {8}deferred, 192\.0\.2\.10:25: connection timed out$/m);
  assert.match(out, /^X-Evil: \\x1b\[31mred$/m);
  assert.doesNotMatch(out, /body/);
  assert.equal((await run(`queue show ${A} -b`)).out, 'body\\x07\n');
  assert.equal((await run(`queue show ${A} -h`)).out, 'Subject: test\nX-Evil: \\x1b[31mred\n');
  assert.doesNotMatch((await run(`queue show ${A} -e`)).out, /Subject/);
  assert.equal((await run(`queue show ${A} --raw`)).out, gateway.content);
  assert.equal((JSON.parse((await run(`queue show ${A} --json`)).out) as { id: string }).id, A);
  assert.equal((await run('queue show 4K7QZ2M9XT.9')).code, 1);
  assert.deepEqual(await run('queue show nonsense'), {
    code: 1,
    out: '',
    err: 'sluice: "nonsense" is no message id\n',
  });
});

test('mailq is laid out as Postfix does it', async (t) => {
  const { gateway, run } = await running(t);
  assert.equal((await run('mailq')).out, 'Mail queue is empty\n');
  gateway.messages = sampleQueue();
  assert.equal(
    (await run('mailq')).out,
    `----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------
4K7PA0ZZ31.2!         4096 Mon Jun  1 05:54:40 MAILER-DAEMON
                                                  (held by root: looks forged)
                                               dora@kunde.example

4K7QZ2M9XT.1         12033 Tue Jun  2 06:42:40 news@shop.example
                                         (192.0.2.10:25: connection timed out)
                                               anna@example.org
                                               carl@example.org
                                               dora@example.org

4K7R0A11CD.1*      1153434 Tue Jun  2 09:54:38 bob@partner.example
                                               carl@example.org

-- 1142 Kbytes in 3 Requests.
`,
  );
  const [held] = (await run('mailq -j')).out.split('\n');
  assert.deepEqual(JSON.parse(held ?? ''), {
    queue_name: 'hold',
    queue_id: C,
    arrival_time: (NOW - 28 * HOUR) / 1000,
    message_size: 4096,
    forced_expire: false,
    sender: 'MAILER-DAEMON',
    recipients: [{ address: 'dora@kunde.example', delay_reason: 'held by root: looks forged' }],
  });
  assert.deepEqual(await run('mailq --json'), await run('queue list --json'));
  gateway.messages = [];
  assert.deepEqual(await run('mailq --json'), { code: 1, out: '', err: '' });
});

test('what a sender wrote cannot harm the terminal', async (t) => {
  const { gateway, run } = await running(t);
  const evil = 'a\x1b]0;x\x07\x9b31m\u202e';
  gateway.messages = [
    queued(A, {
      reversePath: { local: evil, domain: 'x.example' },
      recipients: [
        {
          address: { local: 'anna', domain: 'example.org' },
          parameters: {},
          last: { at: T0, text: evil },
        },
      ],
    }),
  ];
  for (const line of ['queue list', 'queue list --json', `queue show ${A}`, 'mailq', 'mailq -j']) {
    const { out } = await run(line);
    assert.doesNotMatch(out.replaceAll('\n', ''), /[\x00-\x1f\x7f-\x9f\u202e]/, line);
  }
});
