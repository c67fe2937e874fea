/**
 * The pattern of an identity in header fields: a regular expression of the operator that meets text
 * from the network. What would take for ever on some text is no pattern.
 */

const MAX_LENGTH = 200;
/** A group that repeats what repeats, or names a group again: its time may grow with every letter. */
const NESTED = /\([^)]*[+*}][^)]*\)[+*{]|\\[1-9]|\\k/;

/** Undefined when it is none. */
export function identityPattern(text: string): RegExp | undefined {
  if (text.length > MAX_LENGTH || NESTED.test(text)) return undefined;
  try {
    return new RegExp(text, 'u');
  } catch {
    return undefined;
  }
}
