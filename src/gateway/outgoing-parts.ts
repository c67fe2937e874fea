/**
 * What looks after the mail of customers, put together: limits, locks, whom they have written to, the
 * networks of servers that they share.
 */
import type { SendingNotices } from '../alerts/sending-notices.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Directory } from '../directory/domain.ts';
import type { FilterResolver } from '../dns/resolver.ts';
import { spfNetworks } from '../dns/spf-networks.ts';
import { Acquaintances } from '../outbound/acquaintances.ts';
import { Feedback } from '../outbound/feedback.ts';
import { Limits } from '../outbound/limits.ts';
import { Locks } from '../outbound/locks.ts';
import { Logins } from '../outbound/logins.ts';
import { SharedNetworks } from '../outbound/shared-networks.ts';
import type { ReturnedDeps } from '../pipeline/returned.ts';
import type { SendingDeps } from '../pipeline/sending.ts';
import type { Trace } from '../records/trace-book.ts';
import type { LevelStore } from '../store/leveldb/store.ts';
import { findSent } from './sent-mail.ts';

export interface OutgoingOptions {
  readonly store: Pick<LevelStore, 'counters' | 'ttl'>;
  readonly uncached: FilterResolver;
  readonly directory: () => Directory;
  readonly clock: Clock;
  readonly log: Log;
  /** See `login-secret.ts`. */
  readonly saltSecret: string;
  /** Undefined while the gateway starts. */
  readonly notices: () => SendingNotices | undefined;
  readonly trace: Pick<Trace, 'search'>;
}

export interface OutgoingParts extends SendingDeps, ReturnedDeps {
  readonly logins: Logins;
  readonly sharedNetworks: SharedNetworks;
}

export function buildOutgoingParts({
  store,
  uncached,
  directory,
  clock,
  log,
  saltSecret,
  notices,
  trace,
}: OutgoingOptions): OutgoingParts {
  const { counters, ttl } = store;
  const locks = new Locks({
    counters,
    log,
    onLocked: (locked, cause) => notices()?.locked({ ...locked, cause }),
  });
  return {
    limits: new Limits({
      ...{ counters, clock, log },
      onRelay: (news) => notices()?.limit(news),
    }),
    logins: new Logins(clock, saltSecret),
    locks,
    feedback: new Feedback({
      ...{ counters, ttl, locks, log },
      // Whoever reports waits for his reply.
      findSent: (says) =>
        withDeadline(clock, DISK_DEADLINE_MS, 'records', () => findSent(trace, says)),
    }),
    acquaintances: new Acquaintances(ttl, clock),
    sharedNetworks: new SharedNetworks({
      find: (record) => spfNetworks(record, uncached),
      domains: () => directory().domains,
      ...{ map: ttl, clock, log },
    }),
    log,
  };
}
