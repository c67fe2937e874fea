/**
 * Reads the replies of an SMTP server (RFC 5321 4.2) from chunks of bytes, however they are cut.
 * What comes in is hostile until proven otherwise: a reply has a bounded size, one code on all its
 * lines, lines that end in CRLF. Anything else throws `PEER_PROTOCOL`, after which the connection
 * is of no use. Does no I/O and knows nothing of commands.
 */
import { CodedError } from '../base/errors.ts';
import type { Reply } from '../mail/reply.ts';

/** RFC 5321 4.5.3.1.5 says 512 octets; real servers send more, with links in refusals. */
const MAX_LINE_BYTES = 4096;
/** EHLO of large providers has some 20 lines. */
const MAX_LINES = 100;
const MAX_REPLY_BYTES = 64 * 1024;

const CR = 0x0d;
const LF = 0x0a;
const CODE = /^[2-5][0-9][0-9]$/;
/** RFC 3463 2: class, subject, detail; then a space or the end of the line. */
const ENHANCED = /^[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)/;

export class ReplyReader {
  readonly #take: (reply: Reply) => boolean;
  /** The unfinished line at the end of the last chunk. */
  #rest: Buffer | undefined;
  #code = '';
  #lines: string[] = [];
  #replyBytes = 0;

  /** `take` gets each reply; by answering `false` it has the rest of the chunk thrown away. */
  constructor(take: (reply: Reply) => boolean) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LF, from);
      if (end < 0) break;
      const line = this.#line(chunk, from, end);
      from = end + 1;
      const reply = this.#add(line);
      if (reply !== undefined && !this.#take(reply)) {
        this.#rest = undefined;
        return;
      }
    }
    if (from === chunk.length) return;
    const rest = chunk.subarray(from);
    // Copied: a few bytes must not keep a whole read buffer alive.
    this.#rest = Buffer.concat(this.#rest === undefined ? [rest] : [this.#rest, rest]);
    if (this.#rest.length > MAX_LINE_BYTES) throw bad('line too long');
  }

  /** The text of the line that ends with the LF at `end`, without its CRLF. */
  #line(chunk: Buffer, from: number, end: number): string {
    let bytes = chunk;
    let start = from;
    let stop = end;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(from, end)]);
      start = 0;
      stop = bytes.length;
      this.#rest = undefined;
    }
    const length = stop - start + 1;
    if (length > MAX_LINE_BYTES) throw bad('line too long');
    this.#replyBytes += length;
    if (stop === start || bytes[stop - 1] !== CR) throw bad('bare LF');
    const text = bytes.toString('utf8', start, stop - 1);
    if (text.includes('\0')) throw bad('NUL');
    if (text.includes('\r')) throw bad('bare CR');
    return text;
  }

  /** Takes a line into the open reply; returns the reply when this was its last line. */
  #add(line: string): Reply | undefined {
    const code = line.slice(0, 3);
    const separator = line.charAt(3);
    if (!CODE.test(code)) throw bad('no reply code');
    // RFC 5321 4.2.1: a code without text and without a space is to be taken.
    if (separator !== ' ' && separator !== '-' && separator !== '') throw bad('no reply code');
    if (this.#lines.length > 0 && code !== this.#code) throw bad('mixed reply codes');
    this.#code = code;
    this.#lines.push(line.slice(4));
    if (this.#lines.length > MAX_LINES || this.#replyBytes > MAX_REPLY_BYTES) {
      throw bad('reply too long');
    }
    if (separator === '-') return undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#replyBytes = 0;
    return withEnhanced(code, lines);
  }
}

/** RFC 2034 3: the enhanced code stands at the start of each line and has the class of the code. */
function withEnhanced(code: string, lines: readonly string[]): Reply {
  const [first = ''] = lines;
  // Most replies have none: seen at their second character.
  const enhanced = first.charAt(1) === '.' ? ENHANCED.exec(first)?.[0] : undefined;
  if (enhanced === undefined || enhanced[0] !== code[0]) return { code: Number(code), lines };
  const texts = lines.map((line) =>
    line.startsWith(enhanced) ? line.slice(enhanced.length).trimStart() : line,
  );
  return { code: Number(code), enhanced, lines: texts };
}

function bad(what: string): CodedError {
  return new CodedError('PEER_PROTOCOL', `broken SMTP reply: ${what}`);
}
