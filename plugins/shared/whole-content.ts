/** All of a message in memory, for daemons that want its length first. The caller has looked at its size. */
import type { Content } from 'sluice-mx/plugin';

/** Rejects when fewer or more bytes come than there should be. */
export async function wholeOf(content: Content): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content.read()) {
    parts.push(chunk);
    bytes += chunk.length;
  }
  if (bytes !== content.sizeBytes) throw new Error('content is not whole');
  return parts;
}
