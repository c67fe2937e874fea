/** What looks after the mail of customers, put together: limits, locks, whom they have written to. */
import type { SendingNotices } from '../alerts/sending-notices.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Acquaintances } from '../outbound/acquaintances.ts';
import { Limits } from '../outbound/limits.ts';
import { Locks } from '../outbound/locks.ts';
import { Logins } from '../outbound/logins.ts';
import type { SendingDeps } from '../pipeline/sending.ts';
import type { LevelStore } from '../store/leveldb/store.ts';

export interface OutgoingOptions {
  readonly store: Pick<LevelStore, 'counters' | 'ttl'>;
  readonly clock: Clock;
  readonly log: Log;
  /** See `login-secret.ts`. */
  readonly saltSecret: string;
  /** Undefined while the gateway starts. */
  readonly notices: () => SendingNotices | undefined;
}

export interface OutgoingParts extends SendingDeps {
  readonly logins: Logins;
}

export function buildOutgoingParts({
  store,
  clock,
  log,
  saltSecret,
  notices,
}: OutgoingOptions): OutgoingParts {
  const { counters } = store;
  return {
    limits: new Limits({
      ...{ counters, clock, log },
      onRelay: (news) => notices()?.limit(news),
    }),
    logins: new Logins(clock, saltSecret),
    locks: new Locks({ counters, log, onLocked: (locked) => notices()?.locked(locked) }),
    acquaintances: new Acquaintances(store.ttl),
    log,
  };
}
