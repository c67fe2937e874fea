/**
 * Running hooks: what a plugin does wrong becomes its `on_error` and never a pass by accident; what
 * several say becomes one verdict.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { Verdict } from '../../src/mail/verdict.ts';
import { AddressBook } from '../../src/plugin-host/address-book.ts';
import { GatheredEvidence } from '../../src/plugin-host/gathered-evidence.ts';
import { LoadedPlugin } from '../../src/plugin-host/loaded-plugin.ts';
import { PluginHost } from '../../src/plugin-host/run-hooks.ts';
import type { Hooks, Plugin, PluginParts } from '../../src/plugin.ts';
import { ANY_DOMAIN, filterView, NEVER } from '../support/filter-view.ts';
import { memoryBooks } from '../support/memory-books.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tableDns } from '../support/table-dns.ts';
import { until } from '../support/until.ts';

const VIEW = filterView(Buffer.from('Subject: x\r\n\r\n'));
const REFUSE: Verdict = { kind: 'refuse', reason: 'policy', text: 'No' };

type Given = Partial<Plugin> & { parts?: Partial<PluginParts>; raw?: Record<string, unknown> };

async function hostOf(...given: readonly Given[]): Promise<{ host: PluginHost; log: RecordedLog }> {
  const log = new RecordedLog();
  const plugins: LoadedPlugin[] = [];
  for (const [index, { parts, raw, ...plugin }] of given.entries()) {
    const whole: Plugin = {
      name: `p${index}`,
      ...plugin,
      ...(parts === undefined ? {} : { setup: () => ({ hooks: plugin.hooks ?? {}, ...parts }) }),
    };
    const book = new AddressBook(systemClock);
    const api = {
      hostname: 'mx.example',
      dns: tableDns(),
      now: () => systemClock.now(),
      log: () => undefined,
      firstAnswer: book.firstAnswer.bind(book),
      book: memoryBooks(systemClock).of('p'),
      entries: () => [],
    };
    const made = await LoadedPlugin.make({ plugin: whole, file: '' }, raw ?? {}, api, systemClock);
    assert.ok(made instanceof LoadedPlugin, JSON.stringify(made));
    plugins.push(made);
  }
  return { host: new PluginHost(plugins, systemClock, log), log };
}

/** A hook that returns what is no verdict, as plain JavaScript may. */
function returning(value: unknown): NonNullable<Hooks['content']> {
  return () => value as Verdict; // what no compiler has looked at
}

const MISBEHAVIOUR: readonly [what: string, hook: NonNullable<Hooks['content']>, err: RegExp][] = [
  [
    'throws',
    () => {
      throw new Error('broken');
    },
    /broken/,
  ],
  [
    'rejects',
    async () => {
      throw new Error('broken');
    },
    /broken/,
  ],
  ['throws what is no error', () => Promise.reject('word' as unknown as Error), /word/],
  ['hangs', () => new Promise(() => undefined), /no answer within 30 ms/],
  [
    'answers too late',
    async () => {
      await systemClock.sleep(250); // far enough behind the deadline for a busy machine
      return { kind: 'pass' };
    },
    /no answer/,
  ],
  ['returns nonsense', returning({ kind: 'fine' }), /bad verdict/],
  ['returns true', returning(true), /bad verdict/],
];

for (const [what, content, err] of MISBEHAVIOUR) {
  test(`a scanner that ${what} defers as scanner_down`, async () => {
    const { host, log } = await hostOf({
      service: 'virus',
      hooks: { content },
      raw: { timeout: '30ms' },
    });
    const { verdict } = await host.content(VIEW, ANY_DOMAIN, NEVER);
    assert.equal(verdict.kind, 'defer');
    assert.equal(verdict.kind === 'defer' && verdict.reason, 'scanner_down');
    const [logged] = log.of('scan.error');
    assert.match(String(logged?.['err']), err);
    assert.equal(logged?.['then'], 'defer');
    assert.equal(logged?.['id'], 'S.1');
  });

  test(`a scanner that ${what} and shall be forgiven passes with a mark`, async () => {
    const raw = { timeout: '30ms', on_error: 'accept' };
    const { host } = await hostOf({ name: 'scan', service: 'virus', hooks: { content }, raw });
    const { verdict } = await host.content(VIEW, ANY_DOMAIN, NEVER);
    assert.equal(verdict.kind, 'pass');
    assert.deepEqual(verdict.fields, [{ name: 'X-Sluice-Unchecked', value: 'scan' }]);
    assert.deepEqual(verdict.results, { scan: 'unchecked' });
  });

  test(`a plugin that ${what} before the content follows its on_error too`, async () => {
    const hooks: Hooks = { mail: () => content({ ...VIEW, options: {} }, NEVER) };
    const { host, log } = await hostOf({ hooks, raw: { timeout: '30ms', on_error: 'reject' } });
    const verdict = await host.mail(VIEW, new GatheredEvidence(), NEVER);
    assert.equal(verdict.kind, 'refuse');
    assert.equal(verdict.kind === 'refuse' && verdict.reason, 'plugin:p0');
    const events = [...log.of('plugin.error'), ...log.of('plugin.timeout')];
    assert.match(String(events[0]?.['err']), err);
  });
}

