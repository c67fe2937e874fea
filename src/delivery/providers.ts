/**
 * Limits towards those who take mail for very many domains: they are known by the names of their hosts,
 * and all their domains together get no more connections and no more messages than was set. Which provider
 * a domain is with is learnt whenever its hosts are looked up.
 */
import type { Destination } from '../directory/domain.ts';
import type { FindExchangers } from './remote-hosts.ts';

export interface Provider {
  /** A host name, or `*.example.net` for all below it. */
  readonly mx: readonly string[];
  readonly maxConnections: number | undefined;
  readonly rate: Destination['rate'] | undefined;
}

/** Domains whose best host is remembered; the one asked for longest ago is forgotten. */
const MAX_DOMAINS = 50_000;

export class Providers {
  readonly #settings: () => readonly Provider[];
  /** Best host by domain. */
  readonly #hosts = new Map<string, string>();

  /** As in force now. */
  constructor(settings: () => readonly Provider[]) {
    this.#settings = settings;
  }

  /** The same, heard by us. */
  learning(find: FindExchangers): FindExchangers {
    return async (domain) => {
      const found = await find(domain);
      const best = found.kind === 'found' ? found.hosts[0]?.host : undefined;
      if (best !== undefined && this.#settings().length > 0) this.#learn(domain, best);
      return found;
    };
  }

  /** Undefined for mail to configured hosts, and while nobody has looked. */
  of({ mx }: Pick<Destination, 'mx'>): Provider | undefined {
    const host = mx === undefined ? undefined : this.#hosts.get(mx);
    if (host === undefined) return undefined;
    return this.#settings().find((one) => one.mx.some((pattern) => fits(host, pattern)));
  }

  /** Whether asking would teach anything. */
  isUnknown({ mx }: Pick<Destination, 'mx'>): boolean {
    return mx !== undefined && this.#settings().length > 0 && !this.#hosts.has(mx);
  }

  #learn(domain: string, host: string): void {
    this.#hosts.delete(domain);
    const oldest = this.#hosts.size < MAX_DOMAINS ? undefined : this.#hosts.keys().next().value;
    if (oldest !== undefined) this.#hosts.delete(oldest);
    this.#hosts.set(domain, host);
  }
}

/** What counts and is counted for all domains of a provider, or for a destination alone. */
export function shareKey(
  destination: Pick<Destination, 'key'>,
  provider: Provider | undefined,
): string {
  return provider === undefined ? destination.key : `provider:${provider.mx[0] ?? ''}`;
}

function fits(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
