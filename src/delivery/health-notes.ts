/**
 * The health of destinations across restarts: one small note for each that ever changed its state,
 * written at each change. An outage that was on goes on, with its true beginning; a note that is lost
 * or damaged costs a probe, never mail.
 */
import { paged } from '../base/paged.ts';
import { currentKey } from '../directory/destination-key.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { Health, HealthNote, Transition } from './destination-health.ts';

const NAMESPACE = 'dest-health';
/** A destination that did not change for so long has no outage to remember. */
const KEEP_MS = 400 * 24 * 3600 * 1000;
const STATES: readonly Health['state'][] = ['up', 'slow', 'refusing', 'down'];
const KINDS: readonly Health['lastKind'][] = ['answered', 'temporary', 'unreachable'];

export class HealthNotes {
  readonly #map: Pick<TtlMap, 'list' | 'put'>;

  constructor(map: Pick<TtlMap, 'list' | 'put'>) {
    this.#map = map;
  }

  async load(): Promise<HealthNote[]> {
    const notes = new Map<string, HealthNote>();
    const all = paged(
      (page) => this.#map.list(NAMESPACE, page),
      ({ key }) => key,
    );
    for await (const { key, entry } of all) {
      const current = currentKey(key);
      const note = decode(current, entry.value);
      // What was written under a key of old counts until there is something newer.
      if (note !== undefined && (key === current || !notes.has(current))) notes.set(current, note);
    }
    return [...notes.values()];
  }

  async keep({ key, health, history }: HealthNote): Promise<void> {
    const text = JSON.stringify({ health, history });
    await this.#map.put(NAMESPACE, key, Buffer.from(text), KEEP_MS);
  }
}

function decode(key: string, bytes: Uint8Array): HealthNote | undefined {
  try {
    const note = JSON.parse(Buffer.from(bytes).toString()) as Partial<HealthNote>; // stored by us
    const { health, history } = note;
    if (health === undefined || !isHealth(health) || !Array.isArray(history)) return undefined;
    return { key, health, history: history.filter(isTransition) };
  } catch {
    return undefined; // a damaged note costs a probe, nothing else
  }
}

function isHealth(value: Partial<Health>): value is Health {
  return (
    STATES.some((state) => state === value.state) &&
    KINDS.some((kind) => kind === value.lastKind) &&
    typeof value.since === 'number' &&
    typeof value.fails === 'number' &&
    typeof value.lastText === 'string' &&
    typeof value.lastAt === 'number' &&
    (value.goodAt === undefined || typeof value.goodAt === 'number')
  );
}

function isTransition(value: Partial<Transition>): value is Transition {
  return (
    STATES.some((state) => state === value.state) &&
    typeof value.at === 'number' &&
    typeof value.text === 'string'
  );
}
