/** When a record counts as there: seen with the right key, remembered, and not lost by one bad answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordWatch } from '../../src/dkim/record-watch.ts';
import type { WatchedKey } from '../../src/dkim/record-watch.ts';
import { recordText } from '../../src/dkim/record.ts';
import { makeKey, parseSigningKey } from '../../src/dkim/signing-key.ts';
import type { Lookup } from '../../src/dns/resolver.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const HOUR = 3600_000;

async function watched(selector: string): Promise<WatchedKey> {
  const parsed = parseSigningKey(await makeKey('ed25519'));
  assert.ok(parsed.ok);
  return { domain: 'example.org', selector, key: parsed.value };
}

const KEY = await watched('s1');
const RECORD: Lookup<string> = { kind: 'found', records: [recordText(KEY.key)] };
const UNSURE: Lookup<string> = { kind: 'unsure', text: 'no answer' };
const NONE: Lookup<string> = { kind: 'no-domain' };

function bench(keys: readonly WatchedKey[] = [KEY]) {
  const clock = new FakeClock();
  const log = new RecordedLog();
  const map = new MemoryTtlMap({ clock });
  const dns = { answer: NONE as Lookup<string>, asked: [] as string[] };
  const resolver = {
    txt: async (name: string) => {
      dns.asked.push(name);
      return dns.answer;
    },
  };
  const begin = async () => {
    const watch = new RecordWatch({ resolver, map, keys: () => keys, clock, log });
    await watch.start();
    await clock.advance(0);
    return watch;
  };
  return { clock, log, dns, begin };
}

test('nothing is signed before the record has been seen', async (t) => {
  const { clock, log, dns, begin } = bench();
  const watch = await begin();
  t.after(() => watch.stop());
  assert.equal(watch.isSeen(KEY), false);
  assert.deepEqual(dns.asked, ['s1._domainkey.example.org']);
  assert.equal(watch.state(KEY).state, 'waiting');
  assert.equal(watch.state(KEY).text, 'there is no record');
  const [missing] = log.of('dkim.missing');
  assert.equal(missing?.['text'], 'there is no record');
  dns.answer = RECORD;
  await clock.advance(60_000);
  assert.equal(watch.isSeen(KEY), true);
  assert.equal(log.of('dkim.seen').length, 1);
  const other = await watched('s1');
  assert.equal(watch.isSeen(other), false, 'another key under the same name');
});

test('who waits for long asks less and less often, and says each thing once', async (t) => {
  const { clock, log, dns, begin } = bench();
  const watch = await begin();
  t.after(() => watch.stop());
  await clock.advance(HOUR);
  const inFirst = dns.asked.length;
  assert.ok(inFirst > 5 && inFirst < 20, `${inFirst} questions`);
  await clock.advance(24 * HOUR);
  assert.ok(dns.asked.length - inFirst <= 49, `${dns.asked.length} questions`);
  assert.equal(log.of('dkim.missing').length, 1);
  dns.answer = { kind: 'found', records: ['v=DKIM1; k=ed25519; p=AAAA'] };
  watch.look();
  await clock.advance(0);
  assert.equal(log.of('dkim.missing').at(-1)?.['text'], 'has another key');
});

test('what was seen counts after a restart at once', async () => {
  const { clock, dns, begin } = bench();
  dns.answer = RECORD;
  const first = await begin();
  first.stop();
  dns.answer = UNSURE;
  const second = await begin();
  assert.equal(second.isSeen(KEY), true);
  await clock.advance(48 * HOUR);
  assert.equal(second.isSeen(KEY), true, 'a DNS without answers takes nothing back');
  second.stop();
});

test('a record that is gone for good ends the signing; one bad answer does not', async (t) => {
  const { clock, log, dns, begin } = bench();
  dns.answer = RECORD;
  const watch = await begin();
  t.after(() => watch.stop());
  dns.answer = NONE;
  await clock.advance(HOUR + 60_000);
  assert.equal(watch.isSeen(KEY), true);
  dns.answer = RECORD;
  await clock.advance(HOUR);
  dns.answer = NONE;
  await clock.advance(2 * HOUR);
  assert.equal(watch.isSeen(KEY), false);
  const [missing] = log.of('dkim.missing');
  assert.equal(missing?.['was_seen'], true);
  watch.stop();
  const next = await begin();
  assert.equal(next.isSeen(KEY), false, 'nor after a restart');
  next.stop();
});
