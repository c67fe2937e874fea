/** Logins: nothing tells an unknown account from a wrong password, and guessing gets nowhere. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hashPassword } from '../../src/base/password-hash.ts';
import { buildAccountOptions } from '../../src/directory/account-options.ts';
import type { Account, Accounts } from '../../src/directory/account.ts';
import { LoginGuard } from '../../src/outbound/login-guard.ts';
import type { LoginResult } from '../../src/outbound/logins.ts';
import { Logins } from '../../src/outbound/logins.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';

const account: Account = {
  ...buildAccountOptions({ user: 'anna@example.org' }),
  name: 'anna@example.org',
  domain: 'example.org',
  by: { kind: 'user', password: await hashPassword(Buffer.from('secret')) },
};
const accounts: Accounts = {
  byAddress: () => undefined,
  hasScramKeys: false,
  byName: () => undefined,
  byLogin: (user) => (user.toLowerCase() === account.name ? account : undefined),
};

describe('a login', () => {
  /** The result, and how long its answer took. */
  async function check(logins: Logins, clock: FakeClock, user: string, password: string) {
    let result: LoginResult | undefined;
    const login = { user, secret: Buffer.from(password), address: '192.0.2.1' };
    const startedAt = clock.mono();
    const signal = new AbortController().signal;
    const done = logins.check(accounts, login, signal).then((found) => (result = found));
    await until('the login to be answered', () => {
      if (result === undefined) void clock.advance(100);
      return result !== undefined;
    });
    await done;
    return { kind: result?.kind, ms: clock.mono() - startedAt };
  }

  test('that is right names its account, in any letter case', async () => {
    const clock = new FakeClock();
    const logins = new Logins(clock, 'a secret');
    assert.equal((await check(logins, clock, 'anna@example.org', 'secret')).kind, 'right');
    assert.equal((await check(logins, clock, 'ANNA@Example.ORG', 'secret')).kind, 'right');
  });

  test('of an account that does not exist is answered as a wrong password is', async () => {
    const clock = new FakeClock();
    const logins = new Logins(clock, 'a secret');
    const wrong = await check(logins, clock, 'anna@example.org', 'Secret');
    const unknown = await check(
      new Logins(clock, 'a secret'),
      clock,
      'nobody@example.org',
      'secret',
    );
    assert.equal(wrong.kind, 'wrong');
    assert.equal(unknown.kind, 'wrong');
    assert.ok(wrong.ms >= 1000 && unknown.ms >= 1000);
  });
});

test('guesses that come all at once are no more than those that come one by one', async () => {
  const clock = new FakeClock();
  const logins = new Logins(clock, 'a secret');
  const results: LoginResult['kind'][] = [];
  const guess = async (at: number) => {
    const login = {
      user: account.name,
      secret: Buffer.from(`guess ${at}`),
      address: `192.0.2.${at}`,
    };
    results.push((await logins.check(accounts, login, new AbortController().signal)).kind);
  };
  const all = Promise.all(Array.from({ length: 40 }, (_, at) => guess(at)));
  // The right one among many guesses is no luck either.
  const login = { user: account.name, secret: Buffer.from('secret'), address: '192.0.2.99' };
  const last = logins.check(accounts, login, new AbortController().signal);
  await until('all to be answered', () => {
    void clock.advance(100);
    return results.length === 40;
  });
  await all;
  assert.equal(results.filter((kind) => kind === 'wrong').length, 10);
  assert.equal(results.filter((kind) => kind === 'blocked').length, 30);
  assert.deepEqual(await last, { kind: 'blocked', by: 'login' });
});

describe('the guard', () => {
  test('makes each answer wait longer, up to a bound', () => {
    const guard = new LoginGuard(new FakeClock());
    const waits = Array.from({ length: 6 }, () => guard.failed('192.0.2.1', 'anna'));
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 8000, 8000]);
  });

  test('blocks a login for addresses that never used it well, and for them alone', async () => {
    const clock = new FakeClock();
    const guard = new LoginGuard(clock);
    guard.succeeded('198.51.100.1', 'anna');
    for (let i = 0; i < 10; i++) guard.failed(`192.0.2.${i}`, 'anna');
    assert.equal(guard.blocked('192.0.2.77', 'anna'), 'login');
    assert.equal(guard.blocked('198.51.100.1', 'anna'), undefined);
    assert.equal(guard.blocked('192.0.2.77', 'bob'), undefined);
    await clock.advance(15 * 60_000 + 1);
    assert.equal(guard.blocked('192.0.2.77', 'anna'), undefined);
  });

  test('blocks an address whatever login it tries, good ones between do not help', () => {
    const guard = new LoginGuard(new FakeClock());
    for (let i = 0; i < 20; i++) {
      guard.succeeded('192.0.2.1', 'mine');
      guard.failed('192.0.2.1', `user-${i}`);
    }
    assert.equal(guard.blocked('192.0.2.1', 'mine'), 'address');
    assert.equal(guard.blocked('192.0.2.2', 'mine'), undefined);
  });

  test('takes a /64 of IPv6 for one client', () => {
    const guard = new LoginGuard(new FakeClock());
    for (let i = 0; i < 20; i++) guard.failed(`2001:db8:0:1::${i + 1}`, `user-${i}`);
    assert.equal(guard.blocked('2001:db8:0:1:ffff::9', 'x'), 'address');
    assert.equal(guard.blocked('2001:db8:0:2::1', 'x'), undefined);
  });

  test('forgets failures that lie far apart', async () => {
    const clock = new FakeClock();
    const guard = new LoginGuard(clock);
    for (let i = 0; i < 30; i++) {
      guard.failed('192.0.2.1', 'anna');
      await clock.advance(5 * 60_000);
    }
    assert.equal(guard.blocked('192.0.2.1', 'anna'), undefined);
  });
});
