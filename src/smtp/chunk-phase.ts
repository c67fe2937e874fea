/**
 * Content that comes by BDAT (RFC 3030): chunks of an announced size, which are never searched for
 * commands or for an end. `ChunkedContent` lives as long as the message and gives what it reads to
 * the conversation's sink; `ChunkInVain` reads a chunk that nobody wants, for the client has sent it
 * all the same. A dot is a dot here; a bare CR or LF is refused as in DATA, wherever chunks are cut.
 */
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { Chunk } from './commands.ts';
import type { ContentInput, ContentStep } from './content-phase.ts';
import type { ContentFault, ContentSink } from './conversation.ts';
import { LineEnds } from './line-ends.ts';
import type { SessionSettings } from './session-settings.ts';

export class ChunkedContent implements ContentInput {
  readonly #sink: ContentSink;
  readonly #settings: SessionSettings;
  readonly #lines = new LineEnds();
  #fault: ContentFault | undefined;
  #sizeBytes = 0;
  /** The chunk that is being read, and how much of it is still to come. */
  #chunk: Chunk = { octets: 0, isLast: false };
  #left = 0;
  #endAt: number | undefined;

  constructor(sink: ContentSink, settings: SessionSettings) {
    this.#sink = sink;
    this.#settings = settings;
  }

  /** The next chunk is announced; false when the message grows too large with it. */
  open(chunk: Chunk): boolean {
    this.#sizeBytes += chunk.octets;
    this.#chunk = chunk;
    this.#left = chunk.octets;
    return this.#sizeBytes <= this.#settings.limits.messageSize;
  }

  take(bytes: Buffer, at: number): ContentStep {
    this.#endAt ??= at + this.#settings.timeouts.contentInAll;
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    if (this.#fault === undefined && !this.#lines.take(piece)) this.#fault = 'bare-line-end';
    const busy =
      this.#fault !== undefined || piece.length === 0 ? undefined : this.#sink.write(piece);
    if (this.#left === 0) return { kind: 'end', busy, rest: bytes.subarray(piece.length) };
    return at > this.#endAt ? tooSlow(this.#settings) : { kind: 'more', busy };
  }

  /** The final reply; behind a chunk that is not the last one, that it was read. */
  end(): Promise<Reply> {
    const { isLast, octets } = this.#chunk;
    if (isLast && this.#lines.tail === 'cr') this.#fault ??= 'bare-line-end';
    if (isLast || this.#fault !== undefined) return this.#sink.end(this.#fault);
    return Promise.resolve(replies.chunkRead(octets));
  }

  /** Ends it before its chunk is read: the refusal of a message that is too large. */
  refuseSize(): Promise<Reply> {
    return this.#sink.end('too-large');
  }

  /** The chunk that was opened last ends the message. */
  get isLast(): boolean {
    return this.#chunk.isLast;
  }

  abort(): void {
    this.#sink.abort();
  }
}

export class ChunkInVain implements ContentInput {
  readonly #refusal: Reply;
  readonly #settings: SessionSettings;
  #left: number;
  #endAt: number | undefined;

  constructor({ octets }: Chunk, refusal: Reply, settings: SessionSettings) {
    this.#left = octets;
    this.#refusal = refusal;
    this.#settings = settings;
  }

  take(bytes: Buffer, at: number): ContentStep {
    this.#endAt ??= at + this.#settings.timeouts.contentInAll;
    const count = Math.min(this.#left, bytes.length);
    this.#left -= count;
    if (this.#left === 0) return { kind: 'end', busy: undefined, rest: bytes.subarray(count) };
    return at > this.#endAt ? tooSlow(this.#settings) : { kind: 'more', busy: undefined };
  }

  /** RFC 3030 2: the refusal comes behind the octets. */
  end(): Promise<Reply> {
    return Promise.resolve(this.#refusal);
  }

  abort(): void {
    // Nobody knows of it.
  }
}

function tooSlow({ hostname }: SessionSettings): ContentStep {
  return { kind: 'overrun', reply: replies.idleTimeout(hostname) };
}
