/** What the control port sees of the queue, and what it may ask of it. */
import type { OtherHost } from '../mail/redirection.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { Outage } from './outage.ts';

export interface QueueView {
  /** When the message came that has waited longest for its destination. */
  oldest(): Promise<number | undefined>;
  readonly spool: Pick<
    SpoolStore,
    'scan' | 'get' | 'damaged' | 'damagedDests' | 'totals' | 'readContent' | 'administer'
  >;
  /** There is new work for a domain's destination. */
  wake(dest: string): void;
  /** What keeps all mail of a domain back, as long as its destination is down, held or left alone. */
  outage(dest: string): Outage | undefined;
  /** A message is held until then. */
  holdEnds(at: number): void;
  /** It leads back to one of our own ports. */
  isOwn(host: OtherHost): boolean;
  /**
   * Ends the lifetime of a message now: its proven sender is told and it goes, else it is held.
   * `busy`: it is being delivered right now, or something became of it meanwhile.
   */
  expire(
    entry: SpoolEntry,
    wish: { readonly by: string; readonly why: string },
  ): Promise<'expired' | 'held' | 'busy'>;
  /** How long a message that was released may be tried once more. */
  lifetimeMs(dest: string): number;
}
