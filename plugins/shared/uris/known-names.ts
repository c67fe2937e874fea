/** Names that somebody has named before: with all that is below them. */

import { asciiAddress } from '../ascii-address.ts';

/** `name` is in ASCII; those that somebody has written may be in Unicode. */
export function isBelow(name: string, domains: readonly string[]): boolean {
  return domains.some((given) => {
    const domain = asciiAddress(given);
    return name === domain || name.endsWith(`.${domain}`);
  });
}

/** A host in a domain that is served here. */
export function isOwn(name: string, isHosted: (domain: string) => boolean): boolean {
  const labels = name.split('.');
  return labels.some((_, at) => isHosted(labels.slice(at).join('.')));
}
