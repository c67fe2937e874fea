/**
 * The number behind the id of a message that is released to one of its recipients. It comes from the
 * recipient, so it is the same whenever the release is done, and is beyond the numbers that the parts
 * of mail for several destinations have (delivery/fan-out), so that neither takes the other's id.
 */
import { createHash } from 'node:crypto';

/** Twelve digits are what an id has room for; parts of the queue are far below the first of these. */
const FIRST = 100_000_000_000;
const HOW_MANY = 899_999_999_999;

/** The number of a recipient, then those to take when another recipient has it. */
export function* partNumbers(recipient: string): Generator<number> {
  const digest = createHash('sha256').update(recipient).digest();
  const own = digest.readUIntBE(0, 6) % HOW_MANY;
  for (let next = own; ; next = (next + 1) % HOW_MANY) yield FIRST + next;
}
