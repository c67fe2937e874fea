/** Accounts are changed in the text of a domain file; all else stays as it was written. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  withAccount,
  withoutAccount,
  withSendingOn,
  withSettings,
} from '../../src/config/account-text.ts';

const BLOCK = `# A customer.
domain: one.test   # their name
destination: { hosts: [192.0.2.1,   192.0.2.2] }

outgoing:
  enabled: true     # since June
  accounts:
    # the mail server
    - { ip: 192.0.2.1, identity: sender } # rack 4
    - user: anna@one.test
      # she writes to many
      password: "scrypt:x"
      limits:
        recipients_per_day: 100  # agreed
      # so far anna
    # so far all of them
# the end
contact: it@one.test
`;
const FLOW = `domain: one.test
outgoing: { enabled: false, accounts: [{ ip: 192.0.2.1 }, { ip: 192.0.2.2 }] } # both
contact: it@one.test
`;
const NEW = { user: 'bob@one.test', password: 'scrypt:y', archive: true };
const FORM = '{ user: bob@one.test, password: scrypt:y, archive: true }';

/** The lines that went and came, in order. */
function difference(before: string, after: string | undefined): string[] {
  assert.ok(after !== undefined);
  const [old, now] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < old.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < Math.min(old.length, now.length) - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail++;
  return [
    ...old.slice(head, old.length - tail).map((line) => `-${line}`),
    ...now.slice(head, now.length - tail).map((line) => `+${line}`),
  ];
}

test('a file whose lines end in CRLF keeps them so', () => {
  for (const change of [
    (text: string) => withAccount(text, NEW, false),
    (text: string) => withSettings(text, 1, [{ path: ['limits', 'messages_per_day'], value: 5 }]),
    (text: string) => withoutAccount(text, 1),
  ]) {
    const changed = change(BLOCK);
    assert.notEqual(changed, undefined);
    assert.equal(change(BLOCK.replaceAll('\n', '\r\n')), changed?.replaceAll('\n', '\r\n'));
  }
});

test('an account is added at the end of the list, in the form of the list', () => {
  assert.deepEqual(difference(BLOCK, withAccount(BLOCK, NEW, false)), [`+    - ${FORM}`]);
  assert.deepEqual(difference(FLOW, withAccount(FLOW, NEW, false)), [
    '-outgoing: { enabled: false, accounts: [{ ip: 192.0.2.1 }, { ip: 192.0.2.2 }] } # both',
    `+outgoing: { enabled: false, accounts: [{ ip: 192.0.2.1 }, { ip: 192.0.2.2 }, ${FORM}] } # both`,
  ]);
});

test('sending is switched on with the account where that is asked for', () => {
  assert.deepEqual(difference(FLOW, withAccount(FLOW, NEW, true)).slice(1), [
    `+outgoing: { enabled: true, accounts: [{ ip: 192.0.2.1 }, { ip: 192.0.2.2 }, ${FORM}] } # both`,
  ]);
  const section = ['+outgoing:', '+  enabled: true', '+  accounts:', `+    - ${FORM}`];
  const bare = 'domain: one.test # x\n';
  assert.deepEqual(difference(bare, withAccount(bare, NEW, true)), [...section, '+']);
  const empty = 'domain: one.test\noutgoing: # later\ncontact: it@one.test\n';
  assert.deepEqual(difference(empty, withAccount(empty, NEW, true)), section.slice(1));
  const noList = 'domain: one.test\noutgoing:\n    null_sender: refuse # bounces\nqueue: {}\n';
  assert.deepEqual(difference(noList, withAccount(noList, NEW, true)), [
    '+    enabled: true',
    '+    accounts:',
    `+      - ${FORM}`,
  ]);
  const emptied = 'domain: one.test\noutgoing:\n  accounts: [] # none\n';
  assert.deepEqual(difference(emptied, withAccount(emptied, NEW, false)), [
    '-  accounts: [] # none',
    '+  accounts:',
    `+    - ${FORM} # none`,
  ]);
  for (const outgoing of ['{}', '{ accounts: [] }', '{ enabled: true }', '{ accounts: }'])
    assert.ok(withAccount(`domain: one.test\noutgoing: ${outgoing}\n`, NEW, true), outgoing);
  for (const last of ['outgoing:\n  accounts:\n  - ip: 192.0.2.1', 'outgoing:\n  enabled: true'])
    assert.ok(withAccount(`domain: one.test\n${last}`, NEW, true), last);
});

