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
  /** Neither clean nor infected: clamd does not take content of this size. */
  | { readonly kind: 'too-large' };

const COMMAND = Buffer.from('zINSTREAM\0');
const END = Buffer.alloc(4);
/** Written at once; a small message leaves whole, in one system call. */
const BATCH_BYTES = 64 * 1024;
const MAX_NAME = 100;

const FOUND = /^stream: ([\x20-\x7e]{1,400}) FOUND$/;
/** Debian's clamd adds digest and size of what it found (ExtendedDetectionInfo). */
const EXTENDED = /\([0-9a-f]{32,64}:\d{1,20}\)$/;

export async function instream(
  sessions: Sessions,
  endpoint: Endpoint,
  received: Uint8Array,
  content: Content,
  signal: AbortSignal,
): Promise<Scan> {
  const { text, isEarly } = await sessions.ask(endpoint, signal, async (write) => {
    let batch: Uint8Array[] = [COMMAND];
    let batchBytes = 0;
    let contentBytes = 0;
    const add = (chunk: Uint8Array) => {
      if (chunk.length === 0) return; // a length of zero would end the stream
      batch.push(lengthOf(chunk), chunk);
      batchBytes += chunk.length;
    };
    add(received);
    for await (const chunk of content.read()) {
      add(chunk);
      contentBytes += chunk.length;
      if (batchBytes < BATCH_BYTES) continue;
      if (!(await write(batch))) return false;
      batch = [];
      batchBytes = 0;
    }
    if (contentBytes !== content.sizeBytes) throw new Error('content is not whole');
    batch.push(END);
    return write(batch);
  });
  if (/size limit exceeded/i.test(text)) return { kind: 'too-large' };
  if (isEarly) throw new Error(`clamd answered before it had all: ${printable(text)}`);
  if (text === 'stream: OK') return { kind: 'clean' };
  const name = FOUND.exec(text)?.[1];
  if (name === undefined) throw new Error(`clamd answered: ${printable(text)}`);
  const fit = name.replace(EXTENDED, '').replace(/[^\w.:/+-]+/g, '_');
  return { kind: 'found', name: fit.slice(0, MAX_NAME) };
}

function lengthOf(chunk: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(chunk.length);
  return bytes;
}
