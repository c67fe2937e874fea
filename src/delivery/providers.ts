/**
 * Limits towards those who take mail for very many domains: they are known by the names of their hosts,
 * and all their domains together get no more connections and no more messages than was set. Which provider
 * a domain is with is learnt whenever its hosts are looked up. A domain that has other hosts too counts for
 * itself: who takes mail there must not speak for the provider, nor keep its connections.
 */
import type { Destination } from '../directory/domain.ts';
import type { FindExchangers } from './remote-hosts.ts';

export interface Provider {
  /** A host name, or `*.example.net` for all below it. */
  readonly mx: readonly string[];
  readonly maxConnections: number | undefined;
  readonly rate: Destination['rate'] | undefined;
}

/** Domains whose hosts are remembered; the one asked for longest ago is forgotten. */
const MAX_DOMAINS = 50_000;

export class Providers {
  readonly #settings: () => readonly Provider[];
  /** By domain. */
  readonly #hosts = new Map<string, readonly string[]>();

  /** As in force now. */
  constructor(settings: () => readonly Provider[]) {
    this.#settings = settings;
  }

  /** The same, heard by us. */
  learning(find: FindExchangers): FindExchangers {
    return async (domain) => {
      const found = await find(domain);
      if (found.kind === 'found' && this.#settings().length > 0) {
        this.#learn(domain, [...new Set(found.hosts.map(({ host }) => host))]);
      }
      return found;
    };
  }

  /** Undefined for mail to configured hosts, and while nobody has looked. */
  of({ mx }: Pick<Destination, 'mx'>): Provider | undefined {
    const hosts = mx === undefined ? undefined : this.#hosts.get(mx);
    return hosts && this.#settings().find((one) => hosts.every((host) => isOf(one, host)));
  }

  /** Whether asking would teach anything. */
  isUnknown({ mx }: Pick<Destination, 'mx'>): boolean {
    return mx !== undefined && this.#settings().length > 0 && !this.#hosts.has(mx);
  }

  #learn(domain: string, hosts: readonly string[]): void {
    this.#hosts.delete(domain);
    const oldest = this.#hosts.size < MAX_DOMAINS ? undefined : this.#hosts.keys().next().value;
    if (oldest !== undefined) this.#hosts.delete(oldest);
    this.#hosts.set(domain, hosts);
  }
}

/** What counts and is counted for all domains of a provider, or for a destination alone. */
export function shareKey(
  destination: Pick<Destination, 'key'>,
  provider: Provider | undefined,
): string {
  return provider === undefined ? destination.key : `provider:${provider.mx[0] ?? ''}`;
}

function isOf({ mx }: Provider, host: string): boolean {
  return mx.some((name) => (name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name));
}
