/** What the operator demands of TLS to servers of others, by the domain of the recipient. */
import { asciiDomain } from './domain-name.ts';
import type { Destination } from './domain.ts';

type Tls = Destination['tls'];

/** Undefined: nothing is demanded of this domain. */
export type RemoteTlsTable = (domain: string) => Tls | undefined;

/**
 * Keys are a domain, `.example.org` for what lies below it, or `*` for all others. The longest that fits
 * counts.
 */
export function remoteTlsTable(settings: Readonly<Record<string, Tls>>): RemoteTlsTable {
  const table = new Map<string, Tls>();
  for (const [key, tls] of Object.entries(settings)) {
    table.set(key.startsWith('.') ? `.${asciiDomain(key.slice(1))}` : asciiDomain(key), tls);
  }
  if (table.size === 0) return () => undefined;
  return (domain) => {
    const name = asciiDomain(domain);
    const own = table.get(name);
    if (own !== undefined) return own;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const above = table.get(name.slice(dot));
      if (above !== undefined) return above;
    }
    return table.get('*');
  };
}
