/**
 * How a connection to the next host must be secured: one pure function of what is known about the other
 * side before it is spoken to. What is still to be known one day (a policy that the domain publishes,
 * keys in its DNS) is one more fact here and nothing elsewhere.
 */
import type { Destination } from '../directory/domain.ts';

export type RemoteTls = Destination['tls'];

export interface RemoteFacts {
  /** `mx`: a host that the domain of the recipient names; `smarthost`: one of ours on the way. */
  readonly hop: 'mx' | 'smarthost';
  /** What is set for the hop itself. */
  readonly tls: RemoteTls;
  /** What the operator demands for mail to this domain; undefined: nothing. */
  readonly demanded: RemoteTls | undefined;
}

export function transportPolicy({ hop, tls, demanded }: RemoteFacts): RemoteTls {
  if (demanded === undefined) return tls;
  // Nobody's wish for less counts for a host that all mail goes over.
  if (hop === 'smarthost') return demanded === 'required' ? 'required' : tls;
  return demanded;
}
