/** What is written to the log, and more of it for a while. */
import type { Level } from '../base/log-levels.ts';

export interface LogLevelState {
  /** That of the configuration. */
  readonly level: Level;
  readonly focus: LogFocus | undefined;
}

export interface LogFocus {
  readonly level: Level;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** An address or a network of clients; absent: of all. */
  readonly ip?: string;
}

export interface LogLevelView {
  state(): LogLevelState;
  /**
   * In place of the one before; undefined: what the configuration says, and no more. False, and nothing
   * done, when `ip` is neither an address nor a network.
   */
  focus(wish: LogFocus | undefined): boolean;
}
