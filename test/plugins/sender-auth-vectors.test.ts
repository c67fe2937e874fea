/**
 * SPF, DKIM, DMARC and ARC by the vectors of others, through the plugin's own questions and, where a
 * vector is a mail or an envelope, through the plugin as a whole. What differs is listed by name.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { DNSResolver } from 'mailauth';
import { dmarc } from 'mailauth';
import { questions } from '../../plugins/shared/mailauth-questions.ts';
import { CORPUS, corpusMail, hasCorpus, wireForm } from '../support/corpus.ts';
import { NEVER } from '../support/filter-view.ts';
import { senderAuth } from '../support/sender-auth-rig.ts';
import type { VectorZones } from '../support/vector-dns.ts';
import { vectorDns, vectorZones } from '../support/vector-dns.ts';

const skip = !hasCorpus();
const MAIL = 'From: a@nowhere.invalid\r\n\r\nhello\r\n';

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(CORPUS, file), 'utf8')) as T; // the corpus has this shape
}

/** Why we say something else than a vector. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'Should parse all common tags': 'RFC 9989 A.6 has no pct any more',
  'Should return false for headerFrom array with multiple elements':
    'RFC 9989 5.3.1: several authors of one domain have a policy',
  'does not inherit the org policy when the author domain publishes multiple records (§4.10 step 2)':
    'RFC 9989 4.10: several records are as none, and the walk goes on',
  'DMARC PCT ZERO REJECT': 'RFC 9989 A.6 has no pct any more',
  'DMARC SUBDOMAIN PASS DKIM RELAXED ALIGNMENT':
    'RFC 9989 4.10.2: the parent has no record, so the tree walk ends at the subdomain; RFC 7489 asked a list',
  'DMARC SUBDOMAIN PASS SPF RELAXED ALIGNMENT': 'RFC 9989 4.10.2, as the one before',
  ams_fields_c_na: 'RFC 6376 3.5: without c= it is simple, and this was signed with relaxed',
  'dkim-chasquid/11-strict_domain_check_fail.msg':
    'RFC 6376 3.6.1: the key has t=s, which the other implementation does not look at',
};

test('SPF by RFC 7208', { skip }, async () => {
  interface Scenario {
    readonly tests: Record<
      string,
      { helo: string; host: string; mailfrom: string; result: string | string[] }
    >;
  }
  const scenarios = read<Scenario[]>('spf-openspf-rfc7208/rfc7208-tests.shared.json');
  const files = readdirSync(join(CORPUS, 'zones/common/spf-rfc7208')).sort();
  const wrong: string[] = [];
  let count = 0;
  for (const [index, { tests }] of scenarios.entries()) {
    const judge = await senderAuth(
      vectorDns(vectorZones(`common/spf-rfc7208/${files[index] ?? ''}`)),
    );
    for (const [name, { helo, host, mailfrom, result }] of Object.entries(tests)) {
      count += 1;
      const { results } = await judge(MAIL, { ip: host, helo, from: mailfrom });
      const got = String(results?.['spf']);
      if (![result].flat().includes(got) && !(name in DIFFERENT)) {
        wrong.push(`${name}: ${got}, not ${String(result)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.equal(count, 109);
});

test('ARC chains', { skip }, async () => {
  interface Suite {
    readonly 'txt-records': Record<string, string>;
    readonly tests: Record<string, { message?: string; cv?: string }>;
  }
  const wrong: string[] = [];
  for (const suite of read<Suite[]>('arc-valimail/arc-validation.shared.json')) {
    const zones: VectorZones = Object.fromEntries(
      Object.entries(suite['txt-records']).map(([name, text]) => [name, { TXT: [text] }]),
    );
    const judge = await senderAuth(vectorDns(zones), { min_key_bits: 1024 });
    for (const [name, { message = '', cv = '' }] of Object.entries(suite.tests)) {
      const { results } = await judge(wireForm(Buffer.from(message, 'latin1')));
      const got = String(results?.['arc']);
      const isRight = got === (cv === '' ? 'fail' : cv.toLowerCase());
      if (!isRight && !(name in DIFFERENT)) wrong.push(`${name}: ${got}, not ${cv}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('DMARC by RFC 9989', { skip }, async () => {
  interface Vector {
    readonly name: string;
    readonly calls: readonly { input: Parameters<typeof dmarc>[0]; zone: VectorZones }[];
    readonly expect: readonly {
      subject: { call: number; path: string };
      op: string;
      value?: readonly unknown[];
    }[];
  }
  const wrong: string[] = [];
  for (const { name, calls, expect } of read<Vector[]>(
    'dmarc-mailauth-rfc9989/dmarc-vectors.json',
  )) {
    const answers: unknown[] = [];
    for (const { input, zone } of calls) {
      const { ask } = questions(vectorDns(zone), Infinity, NEVER);
      answers.push(await dmarc({ ...input, resolver: ask as DNSResolver, strict: true })); // as the plugin
    }
    for (const { subject, op, value = [] } of expect) {
      let got: unknown = answers[subject.call];
      for (const key of subject.path.split('.').filter(Boolean)) {
        got = typeof got === 'object' && got !== null ? Reflect.get(got, key) : undefined;
      }
      const [wanted] = value;
      const checks: Record<string, () => boolean> = {
        'to.equal': () => got === wanted,
        'to.be.true': () => got === true,
        'to.be.false': () => got === false,
        'to.be.undefined': () => got === undefined,
        'to.include': () => String(got).includes(String(wanted)),
        'to.not.have.property': () => !Object.hasOwn(Object(got) as object, String(wanted)),
      };
      const isRight = checks[op]?.() ?? false;
      if (!isRight && !(name in DIFFERENT)) {
        wrong.push(`${name}: ${subject.path} ${op} ${String(wanted)}, is ${String(got)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('DMARC decisions about whole mails', { skip }, async () => {
  interface Case {
    readonly case: string;
    readonly expect: readonly string[];
    readonly opts: readonly string[];
    readonly message: string;
  }
  const DECISIONS: Record<string, string> = {
    DMARC_POLICY_ALLOW: 'pass pass',
    DMARC_POLICY_SOFTFAIL: 'fail pass',
    DMARC_POLICY_QUARANTINE: 'fail quarantine',
    DMARC_POLICY_REJECT: 'fail refuse',
  };
  const judge = await senderAuth(vectorDns(vectorZones('common/rspamd-plugins.json')));
  const cases = read<Case[]>('dmarc-dkim-rspamd/expected.json').filter(
    ({ expect }) => DECISIONS[expect[0] ?? ''] !== undefined,
  );
  const wrong: string[] = [];
  for (const { case: name, expect, opts, message } of cases) {
    const told = (key: string) => opts.find((one) => one.startsWith(key))?.slice(key.length);
    const client = { ip: told('IP=') ?? '192.0.2.1', from: told('From=') ?? '' };
    const { kind, results } = await judge(corpusMail(`dmarc-dkim-rspamd/${message}`), client);
    const got = `${String(results?.['dmarc'])} ${kind}`;
    const wanted = DECISIONS[expect[0] ?? ''];
    if (got !== wanted && !(name in DIFFERENT)) wrong.push(`${name}: ${got}, not ${wanted}`);
  }
  assert.deepEqual(wrong, []);
  assert.equal(cases.length, 9);
});

test('DKIM as another implementation sees it', { skip }, async () => {
  interface Oracle {
    readonly dkim: readonly { result: unknown; key?: string }[];
  }
  const zones: Record<string, VectorZones[string]> = {};
  const own: Record<string, VectorZones> = {};
  for (const file of readdirSync(join(CORPUS, 'zones/cases')).sort()) {
    const records = vectorZones(`cases/${file}`);
    const [set, ...rest] = file.replace(/\.json$/, '').split('.');
    if (rest.length > 0) own[`${set}/${rest.join('.')}`] = records;
    else if (!file.includes('variant')) Object.assign(zones, records);
  }
  const oracle = Object.entries(read<Record<string, Oracle>>('dkim-arc-oracle.json'));
  const wrong: string[] = [];
  let count = 0;
  for (const [file, { dkim }] of oracle) {
    const base = file.replace(/\.[a-z]+$/, '').replace('dkim-arc-stalwart-real', 'dkim-stalwart');
    const records = { ...zones, ...own[base] };
    if (!dkim.some(({ key }) => key !== undefined && key in records)) continue;
    count += 1;
    const judge = await senderAuth(vectorDns(records), { min_key_bits: 1024 });
    const { results } = await judge(corpusMail(file));
    const isPass = dkim.some(({ result }) => result === true);
    if ((results?.['dkim'] === 'pass') !== isPass && !(file in DIFFERENT)) {
      wrong.push(`${file}: ${String(results?.['dkim'])}, not ${String(isPass)}`);
    }
  }
  assert.ok(count > 10, String(count));
  assert.deepEqual(wrong, []);
});