test('content hooks run side by side and their findings add up', async () => {
  const meeting = Promise.withResolvers<void>();
  const { host } = await hostOf(
    {
      hooks: {
        content: async () => {
          await meeting.promise; // would hang if the other had to wait for this one
          return { kind: 'pass', score: 2, tests: ['A'], results: { a: 1 } };
        },
      },
    },
    {
      hooks: {
        content: () => {
          meeting.resolve();
          return { kind: 'pass', score: 3.5, tests: ['B'], results: { b: 2 } };
        },
      },
    },
  );
  const { verdict } = await host.content(VIEW, ANY_DOMAIN, NEVER);
  assert.equal(verdict.score, 5.5);
  assert.deepEqual(verdict.tests, ['A', 'B']);
  assert.deepEqual(verdict.results, { a: 1, b: 2 });
});

test('a refusal of the content ends the other filters', async () => {
  let ended = false;
  const { host, log } = await hostOf(
    {
      hooks: {
        content: (_view, signal) =>
          new Promise(() =>
            signal.addEventListener('abort', () => {
              ended = true;
            }),
          ),
      },
    },
    { hooks: { content: () => REFUSE } },
  );
  assert.equal((await host.content(VIEW, ANY_DOMAIN, NEVER)).verdict.kind, 'refuse');
  assert.ok(ended);
  assert.deepEqual(log.of('plugin.error'), []);
});

test('a refusal that a proof may overrule does not keep others from finding the proof', async () => {
  const { host } = await hostOf(
    { service: 'spam', hooks: { content: () => REFUSE } },
    {
      hooks: {
        content: async () => {
          await systemClock.sleep(20);
          return { kind: 'pass', senderProven: true };
        },
      },
    },
  );
  const evidence = new GatheredEvidence();
  const verdict: Verdict = { kind: 'pass', spamExempt: 'if-proven' };
  evidence.add({ stage: 'rcpt', plugin: 'lists', service: undefined, verdict });
  assert.equal((await host.content(VIEW, ANY_DOMAIN, NEVER, evidence)).verdict.kind, 'pass');
  assert.equal((await host.content(VIEW, ANY_DOMAIN, NEVER)).verdict.kind, 'refuse');
});

test('a deferral does not end the others, for one of them may refuse', async () => {
  const { host } = await hostOf(
    { service: 'virus', hooks: { content: () => Promise.reject(new Error('down')) } },
    {
      hooks: {
        content: async () => {
          await systemClock.sleep(5);
          return REFUSE;
        },
      },
    },
  );
  assert.equal((await host.content(VIEW, ANY_DOMAIN, NEVER)).verdict.kind, 'refuse');
});

test('before the content hooks run in order until one refuses or defers', async () => {
  const ran: string[] = [];
  const say = (name: string, verdict?: Verdict): Given => ({
    hooks: {
      mail: async () => {
        ran.push(name);
        return verdict;
      },
    },
  });
  const { host } = await hostOf(
    say('first', { kind: 'pass', results: { a: 1 } }),
    say('second', { ...REFUSE, kind: 'defer' }),
    say('third', REFUSE),
  );
  const verdict = await host.mail(VIEW, new GatheredEvidence(), NEVER);
  assert.equal(verdict.kind, 'defer');
  assert.deepEqual(ran, ['first', 'second']);
  assert.deepEqual(verdict.results, { a: 1 });
});

test('a filter whose service the domain lacks does not run', async () => {
  const { host } = await hostOf(
    { service: 'spam', hooks: { content: () => REFUSE } },
    { service: 'virus', hooks: { content: () => ({ kind: 'pass', results: { ran: true } }) } },
  );
  const domain = { services: new Set(['virus']), pluginOptions: {} };
  const { verdict } = await host.content(VIEW, domain, NEVER);
  assert.equal(verdict.kind, 'pass');
  assert.deepEqual(verdict.results, { ran: true });
});

