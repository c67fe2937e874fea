/** What the settings of an account come to. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseDomainFile } from '../../src/config/domain-file.ts';
import type { Account, Outgoing } from '../../src/directory/account.ts';
import { buildOutgoing } from '../../src/directory/load-accounts.ts';

function outgoing(accounts: string, more = ''): Outgoing {
  const text = `domain: example.org\ndestination: 192.0.2.10\n${more}\noutgoing: { enabled: true, accounts: [${accounts}] }\n`;
  const { domainFile, problems } = parseDomainFile('/d/example.org.yaml', text, []);
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  assert.ok(domainFile);
  return buildOutgoing(domainFile);
}

function account(settings: string): Account {
  const [only] = outgoing(`{ ${settings} }`).accounts;
  assert.ok(only);
  return only;
}

const USER = 'user: anna@example.org, password: "scrypt:x"';

test('people are locked and servers are not, unless somebody says so', () => {
  assert.equal(account(USER).lock.account, true);
  assert.equal(account(`${USER}, auto_lock: false`).lock.account, false);
  assert.equal(account('ip: 192.0.2.1').lock.account, false);
  assert.equal(account('ip: 192.0.2.1, auto_lock: true').lock.account, true);
  assert.equal(account('ip: 192.0.2.1, smarthost: true, auto_lock: true').lock.account, false);
});

test('of a smarthost each sender is told apart', () => {
  assert.deepEqual(account('ip: 192.0.2.1, smarthost: true').identity, { kind: 'sender' });
  assert.equal(account('ip: 192.0.2.1').identity, undefined);
  assert.equal(account('ip: 192.0.2.1, smarthost: true').lock.identities, true);
});

test('an identity in header fields has names, a pattern and an end', () => {
  const { identity } = account(
    'ip: 192.0.2.1, identity: { header: [X-Client-ID], pattern: "^u(\\\\d+)$", remove: true }',
  );
  assert.deepEqual(identity, {
    kind: 'header',
    names: ['x-client-id'],
    pattern: /^u(\d+)$/u,
    remove: true,
  });
});

test('limits have windows, and 0 is no limit', () => {
  const { limits } = account(
    `${USER}, limits: { connections_per_hour: 5, recipients_per_day: 0, messages_per_week: 7, first_time_recipients_per_day: 9 }`,
  );
  assert.deepEqual(limits, {
    connections: { hour: 5 },
    messages: { week: 7 },
    recipients: {},
    newRecipients: { day: 9 },
  });
});

test('locks have the numbers of the contract, or those that are set', () => {
  const { moreThan, withinMs, lockMs, maxAutoUnlocks } = account(USER).lock;
  assert.deepEqual([moreThan, withinMs, lockMs, maxAutoUnlocks], [5, 600_000, 3_600_000, 3]);
  const set = `${USER}, lock_after: { messages: 2, within: 1m }, lock_minutes: 5, max_auto_unlocks: 0`;
  const own = account(set).lock;
  const numbers = [own.moreThan, own.withinMs, own.lockMs, own.maxAutoUnlocks];
  assert.deepEqual(numbers, [2, 60_000, 300_000, 0]);
});

test('the relay limit follows the licensed users', () => {
  assert.equal(outgoing('').relayPerDay, 1000);
  assert.equal(outgoing('', 'licensed_users: 20').relayPerDay, 1000);
  assert.equal(outgoing('', 'licensed_users: 25').relayPerDay, 1250);
  assert.equal(outgoing('', 'time_zone: Europe/Berlin').timeZone, 'Europe/Berlin');
});
