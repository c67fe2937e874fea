/**
 * The networks of servers that many customers send through, kept in step with the SPF records that
 * name them (RFC 7208). Looked up beside the mail, from time to time; when that fails, what was known
 * stays, over restarts too. Being in one makes nobody a customer: see `sender-policy.ts`.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Domain } from '../directory/domain.ts';
import type { Network } from '../directory/network.ts';
import { formatNetwork, isTooWide, networkAround, NetworkMap } from '../directory/network.ts';
import type { TtlMap } from '../store/ttl-map.ts';

/** An address with the length of the prefix. */
interface Prefix {
  readonly address: string;
  readonly bits: number;
}

type FoundNetworks =
  | {
      readonly kind: 'found';
      readonly networks: readonly Prefix[];
      readonly except: readonly Prefix[];
    }
  | { readonly kind: 'unsure' | 'unusable'; readonly text: string };

export interface SharedNetworksOptions {
  /** What a record names, as the DNS has it now. */
  readonly find: (record: string) => Promise<FoundNetworks>;
  /** The domains in force. */
  readonly domains: () => readonly Pick<Domain, 'name' | 'outgoing'>[];
  readonly map: Pick<TtlMap, 'get' | 'put'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is known of one record. */
export interface SharedNetworksView {
  /** Undefined: it was never found. */
  readonly networks: readonly string[] | undefined;
  /** When it was found, milliseconds since the epoch. */
  readonly foundAt: number | undefined;
  /** Why it could not be found again. */
  readonly fault: string | undefined;
}

/** A record that customers send by and that is not to be had. */
export interface LostRecord {
  readonly record: string;
  /** Whose mail comes through the servers that it names. */
  readonly domains: readonly string[];
  /** Since when what is known of it is as it was, or nothing is known. */
  readonly since: number;
  readonly isKnown: boolean;
  readonly text: string;
}

interface Fault {
  readonly since: number;
  readonly text: string;
}

const NAMESPACE = 'spf-networks';
/** A name server may be out of reach for hours; who owns the record seldom changes it in that time. */
const LOST_MS = 24 * 3600_000;
/** A record that nobody names any more is forgotten at last. */
const KEEP_MS = 400 * 24 * 3600_000;
const EVERY_MS = 10 * 60_000;
/** RFC 7208 4.6.4 gives a whole evaluation at least 20 seconds. */
const FIND_MS = 20_000;
/** Networks that one line of the log names. */
const NAMED = 10;

interface Kept {
  readonly networks: readonly string[];
  readonly except: readonly string[];
  readonly foundAt: number;
}

interface Known extends Kept {
  /** True where it lets send. */
  readonly map: NetworkMap<boolean>;
  readonly exceptMap: NetworkMap<boolean>;
}

export class SharedNetworks {
  readonly #options: SharedNetworksOptions;
  readonly #known = new Map<string, Known>();
  readonly #faults = new Map<string, Fault>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #isAgain = false;
  #isOn = false;

  constructor(options: SharedNetworksOptions) {
    this.#options = options;
  }

  /** Ready when what was kept is at hand. */
  async start(): Promise<void> {
    this.#isOn = true;
    for (const record of this.#records()) await this.#recall(record);
    this.look();
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    this.#timer?.stop();
    await this.#looking;
  }

  /** Now rather than at its time: other records may be named. */
  look(): void {
    if (!this.#isOn) return;
    if (this.#looking !== undefined) {
      this.#isAgain = true;
      return;
    }
    this.#timer?.stop();
    this.#looking = this.#lookAtAll().finally(() => {
      this.#looking = undefined;
      if (!this.#isOn) return;
      const ms = this.#isAgain ? 0 : EVERY_MS;
      this.#isAgain = false;
      this.#timer = this.#options.clock.timer(ms, () => this.look());
    });
  }

  /** Is it one of the record's? Undefined: the record was never found. */
  has(record: string, address: string): boolean | undefined {
    const known = this.#known.get(record);
    if (known === undefined) return undefined;
    return known.map.find(address) === true && known.exceptMap.find(address) === undefined;
  }

  view(record: string): SharedNetworksView {
    const { networks, foundAt } = this.#known.get(record) ?? {};
    return { networks, foundAt, fault: this.#faults.get(record)?.text };
  }

  /** Records that have not been found for a day, or never. */
  lost(): readonly LostRecord[] {
    const now = this.#options.clock.now();
    return [...this.#faults].flatMap(([record, { since: failedAt, text }]) => {
      const foundAt = this.#known.get(record)?.foundAt;
      const since = foundAt ?? failedAt;
      if (foundAt !== undefined && now - foundAt < LOST_MS) return [];
      const isOf = ({ outgoing }: Pick<Domain, 'outgoing'>) =>
        outgoing.accounts.some(({ by }) => by.kind === 'spf' && by.record === record);
      const domains = this.#options.domains().filter(isOf);
      const names = domains.map(({ name }) => name);
      return [{ record, domains: names, since, isKnown: foundAt !== undefined, text }];
    });
  }

  #records(): ReadonlySet<string> {
    const accounts = this.#options.domains().flatMap(({ outgoing }) => outgoing.accounts);
    return new Set(accounts.flatMap(({ by }) => (by.kind === 'spf' ? [by.record] : [])));
  }

