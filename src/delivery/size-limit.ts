/**
 * SIZE (RFC 1870): a message larger than a host takes is not offered to it. Another host of the
 * destination may take more; when all of them say so it is final, as their word to MAIL would be.
 */
import type { Content } from '../mail/content.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replies } from '../mail/reply.ts';
import type { Offers } from '../smtp/client-commands.ts';

export const TOO_LARGE: Outcome = { kind: 'failed', reply: replies.tooLargeThere() };

export function isTooLarge(
  { maxBytes }: Pick<Offers, 'maxBytes'>,
  { sizeBytes }: Content,
): boolean {
  return maxBytes !== undefined && sizeBytes > maxBytes;
}
