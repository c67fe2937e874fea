/**
 * The message of a session that comes in chunks (RFC 3030), from its first chunk to its end. Asks the
 * conversation for a sink at the first one, as DATA does. What is refused here has ended, the
 * conversation included; its octets are still to be read.
 */
import type { Reply } from '../mail/reply.ts';
import { isPositive } from '../mail/reply.ts';
import { ChunkedContent } from './chunk-phase.ts';
import type { Chunk } from './commands.ts';
import type { Conversation } from './conversation.ts';
import type { SessionSettings } from './session-settings.ts';
import type { SessionState } from './session-state.ts';
import { stateAfterChunk } from './session-state.ts';

export class Chunking {
  readonly #conversation: Conversation;
  readonly #settings: SessionSettings;
  #content: ChunkedContent | undefined;

  constructor(conversation: Conversation, settings: SessionSettings) {
    this.#conversation = conversation;
    this.#settings = settings;
  }

  get isOpen(): boolean {
    return this.#content !== undefined;
  }

  /** What reads the next chunk, or the refusal of the whole message. */
  async next(chunk: Chunk): Promise<ChunkedContent | Reply> {
    if (this.#content === undefined) {
      const taken = await this.#conversation.data();
      if (!('write' in taken)) {
        this.#conversation.reset();
        return taken;
      }
      this.#content = new ChunkedContent(taken, this.#settings);
    }
    const content = this.#content;
    if (content.open(chunk)) return content;
    this.#content = undefined;
    return content.refuseSize();
  }

  /** Where the session is after content, or a chunk of it, was read and answered. */
  stateAfter(reply: Reply): SessionState {
    const isLast = this.#content?.isLast ?? true;
    const goesOn = !isLast && isPositive(reply);
    if (!goesOn) this.#content = undefined;
    return stateAfterChunk('content', isLast, goesOn);
  }

  abort(): void {
    this.#content?.abort();
    this.#content = undefined;
  }
}
