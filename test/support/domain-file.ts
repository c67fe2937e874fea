/** A domain file for scenarios: destination on this machine, the rest as given. */
export function domainFile(
  destination: number | readonly number[],
  more: Readonly<Record<string, string>> = {},
  domain = 'example.org',
): string {
  const hosts = typeof destination === 'number' ? [destination] : destination;
  const text =
    hosts.length === 1
      ? `127.0.0.1:${hosts[0]}`
      : `{ hosts: [${hosts.map((port, i) => `{ host: 127.0.0.1, port: ${port}, priority: ${i * 10} }`).join(', ')}] }`;
  const lines = { domain, destination: text, recipients: 'any', ...more };
  return Object.entries(lines)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}
