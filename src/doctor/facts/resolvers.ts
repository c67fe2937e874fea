/** The DNS servers that are asked, each by itself: whether it answers, and whether it is honest. */
import { getServers } from 'node:dns';
import type { Clock } from '../../base/clock.ts';
import { randomToken } from '../../base/ids.ts';
import type { Endpoint } from '../../config/endpoint.ts';
import { formatEndpoint } from '../../config/endpoint.ts';
import type { AddressRecord, Lookup } from '../../dns/resolver.ts';
import { createSystemResolver } from '../../dns/system-resolver.ts';

export interface ServerFacts {
  readonly server: string;
  /** Of the host name. */
  readonly answer: Lookup<AddressRecord>;
  /** Of a name that nobody has. */
  readonly nobody: Lookup<AddressRecord>;
  readonly ms: number;
}

export function serversOf(configured: readonly Endpoint[] | undefined): string[] {
  return configured?.map(formatEndpoint) ?? getServers();
}

export async function askServer(
  server: string,
  hostname: string,
  clock: Clock,
): Promise<ServerFacts> {
  const resolver = createSystemResolver({ clock, servers: () => [server] });
  const startedAt = clock.mono();
  const first = resolver.a(hostname).then((answer) => {
    return { answer, ms: Math.round(clock.mono() - startedAt) };
  });
  const [{ answer, ms }, nobody] = await Promise.all([
    first,
    resolver.a(`sluice-${randomToken(8)}.com`),
  ]);
  return { server, answer, nobody, ms };
}
