/** The levels that metrics show, read from the running parts whenever somebody asks. */
import type { MetricSources } from '../base/metrics.ts';
import type { HealthBook } from '../delivery/destination-health.ts';
import type { Directory } from '../directory/domain.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import { freeBytes } from './data-folder.ts';
import type { Listeners } from './listeners.ts';

export interface MeasuredParts {
  readonly listeners: Pick<Listeners, 'connections'>;
  readonly spool: Pick<SpoolStore, 'totals' | 'quarantined'>;
  readonly health: Pick<HealthBook, 'isDown'>;
  readonly directory: () => Directory;
  readonly isStoreUp: () => boolean;
  /** The data folder. */
  readonly folder: string;
  readonly records: MetricSources['records'];
}

export function metricSources(parts: MeasuredParts): MetricSources {
  const { listeners, spool, health, directory, isStoreUp, folder, records } = parts;
  return {
    connections: () => listeners.connections(),
    queue: () => {
      const { queued, held, bytes } = spool.totals();
      return { deferred: queued, hold: held, bytes };
    },
    kept: () => spool.quarantined(),
    destinations: () => {
      const keys = new Set(directory().routes.map(({ destination }) => destination.key));
      return [...keys].map((dest) => ({ dest, up: !health.isDown(dest) }));
    },
    records,
    store: () => ({ engine: 'leveldb', up: isStoreUp(), freeBytes: freeBytes(folder) }),
  };
}
