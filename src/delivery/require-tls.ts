/**
 * REQUIRETLS (RFC 8689): what a message that must never go in the clear asks of the way to its
 * destination. Pure functions. The name that the certificate must bear is the host as it is
 * configured, a name or an address; MX hosts are told by a DNS that anybody may have forged, so no
 * connection to them counts. Reports go on whatever they are offered (RFC 8689 5), else they were lost.
 */
import type { Destination } from '../directory/domain.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replies } from '../mail/reply.ts';
import type { Offers } from '../smtp/client-commands.ts';

/** A connection after EHLO. */
export interface Link {
  /** `TLSv1.3`, or `-` for plaintext. */
  readonly tls: string;
  /** Somebody whom we trust says that the peer is the host that was meant. */
  readonly isVerified: boolean;
  readonly offers: Pick<Offers, 'startTls' | 'requireTls'>;
}

export function requiresTls(envelope: Pick<Envelope, 'reversePath' | 'parameters'>): boolean {
  return envelope.parameters.requireTls === true && envelope.reversePath !== null;
}

/** No connection to it can ever be good enough. */
export function isBeyondRequireTls({ mx, tls }: Destination): boolean {
  return mx !== undefined || tls === 'off';
}

/** Undefined: nobody knows, for TLS was offered and failed. */
export function givesRequireTls({ tls, isVerified, offers }: Link): boolean | undefined {
  if (tls === '-' && offers.startTls) return undefined;
  return tls !== '-' && isVerified && offers.requireTls;
}

/** What becomes of a message that requires TLS and must not go over this connection. */
export function withoutRequiredTls(link: Link): Outcome | undefined {
  switch (givesRequireTls(link)) {
    case true:
      return undefined;
    case false:
      return UNMET;
    case undefined:
      return { kind: 'deferred', text: 'TLS is required and failed' };
  }
}

export const UNMET: Outcome = { kind: 'failed', reply: replies.requireTlsUnmet() };
