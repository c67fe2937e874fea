/**
 * Reason words: why something was refused, held or put off. One closed list; the word appears in the
 * SMTP reply, the log (`why`), the trace and the help page, and never changes its meaning.
 */
export type Reason =
  | 'unknown_rcpt'
  | 'relay_denied'
  | 'sender' // not one that this account may use
  | 'rbl'
  | 'spf'
  | 'dmarc'
  | 'spam'
  | 'virus'
  | 'policy'
  | 'rate'
  | 'auth' // a login that failed
  | 'limit'
  | 'locked'
  | 'size'
  | 'proto'
  | 'tls'
  | 'dns'
  | 'scanner_down'
  | 'spool_full'
  | 'quota' // too much waits already, of this domain or of all
  | 'dest_down'
  | 'destination' // the destination itself refused it
  | `plugin:${string}`;
