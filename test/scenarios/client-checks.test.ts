/** What a client says of itself and of the sender, held against the DNS by real packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import { FilteredClients } from '../support/filtered-clients.ts';
import type { ProxiedMail } from '../support/proxied-client.ts';

const rig = FilteredClients.of({
  dns: {
    '1.2.0.192.in-addr.arpa': { ptr: ['mail.good.test'] },
    'mail.good.test': { a: ['192.0.2.1'] },
    'good.test': { mx: ['10 mail.good.test'] },
    '2.2.0.192.in-addr.arpa': { ptr: ['mail.good.test'] },
    'nomail.test': { mx: ['0 .'] },
    'a-only.test': { a: ['192.0.2.7'] },
    'bare.test': { txt: ['neither mail server nor address'] },
    'mute.test': 'silence',
    'example.org': { txt: ['v=spf1 ip4:192.0.2.1 -all'] },
  },
  plugins: '[{ sender-auth: { dmarc: mark } }, { client-checks: { exempt: [192.0.2.9] } }]',
  domains: (port) => ({
    'example.org': domainFile(port),
    'strict.test': domainFile(
      port,
      { 'client-checks': '{ sender_hosted: reject, no_ptr: reject, null_mx: off }' },
      'strict.test',
    ),
  }),
});

const send = (mail: Partial<ProxiedMail>) =>
  rig.send({
    client: '192.0.2.1',
    helo: 'mail.good.test',
    from: 'a@good.test',
    ...mail,
  });
const tests = () => rig.field('X-Sluice-Tests');

const CASES: readonly [
  what: string,
  mail: Partial<ProxiedMail>,
  found: string | RegExp | undefined,
][] = [
  ['a client in order', {}, undefined],
  ['no name', { client: '192.0.2.3' }, 'NO_PTR'],
  ['a name of somebody else', { client: '192.0.2.2' }, 'PTR_MISMATCH'],
  ['HELO with a literal of somebody else', { helo: '[192.0.2.77]' }, 'HELO_LITERAL'],
  ['HELO with its own literal', { helo: '[192.0.2.1]' }, undefined],
  ['HELO with one word', { helo: 'desktop' }, 'HELO_NOT_FQDN'],
  ['HELO with a name nobody knows', { helo: 'mail.nowhere.test' }, 'HELO_UNKNOWN'],
  ['HELO with a name whose DNS is silent', { helo: 'mute.test' }, undefined],
  ['a sender with an address only', { from: 'a@a-only.test' }, undefined],
  ['a sender whose DNS is silent', { from: 'a@mute.test' }, undefined],
  ['the null sender', { from: '' }, undefined],
  [
    'a sender that does not exist',
    { from: 'a@nowhere.test' },
    /^550 5\.1\.8 .*nowhere\.test does not exist in the DNS \(dns\)/,
  ],
  [
    'a sender whose domain is there, with neither MX nor address',
    { from: 'a@bare.test' },
    /^550 5\.1\.8 .*bare\.test has neither MX nor address in the DNS \(dns\)/,
  ],
  [
    'a sender that takes no mail',
    { from: 'a@nomail.test' },
    /^550 5\.7\.27 .*nomail\.test.*\(dns\)/,
  ],
  ['a sender of ours, proven by SPF', { from: 'anna@example.org' }, undefined],
  [
    'a sender of ours, from anywhere',
    { from: 'anna@example.org', client: '192.0.2.2' },
    /^PTR_MISMATCH, SENDER_HOSTED$|^SENDER_HOSTED/,
  ],
  ['a client that is exempt', { client: '192.0.2.9', from: 'a@nowhere.test' }, undefined],
  [
    'a domain that takes it from whom takes none',
    { to: 'x@strict.test', from: 'a@nomail.test' },
    undefined,
  ],
  [
    'a domain that is strict',
    { to: 'x@strict.test', client: '192.0.2.3' },
    /^550 5\.7\.25 .*\(rdns\)/,
  ],
  [
    'postmaster takes mail from everybody',
    { to: 'postmaster@strict.test', client: '192.0.2.3' },
    undefined,
  ],
  [
    'a strict domain, a sender of ours',
    { to: 'x@strict.test', from: 'a@example.org', client: '192.0.2.2' },
    /^550 5\.7\.1 .*\(forged\)/,
  ],
];
for (const [what, mail, found] of CASES) {
  test(what, async () => {
    const reply = await send(mail);
    if (found instanceof RegExp && found.source.startsWith('^550')) {
      assert.match(reply, found);
      assert.equal(rig.destination.arrived.length, 0);
      return;
    }
    assert.match(reply, /^250 /);
    if (found instanceof RegExp) assert.match(tests() ?? '', found);
    else assert.equal(tests(), found);
  });
}
