/**
 * The server's half of a TLS handshake on a connection that exists already (RFC 3207, RFC 8314).
 * Bytes that the client sent in the clear after STARTTLS reach the handshake and break it; they are
 * never commands. The caller keeps the deadline: it destroys the socket.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { CodedError } from '../base/errors.ts';
import type { TlsView } from '../mail/session-view.ts';

/** Made when a login asks for it: most never do. */
export type ChannelBinding = () => Uint8Array;

export function secureServerSide(socket: Socket, context: SecureContext): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
    const settle = () => {
      secured.off('secure', onSecure);
      secured.off('error', onError);
      secured.off('end', onClose);
      secured.off('close', onClose);
    };
    const onSecure = () => {
      settle();
      // Without a tls.Server, Node tells of broken records here alone and lets the connection hang.
      secured.on('_tlsError', (error: Error) => secured.destroy(error));
      resolve(secured);
    };
    const onError = (cause: Error) => {
      settle();
      // Errors that follow the first one have nobody left to tell.
      secured.on('error', () => undefined);
      secured.destroy();
      socket.destroy();
      reject(new CodedError('TLS_FAILED', cause.message, { cause }));
    };
    const onClose = () => onError(new Error('connection lost in the TLS handshake'));
    secured.on('secure', onSecure);
    secured.on('error', onError);
    // Our half stays open when the client's ends, here as well.
    secured.on('end', onClose);
    secured.on('close', onClose);
  });
}

export function tlsView(socket: TLSSocket): TlsView {
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
  };
}

/** What both ends of this very connection know, and nobody between them (RFC 9266); only TLS 1.3 has it. */
export function channelBinding(socket: TLSSocket): ChannelBinding | undefined {
  if (socket.getProtocol() !== 'TLSv1.3') return undefined;
  return () => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}
