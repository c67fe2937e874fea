/**
 * The first moments of a connection that a load balancer brings: reads its PROXY header, within a
 * deadline, and leaves the socket as if the client's first byte came next. The socket is paused when
 * the header was read; whoever takes it over lets it flow again.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { ProxyHeader } from './proxy-header.ts';
import { readProxyHeader } from './proxy-header.ts';

/** The proxy sends it with its first packet; a lost one comes again within seconds. */
const HEADER_MS = 10_000;

export type Introduction =
  | Exclude<ProxyHeader, { kind: 'more' }>
  /** The connection ended before it said anything, as health checks do. */
  | { readonly kind: 'gone' };

export function readIntroduction(socket: Socket, clock: Clock): Promise<Introduction> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (introduction: Introduction) => {
      timer.stop();
      socket.pause();
      socket.off('data', onData);
      socket.off('end', onGone);
      socket.off('close', onGone);
      resolve(introduction);
    };
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.kind === 'more') return;
      settle(header);
      if (header.kind === 'header' && header.length < bytes.length) {
        socket.unshift(bytes.subarray(header.length));
      }
    };
    const onGone = () =>
      settle(bytes.length === 0 ? { kind: 'gone' } : { kind: 'bad', what: 'cut PROXY header' });
    const timer = clock.timer(HEADER_MS, () => settle({ kind: 'bad', what: 'late PROXY header' }));
    socket.on('data', onData);
    socket.on('end', onGone);
    socket.on('close', onGone);
    // It closes as well, and that is told above.
    socket.on('error', () => undefined);
  });
}
