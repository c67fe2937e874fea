/**
 * Work on a connection of a destination: a kept one, else one to the first host that takes it. Work
 * that got nowhere, because a kept connection was dead already or a host broke off, is done again on
 * the next. Callers see one attempt; connections are kept, counted and closed here.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Destination } from '../directory/domain.ts';
import type { SmtpClient } from '../smtp/client.ts';
import type { ConnectionCount } from './connection-pool.ts';
import { ConnectionPool } from './connection-pool.ts';
import { createHosts } from './host-walk.ts';
import type { Providers } from './providers.ts';
import { shareKey } from './providers.ts';
import type { Origin } from './rate-limits.ts';
import type { HostWalk, HostWalkOptions, NoHost } from './host-walk.ts';

export interface ConnectionsOptions extends HostWalkOptions {
  /** Limits for many destinations together. */
  readonly providers?: Pick<Providers, 'of'> | undefined;
}

/** What still runs when the gateway stops has this long to end by itself. */
const STOP_MS = 30_000;

/** `beside`: other connections to it, at work or between two messages. */
export interface Refused {
  readonly kind: 'no-host';
  readonly why: NoHost;
  readonly beside: number;
}

export type Attempt<T> =
  | {
      readonly kind: 'worked';
      readonly client: SmtpClient;
      readonly value: T;
      readonly connectMs: number;
      /** It got nowhere, and why there was no other host that might have done better. */
      readonly elsewhere?: NoHost;
      /** A connection of its own was refused before. */
      readonly crowd?: Refused;
    }
  | Refused
  /** No permit for a connection in time, or the gateway is stopping. */
  | { readonly kind: 'busy' };

/**
 * Never rejects. `gotNowhere` asks for another connection; `unfit` as well, and says nothing about
 * the destination.
 */
export type Work<T> = (client: SmtpClient) => Promise<{ value: T; gotNowhere: boolean } | 'unfit'>;

export class Connections {
  readonly #clock: Clock;
  readonly #pool: ConnectionPool;
  readonly #walk: ReturnType<typeof createHosts>;
  /** With the key of the destination. */
  readonly #busy = new Map<SmtpClient, string>();
  #running = 0;
  #ended: (() => void) | undefined;

  constructor(options: ConnectionsOptions) {
    this.#clock = options.clock;
    const { providers } = options;
    this.#pool = new ConnectionPool(options.clock, (destination) => {
      const provider = providers?.of(destination);
      if (provider?.maxConnections === undefined) return undefined;
      const { maxConnections } = provider;
      return { key: shareKey(destination, provider), maxConnections };
    });
    this.#walk = createHosts(options);
  }

  async use<T>(
    destination: Destination,
    work: Work<T>,
    signal?: AbortSignal,
    origin: Origin = 'session',
  ): Promise<Attempt<T>> {
    const startedAt = this.#clock.mono();
    const first = await this.#use(destination, work, signal, origin, startedAt);
    if (first.kind !== 'no-host' || !isCrowded(destination, first)) return first;
    // The message is not to blame: one of the connections that are open will be free for it.
    this.#pool.crowded(destination, first.beside);
    const next = await this.#use(destination, work, signal, origin, startedAt);
    return next.kind === 'worked' ? { ...next, crowd: first } : first;
  }

  async #use<T>(
    destination: Destination,
    work: Work<T>,
    signal: AbortSignal | undefined,
    origin: Origin,
    startedAt: number,
  ): Promise<Attempt<T>> {
    const grant = await this.#pool.acquire(destination, signal, origin);
    if (grant.kind === 'busy') return grant;
    this.#running += 1;
    let client = grant.kept;
    const onAbort = () => client?.close(stopReason(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      let hosts: HostWalk | undefined;
      let last: Extract<Attempt<T>, { kind: 'worked' }> | undefined;
      for (;;) {
        if (client === undefined) {
          hosts ??= this.#walk(destination, origin);
          const dialed = await hosts.next(signal);
          if (dialed.client === undefined) {
            const { why } = dialed;
            const beside = this.#open(destination.key);
            return last === undefined
              ? { kind: 'no-host', why, beside }
              : { ...last, elsewhere: why };
          }
          client = dialed.client;
          if (signal?.aborted === true) onAbort();
        }
        this.#busy.set(client, destination.key);
        const connectMs = this.#clock.mono() - startedAt;
        const done = await work(client);
        this.#busy.delete(client);
        if (done !== 'unfit') {
          last = { kind: 'worked', client, value: done.value, connectMs };
          if (!done.gotNowhere || signal?.aborted === true) return last;
        }
        await client.quit();
        client = undefined;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (client !== undefined) this.#busy.delete(client);
      this.#pool.release(destination, client, grant.group);
      this.#running -= 1;
      if (this.#running === 0) this.#ended?.();
    }
  }

  /** Opens a connection without a permit, to see whether that works; kept if there is room. */
  async probe(destination: Destination, signal: AbortSignal): Promise<NoHost | undefined> {
    const dialed = await this.#walk(destination, 'probe').next(signal);
    if (dialed.client === undefined) return dialed.why;
    this.#pool.adopt(destination, dialed.client);
    return undefined;
  }

  count(key: string): ConnectionCount {
    return this.#pool.view(key);
  }

  #open(key: string): number {
    const atWork = [...this.#busy.values()].filter((other) => other === key).length;
    return atWork + this.#pool.view(key).kept;
  }

  /** No new work; what runs may end, within bounds. */
  async stop(): Promise<void> {
    this.#pool.stop();
    if (this.#running === 0) return;
    const timer = this.#clock.timer(STOP_MS, () => {
      for (const client of this.#busy.keys()) client.close();
      this.#ended?.();
    });
    await new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    timer.stop();
  }
}

/** A server of a customer to which others are open has refused one more in words. */
function isCrowded({ mx }: Destination, { why, beside }: Refused): boolean {
  return mx === undefined && beside > 0 && why.reply !== undefined && why.isFinal !== true;
}

function stopReason(signal: AbortSignal | undefined): CodedError | undefined {
  const reason: unknown = signal?.reason;
  return reason instanceof CodedError ? reason : undefined;
}
