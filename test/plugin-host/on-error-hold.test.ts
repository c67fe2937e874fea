/** `on_error: hold`: who has not judged a message is asked again, and only he; nothing is lost meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { Verdict } from '../../src/mail/verdict.ts';
import { evidenceOf, unjudgedOf } from '../../src/pipeline/unjudged-mail.ts';
import { GatheredEvidence } from '../../src/plugin-host/gathered-evidence.ts';
import { LoadedPlugin } from '../../src/plugin-host/loaded-plugin.ts';
import { PluginHost } from '../../src/plugin-host/run-hooks.ts';
import type { Hooks } from '../../src/plugin.ts';
import { ANY_DOMAIN, filterView, NEVER } from '../support/filter-view.ts';
import { memoryBooks } from '../support/memory-books.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tableDns } from '../support/table-dns.ts';

const VIEW = filterView(Buffer.from('Subject: x\r\n\r\n'));
const AGAINST = { kind: 'refuse', reason: 'spam', text: 'Not proven' } as const;

async function loaded(name: string, hooks: Hooks) {
  const api = {
    hostname: 'mx.example',
    dns: tableDns(),
    now: () => systemClock.now(),
    log: () => undefined,
    firstAnswer: () => Promise.reject(new Error('nobody is asked')),
    book: memoryBooks(systemClock).of(name),
    entries: () => [],
  };
  const raw = { on_error: 'hold' };
  const made = await LoadedPlugin.make(
    { plugin: { name, hooks }, file: '' },
    raw,
    api,
    systemClock,
  );
  assert.ok(made instanceof LoadedPlugin);
  return made;
}

test('what others said is kept and counts with what the missing one says later', async () => {
  let isUp = false;
  let asked = 0;
  const scanner = await loaded('scanner', {
    content: () => {
      if (!isUp) throw new Error('is down');
      return { kind: 'pass', score: 2, fields: [{ name: 'X-Scanned', value: 'yes' }] };
    },
  });
  const other = await loaded('other', {
    content: () => {
      asked += 1;
      return { kind: 'pass', score: 3, tests: ['OTHER'], unlessProven: AGAINST };
    },
  });
  const log = new RecordedLog();
  const host = new PluginHost([scanner, other], systemClock, log);
  const early = new GatheredEvidence();
  const said: Verdict = { kind: 'pass', score: 1, tests: ['EARLY'] };
  early.add({ stage: 'connect', plugin: 'other', service: undefined, verdict: said });

  const first = await host.content(VIEW, ANY_DOMAIN, NEVER, early);
  assert.deepEqual(first.missing, ['scanner']);
  assert.equal(first.verdict.kind, 'pass', 'the missing one may be who proves the sender');
  assert.deepEqual(first.verdict.fields, [{ name: 'X-Sluice-Unchecked', value: 'scanner' }]);
  assert.equal(log.of('plugin.error')[0]?.['then'], 'hold');

  const mail = { domain: 'a.test', session: VIEW.session, account: undefined };
  const rest = { identity: undefined, received: '', ownBytes: 0, fields: '', isUnverified: false };
  const kept = unjudgedOf(first, { ...mail, ...rest });
  isUp = true;
  const second = await host.content(VIEW, ANY_DOMAIN, NEVER, evidenceOf(kept), kept.missing);
  assert.deepEqual(second.missing, []);
  assert.equal(second.verdict.score, 6);
  assert.equal(second.verdict.kind, 'refuse', 'nobody has proven the sender');
  assert.deepEqual(second.verdict.fields, [{ name: 'X-Scanned', value: 'yes' }]);
  assert.equal(asked, 1, 'who has judged is not asked again');
});

test('before the content it puts mail off, and who is refused by others hears it', async () => {
  const down = () => {
    throw new Error('is down');
  };
  const early = new PluginHost([await loaded('p', { mail: down })], systemClock, new RecordedLog());
  assert.equal((await early.mail(VIEW, new GatheredEvidence(), NEVER)).kind, 'defer');
  const both = [
    await loaded('down', { content: down }),
    await loaded('says-no', { content: () => AGAINST }),
  ];
  const host = new PluginHost(both, systemClock, new RecordedLog());
  assert.equal((await host.content(VIEW, ANY_DOMAIN, NEVER)).verdict.kind, 'refuse');
});