test('a domain overrides options, and wrong overrides are told before and never obeyed', async () => {
  const { host } = await hostOf({
    name: 'own',
    options: { word: { type: 'string', default: 'base', doc: '' } },
    hooks: {
      content: ({ options: { word } }) => ({
        kind: 'pass',
        results: { word: typeof word === 'string' ? word : 'none' },
      }),
    },
  });
  const wordFor = async (pluginOptions: Record<string, Record<string, unknown>>) => {
    const { verdict } = await host.content(VIEW, { ...ANY_DOMAIN, pluginOptions }, NEVER);
    return verdict.kind === 'pass' ? verdict.results?.['word'] : verdict.kind;
  };
  assert.equal(await wordFor({}), 'base');
  assert.equal(await wordFor({ own: { word: 'other' } }), 'other');
  assert.equal(await wordFor({ own: { wrod: 'x' } }), 'defer');
  assert.deepEqual(host.checkOverrides({ own: { word: 'other' }, unknown: { x: 1 } }), []);
  const problems = host.checkOverrides({ own: { wrod: 'x', max_concurrent: 2 } });
  assert.deepEqual(
    problems.map(({ path }) => path),
    [
      ['own', 'wrod'],
      ['own', 'max_concurrent'],
    ],
  );
});

test('max_concurrent bounds the content hooks of one plugin', async () => {
  let running = 0;
  let most = 0;
  const content = async (): Promise<undefined> => {
    running += 1;
    most = Math.max(most, running);
    await systemClock.sleep(1);
    running -= 1;
  };
  const { host } = await hostOf({ hooks: { content }, raw: { max_concurrent: 3 } });
  const all = Array.from({ length: 12 }, () => host.content(VIEW, ANY_DOMAIN, NEVER));
  for (const { verdict } of await Promise.all(all)) assert.equal(verdict.kind, 'pass');
  assert.equal(most, 3);
});

test('who waits for a turn longer than the timeout gets on_error', async () => {
  const content = () => new Promise<undefined>(() => undefined);
  const raw = { max_concurrent: 1, timeout: '40ms' };
  const { host, log } = await hostOf({ service: 'spam', hooks: { content }, raw });
  const verdicts = await Promise.all([1, 2, 3, 4].map(() => host.content(VIEW, ANY_DOMAIN, NEVER)));
  assert.ok(verdicts.every(({ verdict }) => verdict.kind === 'defer'));
  assert.equal(log.of('scan.error').length, 4);
});

test('a client that leaves ends the hooks, silently, and nothing passes', async () => {
  const leaving = new AbortController();
  let ended = false;
  const content: Hooks['content'] = (_view, signal) =>
    new Promise(() =>
      signal.addEventListener('abort', () => {
        ended = true;
      }),
    );
  const { host, log } = await hostOf({
    service: 'spam',
    hooks: { content },
    raw: { on_error: 'accept' },
  });
  const verdict = host.content(VIEW, ANY_DOMAIN, leaving.signal);
  await until('the hook runs', () => host.has('content'));
  leaving.abort(new Error('client left'));
  assert.equal((await verdict).verdict.kind, 'defer');
  assert.ok(ended);
  assert.deepEqual(log.of('scan.error'), []);
});

test('has says which stages have hooks at all', async () => {
  const { host } = await hostOf({ hooks: { rcpt: () => undefined } });
  assert.ok(host.has('rcpt'));
  assert.ok(!host.has('content'));
  assert.equal((await host.content(VIEW, ANY_DOMAIN, NEVER)).verdict.kind, 'pass');
});

test('what is only told has no effect, whatever the plugin does', async () => {
  const told: string[] = [];
  const { host, log } = await hostOf(
    {
      hooks: {
        accepted: () => {
          throw new Error('broken');
        },
      },
    },
    {
      hooks: {
        accepted: (view) => {
          told.push(view.id);
        },
      },
    },
  );
  await host.happened('accepted', { ...VIEW, text: '' }, NEVER);
  assert.deepEqual(told, ['S.1']);
  assert.match(String(log.of('plugin.error')[0]?.['err']), /broken/);
});

test('probes tell the state, and the log hears of changes only', async () => {
  let isUp = false;
  const probe = async () => {
    if (!isUp) throw new Error('refused');
    return { state: 'ok', text: 'v1' } as const;
  };
  const { host, log } = await hostOf({
    name: 'scan',
    hooks: { data: () => undefined },
    parts: { probe },
  });
  assert.deepEqual(await host.probes(NEVER), [{ name: 'scan', state: 'down', text: 'refused' }]);
  await host.probes(NEVER);
  isUp = true;
  assert.deepEqual(await host.probes(NEVER), [{ name: 'scan', state: 'ok', text: 'v1' }]);
  await host.probes(NEVER);
  assert.deepEqual(
    log.events.map(({ evt }) => evt),
    ['scanner.down', 'scanner.up'],
  );
});

test('stop reaches every plugin, even behind one that throws', async () => {
  const stopped: string[] = [];
  const hooks: Hooks = { data: () => undefined };
  const { host } = await hostOf(
    {
      hooks,
      parts: {
        stop: () => {
          throw new Error('stuck');
        },
      },
    },
    {
      hooks,
      parts: {
        stop: () => {
          stopped.push('second');
        },
      },
    },
  );
  await host.stop();
  assert.deepEqual(stopped, ['second']);
});
