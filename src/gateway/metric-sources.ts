/** The levels that metrics show, read from the running parts whenever somebody asks. */
import type { Clock } from '../base/clock.ts';
import type { FolderRoom } from '../base/disk-room.ts';
import type { MetricSources } from '../base/metric-levels.ts';
import { oldestWaiting } from '../delivery/queue-age.ts';
import type { HealthBook } from '../delivery/destination-health.ts';
import type { Directory } from '../directory/domain.ts';
import type { OutgoingView } from '../control/outgoing-view.ts';
import { listedAccounts } from '../directory/account.ts';
import { homeLane } from '../mail/redirection.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { Listeners } from './listeners.ts';
import type { ScannerWatch } from './scanner-watch.ts';

export interface MeasuredParts {
  readonly listeners: Pick<Listeners, 'connections' | 'certificate'>;
  readonly spool: Pick<SpoolStore, 'totals' | 'quarantined' | 'backlog' | 'scan'>;
  readonly health: Pick<HealthBook, 'isDown' | 'view'>;
  readonly directory: () => Directory;
  readonly isStoreUp: () => boolean;
  /** Of the store. */
  readonly room: Pick<FolderRoom, 'look'>;
  readonly outgoing: Pick<OutgoingView, 'usage'>;
  readonly scanners: Pick<ScannerWatch, 'views'>;
  readonly records: MetricSources['records'];
  readonly loadedAt: MetricSources['loadedAt'];
  readonly logDropped: MetricSources['logDropped'];
  readonly clock: Clock;
}

export function metricSources(parts: MeasuredParts): MetricSources {
  const { listeners, spool, health, directory, isStoreUp, room, outgoing, clock } = parts;
  const { scanners, records, loadedAt, logDropped } = parts;
  return {
    ...{ records, loadedAt, logDropped },
    connections: () => listeners.connections(),
    queue: () => {
      const { queued, held, bytes } = spool.totals();
      return { deferred: queued, hold: held, bytes };
    },
    queueAgeMs: async () => {
      const oldest = await oldestWaiting(spool).catch(() => undefined);
      return oldest === undefined ? 0 : Math.max(0, clock.now() - oldest.queuedAt);
    },
    waiting: () => {
      const counts = new Map<string, number>();
      for (const { dest: lane, messages } of spool.backlog()) {
        const home = domainOfLane(homeLane(lane));
        const dest = home.startsWith('mx:') ? 'mx' : home;
        counts.set(dest, (counts.get(dest) ?? 0) + messages);
      }
      return [...counts].map(([dest, messages]) => ({ dest, messages }));
    },
    kept: () => spool.quarantined(),
    destinations: () => {
      const keys = new Set(directory().routes.map(({ destination }) => destination.key));
      return [...keys].map((dest) => ({
        dest,
        up: !health.isDown(dest),
        goodAt: health.view(dest)?.goodAt,
      }));
    },
    scanners: () => scanners.views(),
    accounts: () =>
      listedAccounts(directory().domains).map(({ by, state }) => {
        return { kind: by, state: state.replaceAll(' ', '_') };
      }),
    limitUse: () => fullest(outgoing),
    certificateUntil: () => listeners.certificate?.expiresAt,
    store: () => ({ engine: 'leveldb', up: isStoreUp() }),
    freeBytes: async () => (await room.look())?.freeBytes,
  };
}

/** Series of limits: more of them nobody looks at. */
const FULLEST = 20;

/** Of each account and window its fullest limit; the relay limit counts under the domain's name. */
async function fullest({
  usage,
}: Pick<OutgoingView, 'usage'>): ReturnType<MetricSources['limitUse']> {
  const found = new Map<string, { account: string; window: string; ratio: number }>();
  try {
    const all = usage(undefined, 'limited') ?? [];
    for await (const { domain, account = domain, window, used, limit } of all) {
      if (limit === undefined || used === 0) continue;
      const ratio = used / limit;
      const mark = `${account} ${window}`;
      if ((found.get(mark)?.ratio ?? 0) < ratio) found.set(mark, { account, window, ratio });
    }
  } catch {
    // `store_up` says that; the other metrics are there all the same.
    return [];
  }
  return [...found.values()].toSorted((a, b) => b.ratio - a.ratio).slice(0, FULLEST);
}
