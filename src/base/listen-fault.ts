/** Why a port cannot be listened on, in words that say what to do about it. */
import { isIPv6 } from 'node:net';
import { CodedError, errorText } from './errors.ts';

export function listenFault(
  what: string,
  { address, port }: { readonly address: string; readonly port: number },
  cause: unknown,
): CodedError {
  const place = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why = {
    EADDRINUSE: `the port is taken: "ss -ltnp 'sport = :${port}'" says by whom`,
    EACCES: 'not permitted: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE',
    EADDRNOTAVAIL: 'this machine does not have the address',
  }[String(code)];
  const text = `${what} cannot listen on ${place}: ${why ?? errorText(cause)}`;
  return new CodedError('LISTEN_FAILED', text, { cause });
}