  async #lookAtAll(): Promise<void> {
    const records = this.#records();
    for (const record of [...this.#known.keys(), ...this.#faults.keys()]) {
      if (records.has(record)) continue;
      this.#known.delete(record);
      this.#faults.delete(record);
    }
    // One after the other: there is no hurry.
    for (const record of records) {
      if (!this.#isOn) return;
      if (!this.#known.has(record)) await this.#recall(record);
      await this.#lookAt(record);
    }
  }

  async #lookAt(record: string): Promise<void> {
    const { find, clock } = this.#options;
    const found = await withDeadline(clock, FIND_MS, `SPF record of ${record}`, () =>
      find(record),
    ).catch((error: unknown) => ({ kind: 'unsure' as const, text: errorText(error) }));
    if (found.kind !== 'found') {
      this.#failed(record, found.text);
      return;
    }
    const networks = unique(found.networks);
    const wide = networks.find(isTooWide);
    if (wide !== undefined) {
      this.#failed(record, `${formatNetwork(wide)} is wider than an account may be`);
      return;
    }
    this.#faults.delete(record);
    await this.#keep(record, {
      networks: networks.map(formatNetwork),
      except: unique(found.except).map(formatNetwork),
      foundAt: clock.now(),
    });
  }

  async #keep(record: string, kept: Kept): Promise<void> {
    const { map, log } = this.#options;
    const before = this.#known.get(record);
    this.#known.set(record, knownOf(kept));
    const old = new Set(before?.networks);
    const now = new Set(kept.networks);
    const added = kept.networks.filter((network) => !old.has(network));
    const removed = [...old].filter((network) => !now.has(network));
    if (before === undefined || added.length > 0 || removed.length > 0) {
      log.emit('spf.change', {
        ...{ record, n: now.size },
        ...(before !== undefined && { added: some(added), removed: some(removed) }),
      });
    }
    const bytes = Buffer.from(JSON.stringify(kept));
    await map.put(NAMESPACE, record, bytes, KEEP_MS).catch((error: unknown) => {
      log.emit('store.error', { record, err: errorText(error) });
    });
  }

  #failed(record: string, text: string): void {
    const before = this.#faults.get(record);
    if (before?.text === text) return;
    const since = before?.since ?? this.#options.clock.now();
    this.#faults.set(record, { since, text });
    const known = this.#known.get(record);
    this.#options.log.emit('spf.error', { record, n: known?.networks.length, err: text });
  }

  async #recall(record: string): Promise<void> {
    const { map, log } = this.#options;
    try {
      const entry = await map.get(NAMESPACE, record);
      const kept = entry && decode(entry.value);
      if (kept !== undefined && !this.#known.has(record)) this.#known.set(record, knownOf(kept));
    } catch (error) {
      log.emit('store.error', { record, err: errorText(error) });
    }
  }
}

function unique(prefixes: readonly Prefix[]): Network[] {
  const networks = prefixes.flatMap(({ address, bits }) => networkAround(address, bits) ?? []);
  return [...new Map(networks.map((network) => [formatNetwork(network), network])).values()];
}

function knownOf(kept: Kept): Known {
  return { ...kept, map: mapOf(kept.networks), exceptMap: mapOf(kept.except) };
}

function mapOf(texts: readonly string[]): NetworkMap<boolean> {
  const map = new NetworkMap<boolean>();
  for (const text of texts) {
    const [address = '', bits] = text.split('/');
    const network = networkAround(address, Number(bits));
    if (network !== undefined) map.set(network, true);
  }
  return map;
}

function some(networks: readonly string[]): readonly string[] | undefined {
  return networks.length === 0 ? undefined : networks.slice(0, NAMED);
}

/** A damaged note is as none: the record is looked up at once. */
function decode(bytes: Uint8Array): Kept | undefined {
  try {
    const { networks, except, foundAt } = JSON.parse(
      Buffer.from(bytes).toString(),
    ) as Partial<Kept>; // stored by us
    if (!areTexts(networks) || !areTexts(except) || typeof foundAt !== 'number') return undefined;
    return { networks, except, foundAt };
  } catch {
    return undefined;
  }
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && one.includes('/'));
}
