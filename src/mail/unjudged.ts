/**
 * What is kept of a message that was taken although filters could not judge it (`on_error: hold`):
 * which of them are missing, what the others said, and what judging it later needs. As long as a
 * message has it, it is never due.
 */
import type { SessionView } from './session-view.ts';

export interface Unjudged {
  /** Names of the filters, in the order of the configuration. */
  readonly missing: readonly string[];
  /** What filters have said so far, as JSON; checked anew when it is read. */
  readonly said: string;
  /** The hosted domain whose policy it is judged by. */
  readonly domain: string;
  readonly session: SessionView;
  /** Who sends, for outbound mail. */
  readonly account?: string;
  /** Who is behind it, as far as the account tells. */
  readonly identity?: string;
  /** Our own Received field as filters see it: that on top may say less. */
  readonly received: string;
  /** Bytes of our own fields on top of the stored content; what the client sent is behind them. */
  readonly ownBytes: number;
  /** Whole fields for its top, should a person let it go as it is. */
  readonly fields: string;
  /** Its recipients could not be verified either: that is to be done before it goes. */
  readonly isUnverified?: boolean;
}
