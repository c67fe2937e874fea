/**
 * Which of several addresses is asked first: those in working order as configured, then those that
 * failed within the last half minute. Remembers failures only, and of no more addresses than are
 * configured.
 */
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from './connection.ts';

const AVOID_MS = 30_000;
const MAX_REMEMBERED = 1000; // overrides of many domains may name many addresses

export class AddressBook {
  readonly #failedAt = new Map<string, number>();

  /** The first good answer of an address; rejects with the last failure when there is none. */
  async first<T>(
    endpoints: readonly Endpoint[],
    signal: AbortSignal,
    ask: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    let last: unknown;
    for (const endpoint of this.#inOrder(endpoints)) {
      try {
        const answer = await ask(endpoint);
        this.#failedAt.delete(formatEndpoint(endpoint));
        return answer;
      } catch (error) {
        if (this.#failedAt.size < MAX_REMEMBERED) {
          this.#failedAt.set(formatEndpoint(endpoint), performance.now());
        }
        last = error;
        if (signal.aborted) break;
      }
    }
    throw last;
  }

  #inOrder(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    if (this.#failedAt.size === 0) return endpoints;
    const since = performance.now() - AVOID_MS;
    const isBad = (endpoint: Endpoint) =>
      (this.#failedAt.get(formatEndpoint(endpoint)) ?? -Infinity) > since;
    return [...endpoints.filter((e) => !isBad(e)), ...endpoints.filter((e) => isBad(e))];
  }
}
