/** The gateway that runs on this configuration, if one does, as far as it says so itself. */

export interface RunningGateway {
  readonly kind: 'running';
  readonly pid: number | undefined;
  readonly version: string;
  readonly state: string;
  readonly ready: boolean;
  readonly uptimeMs: number;
  /** In milliseconds since the Unix epoch; undefined when it does not say. */
  readonly loadedAt: number | undefined;
  /** The newest configuration was refused. */
  readonly stale: boolean;
  /** Keys that come into force only when it is started anew. */
  readonly needsRestart: readonly string[];
  readonly listeners: readonly RunningListener[];
  readonly scanners: readonly ScannerAnswer[];
  /** Queues that are damaged on disk. */
  readonly damaged: readonly string[];
}

export interface RunningListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** What a scanner, or its silence, said. */
export interface ScannerAnswer {
  readonly name: string;
  readonly up: boolean;
  readonly text: string;
  /** Of which day that is by which it judges; undefined for one that nobody has to keep new. */
  readonly signatures: { readonly age: string; readonly text: string } | undefined;
}

export type Running =
  | RunningGateway
  /** Nobody listens on the socket. */
  | { readonly kind: 'none'; readonly text: string }
  /** The socket may not be opened, or what answers makes no sense. */
  | { readonly kind: 'denied' | 'silent'; readonly text: string };
