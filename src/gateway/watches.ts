/**
 * What the gateway looks after by itself beside the mail that comes and goes: holds of operators that
 * end, and held mail that may go when its destination is back.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { destinationOf } from '../delivery/route.ts';
import type { Directory } from '../directory/domain.ts';
import { OutageHolds } from '../pipeline/outage-holds.ts';
import type { RecipientVerifier } from '../pipeline/recipients.ts';
import type { LevelStore } from '../store/leveldb/store.ts';
import type { DeliveryParts } from './delivery-parts.ts';

export interface WatchedParts {
  readonly store: LevelStore;
  readonly delivery: DeliveryParts;
  readonly verifier: RecipientVerifier;
  readonly config: () => Config;
  readonly directory: () => Directory;
  readonly clock: Clock;
  readonly log: Log;
}

export class Watches {
  readonly #delivery: DeliveryParts;
  readonly #outageHolds: OutageHolds;

  constructor(parts: WatchedParts) {
    const { store, delivery, verifier, config, directory, clock, log } = parts;
    this.#delivery = delivery;
    this.#outageHolds = new OutageHolds({
      store: store.spool,
      verifier,
      directory,
      isClosed: (lane) => {
        const destination = destinationOf(directory(), lane);
        return destination === undefined || delivery.isClosed(lane, destination);
      },
      lifetimeMs: (lane) => ({ ...config().queue, ...directory().find(lane)?.queue }).lifetimeMs,
      wake: (lane) => delivery.scheduler.wake(lane),
      clock,
      log,
      onFault: (error) => log.emit('store.error', { err: errorText(error) }),
    });
  }

  start(): void {
    this.#outageHolds.start();
  }

  /** Mail of a destination that was down or held may go again. */
  back(): void {
    this.#outageHolds.look();
  }

  /** Before the deliveries stop, and the store closes. */
  async stop(): Promise<void> {
    this.#delivery.holds.stop();
    await this.#outageHolds.stop();
  }
}
