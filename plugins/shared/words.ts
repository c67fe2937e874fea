/** How daemons and what they say are named in logs. */
import type { Endpoint } from 'sluice-mx/plugin';

const MAX_SAID = 100;

export function formatEndpoint(endpoint: Endpoint): string {
  return 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}

/** What a daemon said, in printable ASCII, cut. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, '?').slice(0, MAX_SAID);
}
