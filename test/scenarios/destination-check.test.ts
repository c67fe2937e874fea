/** `sluice destination check`: good and bad destinations, told apart, with what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import type { Behaviour } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { Postfix, postfixMissing } from '../support/postfix.ts';
import { missing } from '../support/real-component.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const UNKNOWN = '550 5.1.1 no such user';
const knows = (...locals: string[]): Behaviour => ({
  rcpt: (to) => (locals.includes(to.split('@')[0] ?? '') ? '250 2.1.5 Ok' : UNKNOWN),
});

interface Checked {
  readonly code: number | null;
  readonly stderr: string;
  readonly verdict: (test: string) => string;
}

/** One gateway for all: each domain has a destination of its own. */
async function withDomains(
  destinations: Readonly<Record<string, { port: number; recipients?: string }>>,
  work: (
    check: (domain: string, ...more: string[]) => Promise<Checked>,
    cli: Gateway['cli'],
  ) => Promise<void>,
): Promise<void> {
  const domains = Object.entries(destinations).map(([name, { port, recipients = 'callout' }]) => [
    name,
    domainFile(port, { recipients }, name),
  ]);
  const gateway = await Gateway.run({ domains: Object.fromEntries(domains) });
  try {
    await work(
      async (domain, ...more) => {
        const { code, stdout, stderr } = await gateway.cli('destination', 'check', domain, ...more);
        const verdict = (test: string) =>
          new RegExp(`^(\\w+) +${test} .*$`, 'm').exec(stdout)?.[1] ??
          `no ${test} in: ${stdout}${stderr}`;
        return { code, stderr, verdict };
      },
      (...args) => gateway.cli(...args),
    );
  } finally {
    await gateway.remove();
  }
}

test('a destination that refuses unknown recipients is ready; another is told why not', async () => {
  const good = await new Destination(knows('anna', 'postmaster')).start();
  const all = await new Destination().start();
  const open = await new Destination().start();
  const later = await new Destination({
    rcpt: (to) => (to.startsWith('post') ? '250 2.1.5 Ok' : '450 4.1.1 maybe later'),
  }).start();
  const down = await new Destination().start();
  await down.stop();
  const tempted: string[] = [];
  const trap = await new Destination({
    ...knows('postmaster'),
    rcpt: (to) => {
      tempted.push(to);
      return tempted.filter((name) => !name.startsWith('post')).length > 9
        ? '421 4.7.0 too many errors'
        : UNKNOWN;
    },
  }).start();
  try {
    await withDomains(
      {
        'good.test': good,
        'all.test': all,
        'declared.test': { port: open.port, recipients: 'any' },
        'later.test': later,
        'down.test': down,
        'trap.test': trap,
      },
      async (check, cli) => {
        const ready = await check('good.test');
        assert.deepEqual(
          ['reach', 'fixed-ip', 'unknown-rcpt', 'accept-all', 'greylist', 'tarpit', 'tls'].map(
            ready.verdict,
          ),
          ['PASS', 'PASS', 'PASS', 'SKIP', 'PASS', 'PASS', 'WARN'],
        );
        assert.equal(ready.code, 1, 'plaintext is a warning');
        assert.equal(good.arrived.length, 0, 'no mail was sent');
        assert.equal((await check('good.test')).code, 75, 'not again within five minutes');

        const catchAll = await check('all.test', '--json');
        assert.equal(catchAll.code, 2);
        const list = await cli('destination', 'list');
        assert.match(list.stdout, /accepts_all/, 'what was found is known from now on');
        const declared = await check('declared.test');
        assert.deepEqual(
          [declared.code, declared.verdict('unknown-rcpt'), declared.verdict('accept-all')],
          [1, 'WARN', 'PASS'],
        );
        const late = await check('later.test');
        assert.deepEqual([late.code, late.verdict('unknown-rcpt')], [1, 'WARN']);
        const dead = await check('down.test');
        assert.deepEqual([dead.code, dead.verdict('reach')], [2, 'FAIL']);
        const trapped = await check('trap.test');
        assert.deepEqual([trapped.code, trapped.verdict('tarpit')], [2, 'FAIL']);
        assert.equal((await check('elsewhere.test')).code, 1);
        assert.equal((await check('good.test', '--rcpt', 'x@elsewhere.test')).code, 64);
        assert.equal((await check('good.test', '--send-tests')).code, 64);
      },
    );
  } finally {
    for (const one of [good, all, open, later, trap]) await one.stop();
  }
});

