/** Customer domains as values: found by every name they have, with lists, hosts and policy groups. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { parseDomainFile } from '../../src/config/domain-file.ts';
import { createDirectory } from '../../src/directory/directory.ts';
import { currentKey, withSharedLimits } from '../../src/directory/destination-key.ts';
import type { Domain } from '../../src/directory/domain.ts';
import { recipientKey } from '../../src/directory/domain.ts';
import { readDomains } from '../../src/directory/load-domains.ts';
import { parseAddress } from '../../src/mail/address.ts';

/** A domain from the text of its file; `domain:` and `destination:` may be left out. */
async function domainOf(text: string, folder = '/none'): Promise<Domain> {
  const whole = [
    /^domain:/m.test(text) ? '' : 'domain: example.org\n',
    /^destination:/m.test(text) ? '' : 'destination: 192.0.2.10\n',
    text,
  ].join('');
  const { domainFile, problems } = parseDomainFile(join(folder, 'x.yaml'), whole, ['clamav']);
  assert.ok(domainFile, JSON.stringify(problems));
  const reading = await readDomains([domainFile], undefined);
  assert.deepEqual(reading.problems, []);
  const [domain] = reading.domains;
  assert.ok(domain);
  return domain;
}

test('a domain is found by name and alias in any case and any form', async () => {
  const directory = createDirectory([
    await domainOf('aliases: [example.com]\n'),
    await domainOf('domain: München.example\naliases: [xn--bcher-kva.example]\n'),
  ]);
  const names: readonly [string, string | undefined][] = [
    ['example.org', 'example.org'],
    ['EXAMPLE.Org', 'example.org'],
    ['example.org.', 'example.org'],
    ['Example.COM', 'example.org'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    ['MÜNCHEN.example', 'xn--mnchen-3ya.example'],
    ['XN--MNCHEN-3YA.example', 'xn--mnchen-3ya.example'],
    ['bücher.example', 'xn--mnchen-3ya.example'],
    ['sub.example.org', undefined],
    ['example.net', undefined],
    ['', undefined],
    ['[192.0.2.1]', undefined],
    ['constructor', undefined],
    ['\ud800.example', undefined],
  ];
  for (const [name, found] of names) assert.equal(directory.find(name)?.name, found, name);
});

test('settings that are left out have their defaults', async () => {
  const { policyGroup, outgoing, ...domain } = await domainOf('');
  assert.ok(policyGroup.startsWith('192.0.2.10:25 '));
  assert.deepEqual(domain, {
    name: 'example.org',
    lane: 'example.org',
    lanes: ['example.org'],
    aliases: [],
    destination: {
      key: '192.0.2.10:25',
      hosts: [{ host: '192.0.2.10', port: 25, priority: 0 }],
      tls: 'opportunistic',
      maxConnections: 20,
    },
    recipients: { kind: 'callout' },
    outage: 'defer',
    services: new Set(['relay', 'fallback', 'spam', 'virus']),
    spam: { tag: 5, quarantine: Infinity, reject: 10 },
    virus: 'reject',
    pluginOptions: {},
    caseSensitiveLocalParts: false,
    contact: undefined,
    reportLanguage: 'auto',
    queue: {},
    quota: { messages: Infinity, bytes: Infinity },
    signing: { domains: [], headers: [] },
    file: '/none/x.yaml',
  });
  const { enabled, accounts, nullSender, hidesClients, relayPerDay } = outgoing;
  assert.deepEqual(
    { enabled, accounts, nullSender, hidesClients, relayPerDay },
    { enabled: false, accounts: [], nullSender: 'accept', hidesClients: false, relayPerDay: 1000 },
  );
});

const DESTINATIONS: readonly [string, string][] = [
  ['192.0.2.10', '192.0.2.10:25'],
  ['Mail.Example.org:2525', 'mail.example.org:2525'],
  ["'[2001:DB8:0::1]'", '[2001:db8::1]:25'],
  ['{ hosts: [192.0.2.10] }', '192.0.2.10:25'],
  ['{ hosts: [192.0.2.1, 192.0.2.2] }', '192.0.2.1:25,192.0.2.2:25'],
  [
    '{ hosts: [{ host: b.example, priority: 5 }, { host: a.example, priority: 5 }, c.example] }',
    'a.example:25,b.example:25,c.example:25',
  ],
  [
    '{ hosts: [{ host: late.example, priority: 9 }, { host: first.example, priority: 1 }], tls: required, max_connections: 5 }',
    'first.example:25,late.example:25',
  ],
  ['{ hosts: [192.0.2.1], rate: 100/m }', '192.0.2.1:25'],
  [
    '{ hosts: [{ host: b.example, priority: 5, weight: 3 }, { host: a.example, priority: 5 }] }',
    'a.example:25,b.example:25',
  ],
];

test('a destination is what its hosts are, whatever its settings', async () => {
  for (const [text, key] of DESTINATIONS) {
    assert.equal((await domainOf(`destination: ${text}\n`)).destination.key, key);
  }
});

test('a key of old is read as that of the same hosts', () => {
  for (const [old, now] of [
    ['192.0.2.1:25', '192.0.2.1:25'],
    ['192.0.2.1:25 tls=required connections=5 rate=100/60s', '192.0.2.1:25'],
    [
      'late.example:25>[2001:db8::1]:25,b.example:2525*3 tls=off',
      '[2001:db8::1]:25,b.example:2525,late.example:25',
    ],
    ['mx:far.example', 'mx:far.example'],
    ['ldap://192.0.2.1:389 ou=a,o=b (mail={})', 'ldap://192.0.2.1:389 ou=a,o=b (mail={})'],
  ] as const) {
    assert.equal(currentKey(old), now);
    assert.equal(currentKey(now), now);
  }
});

test('a server that two domains name has the narrower of their limits, each its own TLS', async () => {
  const one = await domainOf('destination: { hosts: [192.0.2.1], rate: 100/m, tls: off }\n');
  const two = await domainOf(
    'destination: { hosts: [192.0.2.1], rate: 1/s, max_connections: 3 }\n',
  );
  const other = await domainOf('destination: 192.0.2.9\n');
  const shared = withSharedLimits([one, two, other]).map(({ destination }) => destination);
  assert.deepEqual(
    shared.map(({ maxConnections, rate, tls }) => [maxConnections, rate?.messages, tls]),
    [
      [3, 1, 'off'],
      [3, 1, 'opportunistic'],
      [20, undefined, 'opportunistic'],
    ],
  );
});

test('hosts without a priority are tried in the order they are written', async () => {
  const { destination } = await domainOf('destination: { hosts: [b.example, a.example:26] }\n');
  assert.deepEqual(destination.hosts, [
    { host: 'b.example', port: 25, priority: 0 },
    { host: 'a.example', port: 26, priority: 10 },
  ]);
});

test('two domains share a policy group exactly if destination and policy are equal', async () => {
  const groupOf = async (text: string) => (await domainOf(text)).policyGroup;
  const usual = await groupOf('');
  const same = [
    'domain: other.example\naliases: [b.example]\n',
    'recipients: any\ncontact: a@b.example\n',
    'services: [virus, spam, relay, fallback]\n',
    'destination: { hosts: [192.0.2.10] }\n',
    'spam: { reject: 10, tag: 5 }\n',
  ];
  const different = [
    'destination: 192.0.2.11\n',
    'destination: { hosts: [192.0.2.10], tls: required }\n',
    'services: [relay, spam]\n',
    'spam: { reject: 9 }\n',
    'virus: quarantine\n',
    'outage: hold\n',
    'clamav: { timeout: 5s }\n',
  ];
  for (const text of same) assert.equal(await groupOf(text), usual, text);
  const groups = await Promise.all(different.map(groupOf));
  assert.equal(new Set([usual, ...groups]).size, different.length + 1);
  assert.equal(
    await groupOf('clamav: { a: 1, b: { c: 2, d: 3 } }\n'),
    await groupOf('clamav: { b: { d: 3, c: 2 }, a: 1 }\n'),
  );
});

async function listed(domain: Domain, text: string): Promise<boolean> {
  const address = parseAddress(text);
  assert.ok(address.ok);
  assert.equal(domain.recipients.kind, 'list');
  if (domain.recipients.kind !== 'list') return false;
  return domain.recipients.addresses.has(
    recipientKey(address.value, domain.caseSensitiveLocalParts),
  );
}

test('a listed address is met without regard to case, and only that address', async () => {
  const domain = await domainOf(
    'aliases: [example.com]\nrecipients: { list: [Anna@example.org, bob@EXAMPLE.com] }\n',
  );
  assert.ok(await listed(domain, 'anna@Example.ORG'));
  assert.ok(await listed(domain, 'ANNA@example.org'));
  assert.ok(await listed(domain, 'bob@example.com'));
  assert.ok(!(await listed(domain, 'anna@example.com')));
  assert.ok(!(await listed(domain, 'carl@example.org')));
});

test('local parts may be told apart by case', async () => {
  const domain = await domainOf(
    'case_sensitive_local_parts: true\nrecipients: { list: [Anna@example.org] }\n',
  );
  assert.ok(await listed(domain, 'Anna@EXAMPLE.org'));
  assert.ok(!(await listed(domain, 'anna@example.org')));
});

test('an address of an international domain is met in both forms', async () => {
  const domain = await domainOf(
    'domain: münchen.example\nrecipients: { list: [anna@München.example] }\n',
  );
  assert.ok(await listed(domain, 'anna@münchen.example'));
  assert.ok(await listed(domain, 'anna@xn--mnchen-3ya.example'));
});

test('a list may be a file beside the domain file', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-list-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const lines = ['# staff', '', ' anna@example.org ', 'bob@example.org # new'];
  writeFileSync(join(folder, 'list.txt'), `\ufeff${lines.join('\r\n')}`);
  const domain = await domainOf('recipients: { file: list.txt }\n', folder);
  assert.ok(domain.recipients.kind === 'list');
  assert.deepEqual([...domain.recipients.addresses], ['anna@example.org', 'bob@example.org']);
});
