/** Limits and locks of outgoing mail for people: read from the counters, changed by name. */
import { isIP } from 'node:net';
import { paged } from '../base/paged.ts';
import type { LockedView, OutgoingView, UsageView, Whose } from '../control/outgoing-view.ts';
import type { Account } from '../directory/account.ts';
import type { WindowLimits } from '../directory/account-options.ts';
import { LIMIT_WINDOWS } from '../directory/account-options.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import {
  countKey,
  domainKey,
  identityKey,
  identityPrefix,
  partsOfIdentity,
} from '../outbound/counter-keys.ts';
import type { Limits } from '../outbound/limits.ts';
import type { Locks } from '../outbound/locks.ts';
import { autoUnlocks } from '../outbound/locks.ts';
import type { SharedNetworks } from '../outbound/shared-networks.ts';
import type { CounterStore } from '../store/counter-store.ts';

/** Only counted, and only shown where there was something. */
const CAME_BACK: WindowLimits = { day: Infinity, month: Infinity };

export interface OutgoingViewParts {
  readonly counters: Pick<CounterStore, 'list'>;
  readonly limits: Pick<Limits, 'counts' | 'settle'>;
  readonly locks: Locks;
  readonly sharedNetworks: Pick<SharedNetworks, 'view'>;
  readonly directory: () => Directory;
}

export function outgoingView(parts: OutgoingViewParts): OutgoingView {
  const { limits, locks, directory } = parts;
  const withAccount = async <T>(
    { account: name, identity }: Whose,
    step: (account: Account, identity: string | undefined) => Promise<T>,
  ) => {
    const account = accountNamed(directory(), name);
    return account === undefined ? 'no such account' : step(account, identity);
  };
  return {
    usage(name, only) {
      if (name === undefined) return usageOf(parts, directory().domains, only);
      const domain = directory().find(name);
      return domain && usageOf(parts, [domain], only);
    },
    accounts: () => accountsOf(parts),
    identities: () => identitiesOf(parts),
    lock: (whose, lock) =>
      withAccount(whose, async (account, identity) => {
        await locks.lock(account, identity, lock);
        return 'locked' as const;
      }),
    unlock: (whose, by) =>
      withAccount(whose, async (account, identity) =>
        (await locks.unlock(account, identity, by)) ? 'unlocked' : 'not locked',
      ),
    reset: (whose, by) =>
      withAccount(whose, async (account, identity) => {
        await limits.settle(); // or what was sent before would be counted after
        await locks.reset(account, identity, by);
        return 'reset' as const;
      }),
  };
}

function accountNamed({ domains, accounts }: Directory, name: string): Account | undefined {
  for (const { outgoing } of domains) {
    const found = outgoing.accounts.find((account) => account.name === name);
    if (found !== undefined) return found;
  }
  return isIP(name) === 0 ? accounts.byLogin(name) : accounts.byAddress(name);
}

async function* usageOf(
  { limits }: OutgoingViewParts,
  domains: readonly Domain[],
  only: 'limited' | undefined,
): AsyncGenerator<UsageView> {
  for (const { name: domain, outgoing } of domains) {
    if (!outgoing.enabled) continue;
    const { timeZone, relayPerDay, accounts } = outgoing;
    const rows = async (
      whose: Pick<UsageView, 'account' | 'what'>,
      key: string,
      windows: WindowLimits,
    ) => {
      const isLimited = Object.values(windows).some(Number.isFinite);
      if (!isLimited && (only === 'limited' || Object.keys(windows).length === 0)) return [];
      const counts = await limits.counts(key);
      return LIMIT_WINDOWS.flatMap((window): UsageView[] => {
        const limit = windows[window];
        if (limit === undefined) return [];
        const { count: used = 0, endsAt } = counts[window] ?? {};
        const bound = Number.isFinite(limit) ? limit : undefined;
        return [{ domain, ...whose, window, used, limit: bound, endsAt, timeZone }];
      });
    };
    yield* await rows({ account: undefined, what: 'relay' }, domainKey(domain), {
      day: relayPerDay,
    });
    for (const { name: account, limits: own } of accounts) {
      for (const [what, windows] of [
        ['connections', own.connections],
        ['messages', own.messages],
        ['recipients', { day: Infinity, ...own.recipients }],
        ['new-recipients', own.newRecipients],
      ] as const) {
        yield* await rows({ account, what }, countKey(what, account), windows);
      }
      for (const what of ['complaints', 'bounced'] as const) {
        const found = await rows({ account, what }, countKey(what, account), CAME_BACK);
        yield* found.filter(({ used }) => used > 0);
      }
    }
  }
}

async function* accountsOf(parts: OutgoingViewParts): AsyncGenerator<LockedView> {
  const { limits, locks, sharedNetworks, directory } = parts;
  for (const { name: domain, outgoing } of directory().domains) {
    for (const account of outgoing.accounts) {
      const { by, name } = account;
      const locked = await locks.of(account, undefined);
      const { day } = await limits.counts(countKey('recipients', name));
      const today = day?.count ?? 0;
      const shared = by.kind === 'spf' ? sharedNetworks.view(by.record) : undefined;
      const whose = { domain, account: name, identity: undefined };
      yield { ...whose, lock: locked?.lock, today, ...(shared && { shared }) };
    }
  }
}

async function* identitiesOf(parts: OutgoingViewParts): AsyncGenerator<LockedView> {
  const { counters, limits, directory } = parts;
  const accounts = new Map(
    directory().domains.flatMap(({ name, outgoing }) =>
      outgoing.accounts.map((account) => [account.name, { domain: name, account }] as const),
    ),
  );
  const prefix = identityPrefix();
  await limits.settle();
  const all = paged(
    (page) => counters.list({ ...page, prefix }),
    ({ key }) => key,
  );
  for await (const view of all) {
    const { account: name = '', identity } = partsOfIdentity(view.key) ?? {};
    const found = accounts.get(name);
    if (identity === undefined || found === undefined) continue;
    const { domain, account } = found;
    const { day } = await limits.counts(identityKey(name, identity));
    const today = day?.count ?? 0;
    const whose = { domain, account: name, identity };
    yield { ...whose, lock: view.lock, autoUnlocks: autoUnlocks(view, account), today };
  }
}
