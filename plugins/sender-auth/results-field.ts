/**
 * The value of our Authentication-Results field (RFC 8601): printable ASCII of bounded length,
 * whatever sender, client and name servers have put into what was found. Comments go first when there
 * is little room, then properties, then signatures; SPF, DMARC and ARC always have their place.
 */
import type { AuthenticateResult } from 'mailauth';

const MAX_VALUE = 880;
const MAX_ENTRY = 240;

export function resultsField(hostname: string, found: AuthenticateResult): string {
  const { spf, dmarc, arc, dkim } = found;
  const single = [spf, dmarc, arc].map((result) => (result === false ? undefined : result.info));
  const infos = [...single, ...dkim.results.map(({ info }) => info)];
  let value = hostname;
  for (const info of infos) {
    if (info === undefined) continue;
    const entry = `; ${entryOf(info)}`;
    if (value.length + entry.length <= MAX_VALUE) value += entry;
  }
  return value;
}

function entryOf(info: string): string {
  const full = info.replace(/[^\x20-\x7e]+/g, '?');
  if (full.length <= MAX_ENTRY) return full;
  const uncommented = full.replace(/ \((?:[^()\\]|\\.)*\)/g, '');
  if (uncommented.length <= MAX_ENTRY) return uncommented;
  return /^[a-z]+=[A-Za-z0-9-]{1,40}/.exec(full)?.[0] ?? '';
}
