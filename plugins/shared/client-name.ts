/** The client's name, if the DNS says it of the address and the name leads back to the address. */
import { isIPv6 } from 'node:net';
import type { Dns } from 'sluice-mx/plugin';
import { dnsName } from './dns-name.ts';
import { canonical } from './public-address.ts';

/** Who gives one address more names than these wants to be asked about for long. */
const MAX_NAMES = 3;

export async function clientName(dns: Dns, address: string): Promise<string | undefined> {
  const names = await dns.ptr(address);
  if (names.kind !== 'found') return undefined;
  for (const record of names.records.slice(0, MAX_NAMES)) {
    const name = dnsName(record);
    if (name === undefined) continue;
    const back = isIPv6(address) ? await dns.aaaa(name) : await dns.a(name);
    if (back.kind !== 'found') continue;
    if (back.records.some((one) => canonical(one) === canonical(address))) return name;
  }
  return undefined;
}
