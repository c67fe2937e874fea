/**
 * SPF, DKIM, DMARC and ARC by the vectors of others, through the plugin's own questions and, where a
 * vector is a mail or an envelope, through the plugin as a whole. What differs is listed by name.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';
import type { DNSResolver } from 'mailauth';
import { dmarc } from 'mailauth';
import { questions } from '../../plugins/shared/mailauth-questions.ts';
import { CORPUS, corpusFiles, corpusMail, hasCorpus, wireForm } from '../support/corpus.ts';
import { NEVER } from '../support/filter-view.ts';
import { senderAuth } from '../support/sender-auth-rig.ts';
import type { VectorZones } from '../support/vector-dns.ts';
import { vectorDns, vectorZones } from '../support/vector-dns.ts';

const skip = !hasCorpus();
const MAIL = 'From: a@nowhere.invalid\r\n\r\nhello\r\n';

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(CORPUS, file), 'utf8')) as T; // the corpus has this shape
}

const NO_KEY = 'the keys of its seals are not in the corpus; without them a chain does not hold';

/** Why we say something else than a vector; docs/authentication.md has the same. */
const DIFFERENT: Readonly<Record<string, string>> = {
  '.example.com': 'no name begins with a dot; what is no name is not asked about in the DNS',
  'dkim-arc-mailauth/arc-pass.eml': NO_KEY,
  'dkim-arc-mailauth/authtest.eml': NO_KEY,
  'dkim-arc-mailauth/bimi.eml': NO_KEY,
  'ARC ALLOW CHECK': NO_KEY,
  'dkim-chasquid/07-algo_mismatch.msg':
    'RFC 6376 3.6.2.2: several key records of one name are undefined, so they prove nothing',
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

test('DKIM and ARC as another implementation sees them', { skip }, async () => {
  interface Oracle {
    readonly dkim: readonly { result: unknown }[];
    readonly arc?: readonly string[];
  }
  const oracle = Object.entries(read<Record<string, Oracle>>('dkim-arc-oracle.json'));
  const zonesOf = caseZones();
  const wrong: string[] = [];
  for (const [file, { dkim, arc = ['none'] }] of oracle) {
    const judge = await senderAuth(vectorDns(zonesOf(file)), { min_key_bits: 1024 });
    const { results } = await judge(corpusMail(file));
    const isPass = dkim.some(({ result }) => result === true);
    const wanted = { dkim: isPass, arc: arc[0] === 'pass' };
    const got = { dkim: results?.['dkim'] === 'pass', arc: results?.['arc'] === 'pass' };
    const isRight = got.dkim === wanted.dkim && got.arc === wanted.arc;
    if (!isRight && !(file in DIFFERENT)) {
      wrong.push(`${file}: ${JSON.stringify(results)}, not ${JSON.stringify(wanted)}`);
    }
  }
  assert.equal(oracle.length, 51);
  assert.deepEqual(wrong, []);
});

test('each signature as another implementation judged it', { skip }, async () => {
  const zonesOf = caseZones();
  const wrong: string[] = [];
  const files = corpusFiles('dkim-chasquid', /\.result$/);
  for (const result of files) {
    const { Found, Valid } = read<{ Found: number; Valid: number }>(result);
    const file = result.replace(/result$/, 'msg');
    const zones = zonesOf(file);
    const judge = await senderAuth(vectorDns(zones), { min_key_bits: 1024 });
    const { fields = [] } = await judge(corpusMail(file));
    const all = [...(fields[0]?.value ?? '').matchAll(/; dkim=(\w+)/g)].map(([, word]) => word);
    const passed = all.filter((word) => word === 'pass').length;
    const isRight = passed === Valid && all.length === Found;
    if (!isRight && !(file in DIFFERENT)) {
      wrong.push(`${file}: ${all.join(' ')}, not ${Valid} of ${Found}`);
    }
  }
  assert.equal(files.length, 9);
  assert.deepEqual(wrong, []);
});

test('signed mail without keys proves nothing, whatever it is', { skip }, async () => {
  const judge = await senderAuth(vectorDns({}));
  const files = ['dkim-spamassassin', 'dkim-dkimpy', 'dkim-chasquid', 'dkim-arc-mailauth'].flatMap(
    (set) => corpusFiles(set, /\.(?:msg|eml|message|mbox)$/),
  );
  for (const file of files) {
    const { kind, results, senderProven } = await judge(corpusMail(file), { from: 'a@x.example' });
    assert.notEqual(kind, 'refuse', file);
    assert.match(String(results?.['dkim']), /^(?:none|neutral|permerror|fail)$/, file);
    assert.match(String(results?.['arc']), /^(?:none|fail)$/, file);
    assert.equal(senderProven, false, file);
  }
  assert.equal(files.length, 48);
});

test('decisions of a filter about SPF and ARC', { skip }, async () => {
  const judge = await senderAuth(vectorDns(vectorZones('common/rspamd-plugins.json')));
  const mail = (name: string) => corpusMail(`dmarc-dkim-rspamd/${name}`);
  const client = { ip: '192.0.2.1', from: 'a@fail1.org.org.za' };
  const redirected = await judge(mail('dmarc/bad_dkim4.eml'), client);
  assert.equal(redirected.results?.['spf'], 'permerror', 'SPF PERMFAIL REDIRECT WITHOUT SPF');
  assert.equal((await judge(mail('arcbad.eml'))).results?.['arc'], 'fail', 'ARC BAD CHECK');
  assert.equal((await judge(mail('arcallow.eml'))).results?.['arc'], 'fail', NO_KEY);
});

test('the organisational domain by the public suffix list', { skip }, () => {
  interface Suffixes {
    getDomain(name: string, options: object): string | null;
  }
  // As the verifier asks it. DMARC itself walks the tree (RFC 9989 4.10) and needs no list.
  const own = createRequire(createRequire(import.meta.url).resolve('mailauth'));
  const suffixes = own('tldts') as Suffixes; // its interface
  const both = { allowIcannDomains: true, allowPrivateDomains: true };
  const { cases } = read<{ cases: { domain: string | null; registrable: string | null }[] }>(
    'psl-mozilla/psl-tests.json',
  );
  const wrong = cases.filter(({ domain, registrable }) => {
    const got = suffixes.getDomain(domain ?? '', both);
    return got !== registrable && !((domain ?? '') in DIFFERENT);
  });
  assert.deepEqual(wrong, []);
  assert.equal(cases.length, 39);
});

test('what differs from the vectors is told in docs/authentication.md', () => {
  const page = readFileSync(
    join(import.meta.dirname, '..', '..', 'docs', 'authentication.md'),
    'utf8',
  );
  for (const name of Object.keys(DIFFERENT)) assert.ok(page.includes(`\`${name}\``), name);
});

/** The records for each mail: those of all cases, and its own over them. */
function caseZones(): (file: string) => VectorZones {
  const all: Record<string, VectorZones[string]> = {};
  const own: Record<string, VectorZones> = {};
  for (const file of readdirSync(join(CORPUS, 'zones/cases')).sort()) {
    const records = vectorZones(`cases/${file}`);
    const [set, ...rest] = file.replace(/\.json$/, '').split('.');
    if (rest.length > 0) own[`${set}/${rest.join('.')}`] = records;
    else if (!file.includes('variant')) Object.assign(all, records);
  }
  const rspamd = vectorZones('common/rspamd-plugins.json');
  return (file) => {
    const base = file.replace(/\.[a-z]+$/, '').replace('dkim-arc-stalwart-real', 'dkim-stalwart');
    return { ...(file.startsWith('dmarc-dkim-rspamd/') ? rspamd : {}), ...all, ...own[base] };
  };
}
