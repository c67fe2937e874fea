/**
 * Bounce address tags (BATV, draft-levine-smtp-batv): a server that signs the reverse-path of what it
 * sends gets bounces to `prvs=1234abcdef=anna@example.org`, which is the mailbox of anna. The tag is
 * taken off here, never verified: only the server that made it has the key.
 */
import type { Address } from './address.ts';

/** A digit for the key, three for the day, six hexadecimal ones of the signature. */
const TAGGED = /^prvs=\d{4}[0-9a-f]{6}=(.+)$/is;

/** The mailbox that an address with a tag stands for; one without is its own. */
export function untagged(address: Address): Address {
  const local = TAGGED.exec(address.local)?.[1];
  return local === undefined ? address : { ...address, local };
}
