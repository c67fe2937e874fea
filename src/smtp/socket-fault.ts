/**
 * A fault of a socket in words for administrators: log, queue listing and trace say `connection
 * refused`, once, and never the system call, the code or an address that stands beside it anyway.
 * What is not known here is shown as it came.
 */
import { errorText } from '../base/errors.ts';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ECONNABORTED: 'connection aborted',
  EPIPE: 'connection closed by peer',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  EHOSTDOWN: 'host down',
  ENETUNREACH: 'network unreachable',
  ENETDOWN: 'network down',
  ENOTFOUND: 'host name not found',
  ENODATA: 'host name has no address',
  EAI_AGAIN: 'host name could not be looked up for now',
  EACCES: 'not permitted by this machine',
  EPERM: 'not permitted by this machine',
  EADDRNOTAVAIL: 'no local address to connect from',
  EMFILE: 'too many open files on this machine',
  ENFILE: 'too many open files on this machine',
};

export function socketFaultText(error: unknown): string {
  const { code, reason } = detailsOf(error);
  const words = code === undefined ? undefined : WORDS[code];
  if (words !== undefined) return words;
  // OpenSSL's own sentence, without the source file and line it stands among.
  if (reason !== undefined && reason !== '') return errorText(new Error(reason));
  return errorText(error);
}

function detailsOf(error: unknown): { code?: string; reason?: string } {
  // A name with several addresses, none of which answered: the first one's fault stands for all.
  if (error instanceof AggregateError && error.errors.length > 0) return detailsOf(error.errors[0]);
  if (!(error instanceof Error)) return {};
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined;
  return { ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) };
}
