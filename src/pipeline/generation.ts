/**
 * The configuration in force, as one value that a reload replaces. A transaction keeps the one it
 * began with; when the last transaction of a replaced generation has ended, its filters are stopped.
 */
import type { Directory } from '../directory/domain.ts';
import type { PluginHost } from '../plugin-host/run-hooks.ts';
import type { DeliverySettings } from './accept.ts';
import type { HarvestLimits } from './harvest-guard.ts';

export interface Settings {
  readonly hostname: string;
  readonly headerBytes: number;
  readonly hops: number;
  /** Refused as unknown in one session before it is cut off. */
  readonly unknownRecipients: number;
  readonly harvest: HarvestLimits;
  readonly messageBytes: number;
  readonly delivery: DeliverySettings;
  /** Which inbound mail gets an ARC set of ours, where there is a key for it. */
  readonly sealed: 'changed' | 'always';
  /** Who takes complaints about mail of customers, in lower case. */
  readonly complaintAddresses: ReadonlySet<string>;
  /** Who takes answers to reports about caught mail, in lower case. */
  readonly releaseRequests: string | undefined;
  /** Subjects go into the records. */
  readonly recordsSubject: boolean;
  /** Listeners on which mail is taken only from those who have proven who they are. */
  readonly authenticatedListeners: ReadonlySet<string>;
}

export class Generation {
  readonly settings: Settings;
  readonly directory: Directory;
  readonly filters: PluginHost;
  readonly #retired = Promise.withResolvers<void>();
  #transactions = 0;
  #replaced = false;

  constructor(settings: Settings, directory: Directory, filters: PluginHost) {
    this.settings = settings;
    this.directory = directory;
    this.filters = filters;
  }

  enter(): this {
    this.#transactions += 1;
    return this;
  }
  leave(): void {
    this.#transactions -= 1;
    if (this.#replaced && this.#transactions === 0) this.#retired.resolve();
  }
  /** Resolves when no transaction uses this generation any more. */
  replaced(): Promise<void> {
    this.#replaced = true;
    if (this.#transactions === 0) this.#retired.resolve();
    return this.#retired.promise;
  }
}
