/**
 * Reason words: why something was refused, held or put off. One closed list; the word appears in the
 * SMTP reply, the log (`why`), the trace and docs/reasons.md, and never changes its meaning.
 */
export const REASONS = [
  'unknown_rcpt',
  'relay_denied',
  'sender', // not one that this account may use
  'rbl',
  'rdns', // the client's address has no proper name
  'helo', // the name that the client says it has
  'forged', // a sender of a domain served here, from outside
  'spf',
  'dmarc',
  'spam',
  'virus',
  'attachment', // a file that is not let through
  'uri', // what the mail leads to
  'bulk', // a newsletter, a list or an automatic reply where none are wanted
  'policy',
  'new_domain', // registered a short time ago
  'blocked', // on a list of the recipient, his domain or the operator
  'bounce', // of mail that was never sent from here
  'greylist', // not known yet: whoever comes again is taken
  'rate',
  'auth', // a login that failed
  'limit',
  'locked',
  'size',
  'proto',
  'tls',
  'dns',
  'scanner_down',
  'spool_full',
  'quota', // too much waits already, of this domain or of all
  'dest_down',
  'ldap_down', // the directory of the recipients does not answer
  'destination', // the destination itself refused it
] as const;

export type Reason = (typeof REASONS)[number] | `plugin:${string}`;

/** Why a message waits for a person, beside the reasons above. */
export const HOLD_REASONS = [
  'by_hand',
  'expired',
  'undeliverable',
  'outage', // its recipient is not known, and nobody could be asked
  'damaged',
  'unjudged', // a filter could not judge it yet
] as const;

export type HoldReason = Reason | (typeof HOLD_REASONS)[number];

const OF_A_PLUGIN = /^plugin:[a-z0-9-]{1,64}$/;

export function isReason(word: unknown): word is Reason {
  if (typeof word !== 'string') return false;
  return REASONS.some((reason) => reason === word) || OF_A_PLUGIN.test(word);
}
