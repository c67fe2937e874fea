/** Entries and contents for the tests of the stores. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Content, StagedFile } from '../../src/mail/content.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { outgoingContent } from '../../src/mail/outgoing-content.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import { systemClock } from '../../src/base/clock.ts';
import { StagingArea } from '../../src/pipeline/staging.ts';

export function entry(id: string, more: Partial<SpoolEntry> = {}): SpoolEntry {
  return {
    v: 1,
    id,
    dest: 'example.com',
    direction: 'in',
    reversePath: { local: 'sender', domain: 'example.org' },
    parameters: { size: 1000, body: '8BITMIME' },
    recipients: [{ address: { local: 'user', domain: 'example.com' }, parameters: {} }],
    sizeBytes: 1000,
    queuedAt: 1_000_000,
    expiresAt: 9_000_000,
    attempts: 0,
    senderProven: false,
    maybeDelivered: false,
    client: { address: '192.0.2.1', hello: 'mail.example.org' },
    ...more,
  };
}

export function held(id: string, more: Partial<SpoolEntry> = {}): SpoolEntry {
  const hold = { by: 'gateway', at: 1, reason: 'undeliverable', text: 'no such user' } as const;
  return entry(id, { ...more, hold });
}

/** Filters have still to judge it. */
export function unjudged(id: string, more: Partial<SpoolEntry> = {}): SpoolEntry {
  const session = {
    sid: 'A',
    listener: 'mx',
    remote: { address: '192.0.2.1', port: 4321 },
    local: { address: '192.0.2.3', port: 25 },
    openedAt: 2,
    tls: undefined,
    login: undefined,
    hello: undefined,
  };
  const left = { missing: ['clamav'], said: '[]', domain: 'example.com', fields: '', received: '' };
  const hold = {
    ...({ by: 'gateway', at: 1, reason: 'unjudged', text: 'not judged by clamav yet' } as const),
    unjudged: { ...left, session, ownBytes: 0 },
  };
  return entry(id, { ...more, hold });
}

/** Bytes that differ at every place and for every seed. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2_654_435_761 + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** Content in chunks of `chunk` bytes; with `streamed`, readable only as a stream. */
export function contentOf(
  bytes: Uint8Array,
  { chunk = 65_536, streamed = false }: { chunk?: number; streamed?: boolean } = {},
): Content {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk));
  const content = memoryContent(chunks);
  return streamed ? { sizeBytes: content.sizeBytes, read: () => content.read() } : content;
}

const TOP_BYTES = 100;

/** Content as the pipeline has it of a large message: our fields, then what lies in a file beside `folder`. */
export async function stagedContent(
  folder: string,
  bytes: Uint8Array,
  t?: Pick<TestContext, 'after'>,
): Promise<Content & { readonly file: StagedFile }> {
  const staging = (
    await StagingArea.open(join(folder, '..', 'staging'), async () => undefined, systemClock)
  ).begin('X');
  t?.after(() => staging.discard());
  for (let at = TOP_BYTES; at < bytes.length; at += 65_536)
    await staging.write(bytes.slice(at, Math.min(bytes.length, at + 65_536)));
  const content = outgoingContent(bytes.subarray(0, TOP_BYTES), await staging.finish(), []);
  const { file } = content;
  if (file === undefined) throw new Error(`${bytes.length} bytes lie in memory`);
  return { ...content, file };
}

export async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
