/**
 * Mail that the destination may have already, for its final reply was lost: it goes again with the
 * same ids, and says so on top, so that the destination or a person can tell a doubled message by
 * more than its Message-ID.
 */
import type { Content } from '../mail/content.ts';
import { outgoingContent } from '../mail/outgoing-content.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import { formatField } from '../mail/trace-fields.ts';

const FIELD = 'X-Sluice-Maybe-Duplicate';

export function markedIfDoubted(
  { id, maybeDelivered }: Pick<SpoolEntry, 'id' | 'maybeDelivered'>,
  content: Content,
): Content {
  if (!maybeDelivered) return content;
  return outgoingContent(Buffer.from(formatField({ name: FIELD, value: id })), content, []);
}
