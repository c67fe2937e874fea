/** Whom an account has written to, on a clock that stands still. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildAccountOptions } from '../../src/directory/account-options.ts';
import type { Account } from '../../src/directory/account.ts';
import { Acquaintances } from '../../src/outbound/acquaintances.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { parseAddress } from '../../src/mail/address.ts';
import type { Address } from '../../src/mail/address.ts';
import { FakeClock } from '../support/fake-clock.ts';

const DAY = 86_400_000;

describe('acquaintances', () => {
  const account: Account = {
    ...buildAccountOptions({ limits: { first_time_recipients_per_day: 5 } }),
    ...{ name: 'example.org', domain: 'example.org' },
    by: { kind: 'domain', password: undefined },
  };
  const anna = address('anna@remote.test');
  const otto = address('otto@remote.test');

  test('those written to again and again stay known; a year without mail makes a stranger', async () => {
    const clock = new FakeClock();
    const map = new MemoryTtlMap({ clock });
    const acquaintances = new Acquaintances(map, clock);
    assert.equal(await acquaintances.isStranger(account, anna), true);
    await acquaintances.met(account, [anna, otto]);
    for (let month = 0; month < 20; month++) {
      await clock.advance(31 * DAY);
      assert.equal(await acquaintances.isStranger(account, anna), false, `month ${month}`);
      await acquaintances.met(account, [anna]);
    }
    assert.equal(await acquaintances.isStranger(account, otto), true);
    // What only the store knows after a restart.
    const restarted = new Acquaintances(map, clock);
    assert.equal(await restarted.isStranger(account, anna), false);
    assert.equal(await restarted.isStranger(account, otto), true);
    await clock.advance(366 * DAY);
    assert.equal(await acquaintances.isStranger(account, anna), true);
    assert.equal(await restarted.isStranger(account, anna), true);
  });

  test('the store is asked and written to once for many messages to the same one', async () => {
    const clock = new FakeClock();
    const map = new MemoryTtlMap({ clock });
    const steps: string[] = [];
    const acquaintances = new Acquaintances(
      {
        get: (...args) => (steps.push('get'), map.get(...args)),
        put: (...args) => (steps.push('put'), map.put(...args)),
      },
      clock,
    );
    for (let message = 0; message < 10; message++) {
      assert.equal(await acquaintances.isStranger(account, anna), message === 0);
      await acquaintances.met(account, [anna]);
    }
    assert.deepEqual(steps, ['get', 'put']);
  });
});

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}
