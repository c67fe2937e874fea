/**
 * In whose hands a name is, roughly: names of one zone are answered, or not, by the same people. Without
 * a list of public suffixes: two labels, three below the names under which registries of countries sell.
 */

/** `co.uk`, `com.au`, `or.jp`: nobody can register them for himself. */
const SOLD_BELOW: ReadonlySet<string> = new Set([
  ...['ac', 'co', 'com', 'edu', 'go', 'gob', 'gov', 'gv', 'ne', 'net', 'or', 'org'],
]);
/** Of reverse names: a /16 of IPv4 and a /32 of IPv6, which is what one provider has. */
const IN_ADDR_LABELS = 4;
const IP6_LABELS = 10;

export function zoneOf(name: string): string {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  const [second = '', top = ''] = labels.slice(-2);
  if (top === 'arpa')
    return labels.slice(second === 'ip6' ? -IP6_LABELS : -IN_ADDR_LABELS).join('.');
  const isSoldBelow = top.length === 2 && SOLD_BELOW.has(second);
  return labels.slice(isSoldBelow ? -3 : -2).join('.');
}