test('settings change in their account alone, whose comments stay', () => {
  const limited = withSettings(BLOCK, 1, [
    { path: ['limits', 'recipients_per_day'], value: 500 },
    { path: ['other_domains'], value: ['a.test', 'b.test'] },
  ]);
  assert.deepEqual(difference(BLOCK, limited), [
    '-        recipients_per_day: 100  # agreed',
    '+        recipients_per_day: 500 # agreed',
    '+      other_domains: [ a.test, b.test ]',
  ]);
  const first = withSettings(BLOCK, 0, [
    { path: ['identity'], value: undefined },
    { path: ['limits', 'connections_per_day'], value: 7 },
  ]);
  assert.deepEqual(difference(BLOCK, first).slice(1), [
    '+    - { ip: 192.0.2.1, limits: { connections_per_day: 7 } } # rack 4',
  ]);
  const none = withSettings(BLOCK, 1, [
    { path: ['limits', 'recipients_per_day'], value: undefined },
  ]);
  assert.deepEqual(difference(BLOCK, none), [
    '-      limits:',
    '-        recipients_per_day: 100  # agreed',
  ]);
});

test('an account is taken out with its own lines', () => {
  assert.deepEqual(difference(BLOCK, withoutAccount(BLOCK, 0)), [
    '-    - { ip: 192.0.2.1, identity: sender } # rack 4',
  ]);
  assert.match(
    withoutAccount(BLOCK, 1) ?? '',
    /rack 4\n      # so far anna\n    # so far all of them\n# the end\ncontact/,
  );
  const one = withoutAccount(FLOW, 0) ?? '';
  assert.match(one, /accounts: \[\{ ip: 192\.0\.2\.2 \}\]/);
  assert.match(withoutAccount(one, 0) ?? '', /accounts: \[\] \} # both/);
  const last =
    'domain: one.test\noutgoing:\n  accounts:\n    - ip: 192.0.2.1\ncontact: a@one.test\n';
  assert.equal(
    withoutAccount(last, 0),
    'domain: one.test\noutgoing:\n  accounts: []\ncontact: a@one.test\n',
  );
  const again = withAccount(withoutAccount(last, 0) ?? '', NEW, false);
  assert.deepEqual(difference(last, again), ['-    - ip: 192.0.2.1', `+    - ${FORM}`]);
});

test('sending is switched on where it is written, or on a line of its own', () => {
  assert.deepEqual(difference(FLOW, withSendingOn(FLOW)), [
    '-outgoing: { enabled: false, accounts: [{ ip: 192.0.2.1 }, { ip: 192.0.2.2 }] } # both',
    '+outgoing: { enabled: true, accounts: [{ ip: 192.0.2.1 }, { ip: 192.0.2.2 }] } # both',
  ]);
  assert.equal(withSendingOn(BLOCK), BLOCK);
  assert.match(
    withSendingOn('outgoing:\n  accounts:\n    - ip: 192.0.2.1\n') ?? '',
    /^outgoing:\n  accounts:\n    - ip: 192\.0\.2\.1\n  enabled: true\n$/,
  );
  assert.equal(withSendingOn('domain: one.test\n'), undefined);
});

test('what is written with anchors is left to people', () => {
  const anchored = 'domain: one.test\noutgoing: &o\n  accounts: [&a { ip: 192.0.2.1 }, *a]\n';
  assert.equal(withSettings(anchored, 1, [{ path: ['archive'], value: true }]), undefined);
  const aliased = 'x: &x [{ ip: 192.0.2.1 }]\ndomain: one.test\noutgoing: { accounts: *x }\n';
  assert.equal(withAccount(aliased, NEW, false), undefined);
  assert.equal(withoutAccount(aliased, 0), undefined);
});
