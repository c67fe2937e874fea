/**
 * The catalogue of surprises. What is expected (a refusal, a virus, a peer that is down) is a value;
 * what is thrown carries one of these codes, which stay stable and are never given a new meaning.
 */
export type ErrorCode =
  | 'DEADLINE' // an outside wait took longer than it may
  | 'PEER_CLOSED' // the other side closed the connection
  | 'PEER_PROTOCOL' // the other side broke its protocol
  | 'PEER_OUT_OF_STEP' // the other side answered what it was not asked
  | 'CONNECT_FAILED' // no connection could be made
  | 'CONTENT_UNFIT' // content holds what must not go on the wire
  | 'CONTENT_UNREADABLE' // content could not be read back while it was being sent
  | 'TLS_FAILED' // the TLS handshake or a certificate check failed
  | 'AUTH_FAILED' // the login at a server was not possible, or must not be tried
  | 'STORE_FAILED' // a write failed: the store is suspect and takes no more
  | 'STORE_FULL' // too little disk space left to accept mail
  | 'STORE_SILENT' // a read of the store took longer than it may
  | 'STORE_LOCKED' // another process has the store open
  | 'STORE_DAMAGED' // the store on disk cannot be opened or read
  | 'CONFIG_INVALID' // the configuration has errors
  | 'PLUGIN_INVALID' // a plugin file cannot be used
  | 'LISTEN_FAILED' // a port cannot be bound
  | 'CLIENT_GONE' // the client left while it was being served
  | 'LIMIT' // a bound was reached
  | 'STOPPING'; // the gateway is going down

export class CodedError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CodedError';
    this.code = code;
  }
}

/** Nothing else is known: whoever asked comes again. */
export function isOfStore(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith('STORE_');
}

/** The text of anything thrown, bounded, on one line, for logs and traces. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 300);
}
