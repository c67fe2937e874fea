/**
 * Passwords in the one form that both sides derive keys from (RFC 4013, "SASLprep"): what looks the same is
 * the same, whichever keyboard it was typed on. The directions of scripts (RFC 3454 6) are not looked at:
 * a client that minds them does not send such a password.
 */

/** RFC 3454 B.1: they vanish. */
const VANISHING =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;
/** RFC 3454 C.1.2 */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** RFC 3454 C.2 to C.9, and code points that mean nothing. */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Cn}\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}-\u{e007f}]/u;

/** Undefined when nobody may use it. */
export function saslPrep(text: string): string | undefined {
  const prepared = text.replace(SPACES, ' ').replace(VANISHING, '').normalize('NFKC');
  return prepared === '' || PROHIBITED.test(prepared) ? undefined : prepared;
}
