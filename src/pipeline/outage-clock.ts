/**
 * How long each destination has been down, and how long beside that the mail of a domain was held by
 * an operator, in all. The age of what is remembered about recipients is counted without that time,
 * so that neither switches verification off. The sum survives a restart; what was on at the restart
 * goes on until its end is told.
 */
import type { Clock } from '../base/clock.ts';
import { paged } from '../base/paged.ts';
import { currentKey } from '../directory/destination-key.ts';
import type { TtlMap } from '../store/ttl-map.ts';

const NAMESPACE = 'outage';
/** Longer than anything remembered about a recipient. */
const KEEP_MS = 400 * 24 * 3600 * 1000;

interface Outages {
  /** Milliseconds of outages that are over. */
  readonly endedMs: number;
  /** When the present one began. */
  readonly since: number | undefined;
}

export class OutageClock {
  readonly #map: TtlMap;
  readonly #clock: Clock;
  readonly #outages = new Map<string, Outages>();

  constructor(map: TtlMap, clock: Clock) {
    this.#map = map;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    const all = paged(
      (page) => this.#map.list(NAMESPACE, page),
      ({ key }) => key,
    );
    for await (const { key, entry } of all) {
      const outages = decode(entry.value);
      const current = currentKey(key);
      // What was written under a key of old counts until there is something newer.
      if (outages !== undefined && (key === current || !this.#outages.has(current)))
        this.#outages.set(current, outages);
    }
  }

  /** Milliseconds this destination was down so far, the present outage included. */
  stoppedMs(destination: string): number {
    const outages = this.#outages.get(destination);
    if (outages === undefined) return 0;
    const present =
      outages.since === undefined ? 0 : Math.max(0, this.#clock.now() - outages.since);
    return outages.endedMs + present;
  }

  /** While the destination of the domain is up: time in which it is down counts there. */
  async holds(domain: string, isHeld: boolean): Promise<void> {
    await (isHeld ? this.down(holdName(domain)) : this.up(holdName(domain)));
  }

  /** Milliseconds in which nobody could be asked about a recipient of the domain. */
  silentMs(destination: string, domain: string): number {
    return this.stoppedMs(destination) + this.stoppedMs(holdName(domain));
  }

  async down(destination: string): Promise<void> {
    const outages = this.#outages.get(destination) ?? { endedMs: 0, since: undefined };
    if (outages.since !== undefined) return;
    await this.#set(destination, { endedMs: outages.endedMs, since: this.#clock.now() });
  }

  async up(destination: string): Promise<void> {
    const outages = this.#outages.get(destination);
    if (outages?.since === undefined) return;
    await this.#set(destination, { endedMs: this.stoppedMs(destination), since: undefined });
  }

  async #set(destination: string, outages: Outages): Promise<void> {
    this.#outages.set(destination, outages);
    await this.#map.put(NAMESPACE, destination, Buffer.from(JSON.stringify(outages)), KEEP_MS);
  }
}

/** No destination has such a name. */
function holdName(domain: string): string {
  return `hold ${domain}`;
}

function decode(bytes: Uint8Array): Outages | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString()) as Partial<Outages>; // stored by us
    if (typeof value.endedMs !== 'number') return undefined;
    return { endedMs: value.endedMs, since: value.since };
  } catch {
    return undefined; // a damaged note costs a callout, nothing else
  }
}
