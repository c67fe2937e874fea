/** Entries of the block and allow lists: what they match, until when, and which of several wins. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkOptions } from '../../src/plugin-host/options.ts';
import type { RawOptions } from '../../src/plugin-host/options.ts';
import lists from '../../plugins/lists.ts';
import { known } from '../../plugins/lists/entries.ts';
import type { Asked, Entry } from '../../plugins/lists/entries.ts';
import { find, levelsOf, levelsOfAdded } from '../../plugins/lists/levels.ts';

const ASKED: Asked = {
  client: '192.0.2.7',
  sender: { local: 'Bob', domain: 'Mail.Sender.test' },
  recipient: { local: 'anna', domain: 'example.org' },
  domain: 'example.org',
  now: Date.parse('2026-11-26T12:00:00Z'),
};

function entry(who: string, more: Partial<Entry> = {}): Entry {
  return { who, only_for: undefined, until: undefined, note: undefined, ...more };
}

const MATCHES: [string, boolean][] = [
  ['192.0.2.0/24', true],
  ['192.0.2.7', true],
  ['192.0.2.8', false],
  ['192.0.3.0/24', false],
  ['2001:db8::/32', false],
  ['sender.test', true],
  ['mail.sender.test', true],
  ['ender.test', false],
  ['other.test', false],
  ['bob@mail.sender.test', true],
  ['bob@sender.test', false],
  ['ob@mail.sender.test', false],
];
for (const [who, is] of MATCHES) {
  test(`an entry for ${who} is ${is ? '' : 'not '}about bob@mail.sender.test from 192.0.2.7`, () => {
    assert.equal(known(entry(who)).matches(ASKED), is);
  });
}

test('mail without a sender is known by its client alone', () => {
  const bounce = { ...ASKED, sender: null, client: '2001:db8::7' };
  assert.equal(known(entry('sender.test')).matches(bounce), false);
  assert.equal(known(entry('2001:db8::/32')).matches(bounce), true);
});

test('an entry is in force to the end of its last day', () => {
  const until = (day: string) => known(entry('sender.test', { until: day })).matches(ASKED);
  assert.deepEqual(['2026-11-25', '2026-11-26', '2027-01-01'].map(until), [false, true, true]);
});

test('mailbox before domain before operator, and a block before an allowance', () => {
  const all = entry('sender.test');
  const mine = entry('sender.test', { only_for: ['ANNA@example.org'] });
  const found = (
    operator: Partial<Record<'block' | 'allow', Entry[]>>,
    own: Partial<Record<'block' | 'allow', Entry[]>>,
  ) => {
    const none = { block: undefined, allow: undefined };
    return find(ASKED, levelsOf({ ...none, ...operator }, { ...none, ...operator, ...own }))?.list;
  };
  assert.equal(found({ block: [all] }, {}), 'block');
  assert.equal(found({ block: [all], allow: [all] }, {}), 'block');
  const domain = entry('mail.sender.test');
  assert.equal(found({ block: [all] }, { allow: [domain] }), 'allow');
  assert.equal(found({ block: [all] }, { block: [entry('x.test')] }), 'block');
  assert.equal(found({ block: [all] }, { allow: [domain], block: [mine] }), 'block');
  assert.equal(found({ block: [all, domain] }, { allow: [mine] }), 'allow');
  const others = entry('sender.test', { only_for: ['eva@example.org'] });
  assert.equal(found({ allow: [others] }, {}), undefined);
});

test('what was added by command stands on the level that it was added for', () => {
  const bare = { unproven: false, until: undefined, note: undefined, who: 'sender.test' };
  const none = { block: undefined, allow: undefined };
  const found = (
    list: 'block' | 'allow',
    { domain, mailbox }: { domain?: string; mailbox?: string },
    files: Partial<typeof none | Record<'block' | 'allow', Entry[]>>,
  ) => {
    const added = levelsOfAdded([{ ...bare, list, domain, only_for: mailbox }]);
    return find(ASKED, levelsOf({ ...none, ...files }, { ...none, ...files }), added)?.list;
  };
  const all = entry('sender.test');
  assert.equal(found('block', {}, {}), 'block');
  assert.equal(found('allow', {}, { block: [all] }), 'block');
  assert.equal(found('block', {}, { allow: [all] }), 'block');
  assert.equal(found('allow', { domain: 'example.org' }, { block: [all] }), 'allow');
  assert.equal(found('allow', { domain: 'other.test' }, { block: [all] }), 'block');
  const mine = entry('sender.test', { only_for: ['anna@example.org'] });
  assert.equal(found('block', { domain: 'example.org' }, { allow: [mine] }), 'allow');
  assert.equal(found('allow', { mailbox: 'Anna@example.org' }, { block: [all] }), 'allow');
  assert.equal(found('block', { mailbox: 'eva@example.org' }, {}), undefined);
});

const ODD: [string, RawOptions][] = [
  ['a number out of range', { block: [{ who: '192.0.2.256' }] }],
  ['a network that is too narrow', { block: [{ who: '192.0.2.0/33' }] }],
  ['two gaps', { block: [{ who: '2001::1::2' }] }],
  ['nine groups', { block: [{ who: '1:2:3:4:5:6:7:8:9' }] }],
  ['eight groups and a gap', { block: [{ who: '1:2:3:4::5:6:7:8' }] }],
  ['a bare word', { block: [{ who: 'sender' }] }],
  ['a month too many', { allow: [{ who: 'sender.test', until: '2026-13-01' }] }],
  ['a recipient that is a domain', { allow: [{ who: 'sender.test', only_for: 'example.org' }] }],
  ['nobody', { block: [{ note: 'who?' }] }],
  ['proof for a block', { block: [{ who: 'sender.test', unproven: true }] }],
];
for (const [what, options] of ODD) {
  test(`an entry with ${what} is a problem of the configuration`, () => {
    assert.notDeepEqual(checkOptions(lists.options, options).problems, []);
  });
}

test('every kind of address and name is taken, and a network it is', () => {
  for (const who of [
    '::1',
    '2001:db8::',
    '2001:db8::/32',
    '::/0',
    '1:2:3:4:5:6:7:8',
    '10.0.0.0/8',
  ]) {
    assert.deepEqual(checkOptions(lists.options, { block: [{ who }] }).problems, [], who);
    assert.ok(known(entry(who)).isNetwork, who);
  }
  for (const who of ['bücher.example', 'a.b.example', "o'neil+x@mail.example"]) {
    assert.deepEqual(checkOptions(lists.options, { block: [{ who }] }).problems, [], who);
  }
});