test('a destination that was down and is reached is probed at once, and gets what waits', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'queue: { probe: 1h }',
    domains: { 'example.org': domainFile(destination.port, { recipients: 'any' }) },
  });
  try {
    await destination.stop();
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], 'x\r\n');
    assert.match(reply, /^250 .* queued/);
    await gateway.event('dest.down');
    await destination.start();
    await gateway.cli('destination', 'check', 'example.org');
    await gateway.event('dest.up');
    await until('its mail has arrived', () => destination.arrived.length === 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('content that is refused is found with test mails, and only to the one who is named', async () => {
  const destination = await new Destination({
    ...knows('anna', 'postmaster'),
    final: ({ content }) => (content.includes('GTUBE') ? '554 5.7.1 spam' : '250 2.0.0 Ok: taken'),
  }).start();
  try {
    await withDomains({ 'example.org': destination }, async (check) => {
      const { code, verdict } = await check(
        'example.org',
        '--rcpt',
        'anna@example.org',
        '--send-tests',
      );
      assert.deepEqual([code, verdict('content')], [2, 'FAIL']);
      assert.equal(destination.arrived.length, 4);
      for (const { to } of destination.arrived) assert.deepEqual(to, ['anna@example.org']);
    });
  } finally {
    await destination.stop();
  }
});

test('a real Postfix that knows its recipients is ready, one that takes everybody is not', async (t) => {
  const lacks = postfixMissing();
  if (lacks !== undefined) return missing(t, lacks);
  const strict = await Postfix.start('strict.test', ['anna@strict.test', 'postmaster@strict.test']);
  const open = await Postfix.start('open.test');
  try {
    await withDomains({ 'strict.test': strict, 'open.test': open }, async (check) => {
      const good = await check('strict.test', '--rcpt', 'anna@strict.test');
      const tests = ['reach', 'unknown-rcpt', 'greylist', 'tarpit', 'ext'];
      assert.deepEqual(tests.map(good.verdict), ['PASS', 'PASS', 'PASS', 'PASS', 'PASS']);
      const bad = await check('open.test');
      assert.deepEqual(
        [bad.code, bad.verdict('unknown-rcpt'), bad.verdict('accept-all')],
        [2, 'FAIL', 'FAIL'],
      );
    });
  } finally {
    strict.stop();
    open.stop();
  }
});

test('each server of a split domain is examined, and test mails go where the recipient is', async () => {
  const first = await new Destination(knows('anna', 'postmaster')).start();
  const second = await new Destination(knows('bert', 'postmaster')).start();
  const split = `{ split: ['127.0.0.1:${first.port}', '127.0.0.1:${second.port}'] }`;
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(1, { destination: split, recipients: 'callout' }) },
  });
  try {
    const check = () => {
      const known = ['--rcpt', 'bert@example.org', '--send-tests'];
      return gateway.cli('destination', 'check', 'example.org', ...known);
    };
    const { code, stdout } = await check();
    const [before, ofFirst = '', ofSecond = ''] = stdout.split(/^server .*\n/m);
    assert.equal(before, '');
    assert.deepEqual(
      [...stdout.matchAll(/^server (.*)$/gm)].map(([, name]) => name),
      [`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`],
    );
    assert.match(ofFirst, /^PASS unknown-rcpt/m);
    assert.match(ofFirst, /^SKIP content +no mail was sent: <bert@example\.org>: 550/m);
    assert.match(ofSecond, /^PASS unknown-rcpt/m);
    assert.match(ofSecond, /^PASS content/m);
    assert.match(ofSecond, /^example\.org: READY/m);
    assert.equal(code, 1, 'plaintext is a warning');
    assert.deepEqual([first.arrived.length, second.arrived.length], [0, 5]);
    assert.equal((await check()).code, 75, 'not again within five minutes');
  } finally {
    await gateway.remove();
    await first.stop();
    await second.stop();
  }
});

test('one server of a split domain that is down is no verdict about both', async () => {
  const first = await new Destination(knows('postmaster')).start();
  const gone = await new Destination().start();
  await gone.stop();
  const split = `{ split: ['127.0.0.1:${first.port}', '127.0.0.1:${gone.port}'] }`;
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(1, { destination: split, recipients: 'callout' }) },
  });
  try {
    const { code, stdout } = await gateway.cli('destination', 'check', 'example.org');
    assert.match(stdout, /^PASS reach/m);
    assert.match(stdout, /^FAIL reach/m);
    assert.match(stdout, /^example\.org: NOT READY/m);
    assert.equal(code, 2);
  } finally {
    await gateway.remove();
    await first.stop();
  }
});
