/** The client's name, if the DNS says it of the address and the name leads back to the address. */
import { isIPv6 } from 'node:net';
import type { Dns } from 'sluice-mx/plugin';

/** Who gives one address more names than these wants to be asked about for long. */
const MAX_NAMES = 3;

export async function clientName(dns: Dns, address: string): Promise<string | undefined> {
  const names = await dns.ptr(address);
  if (names.kind !== 'found') return undefined;
  for (const name of names.records.slice(0, MAX_NAMES)) {
    const back = isIPv6(address) ? await dns.aaaa(name) : await dns.a(name);
    if (back.kind === 'found' && back.records.includes(address)) return name;
  }
  return undefined;
}
