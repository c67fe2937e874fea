/** All that a doctor is given to look at: a configuration that can be used, and what is around it. */
import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import type { ConfigSources } from '../config/sources.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import type { KeysOfDomain } from '../dkim/signer.ts';
import type { FilterResolver } from '../dns/resolver.ts';
import type { Running, ScannerAnswer } from './facts/running.ts';

/** What can be looked at even when the configuration has errors. */
export interface Premises {
  readonly data: string;
  readonly running: Running;
  /** Of the program that is installed. */
  readonly version: string;
  readonly clock: Clock;
  /** Where a problem of the configuration is, and what it is, in one line. */
  readonly place: (problem: Problem) => string;
}

export interface Installation extends Premises {
  readonly config: Config;
  readonly directory: Directory;
  readonly sources: ConfigSources;
  readonly problems: readonly Problem[];
  /** Domain files with errors: nothing of them is looked at. */
  readonly leftOut: readonly string[];
  /** The servers that the gateway asks. */
  readonly resolver: FilterResolver;
  /** Asked by this process, for a gateway that does not run. */
  readonly askScanners: (signal: AbortSignal) => Promise<readonly ScannerAnswer[]>;
}

/** What signs the mail of a domain under one of its names. */
export function keysOf({ signing }: Domain, name: string): KeysOfDomain | undefined {
  return signing.domains.find(({ domain }) => domain === name);
}

/** Its mail goes out to the world from the addresses of this gateway, not from a smarthost's. */
export function sendsFromHere({ directory }: Installation, { outgoing }: Domain): boolean {
  return outgoing.enabled && directory.smarthost === undefined;
}
