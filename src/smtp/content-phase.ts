/**
 * The time between 354 and the final dot: content goes through its reader into the conversation's
 * sink. What is too large or at fault is still read to its true end, so that nothing of it passes for
 * commands, but not for ever: far beyond the limit, or after too long, the session is closed.
 */
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import { ContentReader } from './content-reader.ts';
import type { ContentSink } from './conversation.ts';
import type { SessionSettings } from './session-settings.ts';

/** Octets that are no commands, and what becomes of them. */
export interface ContentInput {
  /** Takes what came in, which it may change; times are of the monotonic clock. */
  take(chunk: Buffer, at: number): ContentStep;
  /** All of it was read: the answer to it. */
  end(): Promise<Reply>;
  /** The session is over before that. */
  abort(): void;
}

/** Read in vain beyond twice the limit, so that a small limit still leaves room for a reply. */
export const OVERRUN_BYTES = 1024 * 1024;

export type ContentStep =
  | { readonly kind: 'more'; readonly busy: Promise<void> | undefined }
  /** All of it was read; `rest` is what follows. */
  | { readonly kind: 'end'; readonly busy: Promise<void> | undefined; readonly rest: Buffer }
  /** Enough: the session must be closed with this reply. */
  | { readonly kind: 'overrun'; readonly reply: Reply };

export class ContentPhase implements ContentInput {
  readonly #sink: ContentSink;
  readonly #settings: SessionSettings;
  readonly #reader: ContentReader;
  readonly #endAt: number;

  constructor(sink: ContentSink, settings: SessionSettings, startedAt: number) {
    this.#sink = sink;
    this.#settings = settings;
    this.#reader = new ContentReader(settings.limits.messageSize);
    this.#endAt = startedAt + settings.timeouts.contentInAll;
  }

  take(chunk: Buffer, at: number): ContentStep {
    const { piece, rest } = this.#reader.read(chunk);
    const busy = piece === undefined ? undefined : this.#sink.write(piece);
    if (rest !== undefined) return { kind: 'end', busy, rest };
    const { hostname, limits } = this.#settings;
    if (this.#reader.readBytes > 2 * limits.messageSize + OVERRUN_BYTES) {
      return { kind: 'overrun', reply: replies.sizeExceeded(limits.messageSize) };
    }
    if (at > this.#endAt) return { kind: 'overrun', reply: replies.idleTimeout(hostname) };
    return { kind: 'more', busy };
  }

  end(): Promise<Reply> {
    return this.#sink.end(this.#reader.fault);
  }

  abort(): void {
    this.#sink.abort();
  }
}
