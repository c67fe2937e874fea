/** What a running gateway consists of, and what of it is there before the rest. */
import type { DurableIds } from '../base/ids.ts';
import type { OutgoingView } from '../control/outgoing-view.ts';
import type { ControlServer } from '../control/server.ts';
import type { Generation } from '../pipeline/generation.ts';
import type { StagingArea } from '../pipeline/staging.ts';
import type { PluginBooks } from '../plugin-host/plugin-books.ts';
import type { LevelStore } from '../store/leveldb/store.ts';
import type { DeliveryParts } from './delivery-parts.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { Listeners } from './listeners.ts';
import type { ScannerWatch } from './scanner-watch.ts';
import type { Watches } from './watches.ts';

/** What is there before everything else. */
export interface Foundation {
  readonly folder: string;
  readonly store: LevelStore;
  readonly ids: DurableIds;
  readonly books: PluginBooks;
  readonly scanners: ScannerWatch;
  readonly staging: StagingArea;
  readonly saltSecret: string;
}

/** Everything with a lifetime. */
export interface Parts extends Pick<Foundation, 'store' | 'ids' | 'books' | 'scanners'> {
  generation: Generation;
  readonly delivery: DeliveryParts;
  readonly watches: Watches;
  readonly housekeeping: Housekeeping;
  readonly listeners: Listeners;
  readonly control: ControlServer;
  /** What people and metrics see of outgoing mail. */
  readonly outgoing: OutgoingView;
  /** Where the control port was bound, when there is one. */
  controlAt: { readonly host: string; readonly port: number } | undefined;
}
