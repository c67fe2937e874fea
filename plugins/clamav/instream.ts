/**
 * clamd's command INSTREAM (clamd(8)): content in chunks with their length in front, a chunk of
 * length zero at the end, one reply. Only "OK" to the whole content means clean and only a name with
 * "FOUND" means infected; every other reply, and one that comes before the end, throws.
 */
import type { Content, Endpoint } from 'sluice-mx/plugin';
import { printable } from '../shared/words.ts';
import type { Sessions } from './sessions.ts';

export type Scan =
  | { readonly kind: 'clean' }
  | { readonly kind: 'found'; readonly name: string }
  /** Neither clean nor infected: a limit of clamd's kept it from looking at all of it. */
  | { readonly kind: 'too-large'; readonly limit: string };

const COMMAND = Buffer.from('zINSTREAM\0');
const END = Buffer.alloc(4);
/** Each is written at once; a small message is one, and leaves whole in one system call. */
const CHUNK_BYTES = 64 * 1024;
const MAX_NAME = 100;

const FOUND = /^stream: ([\x20-\x7e]{1,400}) FOUND$/;
/** Debian's clamd adds digest and size of what it found (ExtendedDetectionInfo). */
const EXTENDED = /\([0-9a-f]{32,64}:\d{1,20}\)$/;
/** What clamd says with AlertExceedsMax (clamd.conf(5)) when it has found nothing and left something out. */
const EXCEEDED = 'Heuristics.Limits.Exceeded';

export async function instream(
  sessions: Sessions,
  endpoint: Endpoint,
  received: Uint8Array,
  content: Content,
  signal: AbortSignal,
): Promise<Scan> {
  const { text, isEarly } = await sessions.ask(endpoint, signal, async (write) => {
    let begin = [COMMAND];
    let pieces = [received];
    let bytes = received.length;
    let contentBytes = 0;
    const chunk = () => (bytes === 0 ? [] : [lengthOf(bytes), ...pieces]); // a length of zero ends the stream
    for await (const piece of content.read()) {
      pieces.push(piece);
      bytes += piece.length;
      contentBytes += piece.length;
      if (bytes < CHUNK_BYTES) continue;
      if (!(await write([...begin, ...chunk()]))) return false;
      begin = [];
      pieces = [];
      bytes = 0;
    }
    if (contentBytes !== content.sizeBytes) throw new Error('content is not whole');
    return write([...begin, ...chunk(), END]);
  });
  if (/size limit exceeded/i.test(text)) return { kind: 'too-large', limit: 'StreamMaxLength' };
  if (isEarly) throw new Error(`clamd answered before it had all: ${printable(text)}`);
  if (text === 'stream: OK') return { kind: 'clean' };
  const name = FOUND.exec(text)?.[1];
  if (name === undefined) throw new Error(`clamd answered: ${printable(text)}`);
  const fit = name.replace(EXTENDED, '').replace(/[^\w.:/+-]+/g, '_');
  const short = fit.slice(0, MAX_NAME);
  if (short.startsWith(EXCEEDED)) return { kind: 'too-large', limit: short };
  return { kind: 'found', name: short };
}

function lengthOf(chunkBytes: number): Uint8Array {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(chunkBytes);
  return length;
}
