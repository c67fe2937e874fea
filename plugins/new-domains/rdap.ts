/**
 * When a domain was registered, as its registry says by RDAP (RFC 9082, 9083). Which registry that is
 * stands in a bootstrap file (RFC 9224). Answers are remembered, a registry that does not answer rests,
 * and what is open at a time is bounded: registries count their questions. Never rejects.
 */
import type { PluginHost } from 'sluice-mx/plugin';

/** Milliseconds since 1970; `unknown`: nobody says, or nobody knows such a domain. */
export type Registered = number | 'unknown';

export interface RdapWay {
  /** Address of the bootstrap file. */
  readonly bootstrap: string;
  /** Of each question, in ms. */
  readonly timeout: number;
}

const MAX_BYTES = 1024 * 1024;
const MAX_OPEN = 20;
const MAX_KNOWN = 10_000;
const DAY_MS = 86_400_000;
/** A domain may be registered in a moment. */
const UNKNOWN_MS = 60_000;
const REST_MS = 60_000;

interface Remembered<T> {
  readonly answer: Promise<T>;
  endsAt: number;
}

type Registries = ReadonlyMap<string, string>;

export class Rdap {
  readonly #host: Pick<PluginHost, 'now' | 'log'>;
  readonly #domains = new Map<string, Remembered<Registered>>();
  readonly #bootstraps = new Map<string, Remembered<Registries | undefined>>();
  readonly #restsUntil = new Map<string, number>();
  #open = 0;

  constructor(host: Pick<PluginHost, 'now' | 'log'>) {
    this.#host = host;
  }

  registered(name: string, way: RdapWay): Promise<Registered> {
    const known = this.#domains.get(name);
    if (known !== undefined && known.endsAt > this.#host.now()) return known.answer;
    this.#domains.delete(name);
    const [oldest] = this.#domains.keys();
    if (this.#domains.size >= MAX_KNOWN && oldest !== undefined) this.#domains.delete(oldest);
    const answer = this.#ask(name, way);
    const entry = { answer, endsAt: Infinity };
    this.#domains.set(name, entry);
    void answer.then((registered) => {
      entry.endsAt = this.#host.now() + (registered === 'unknown' ? UNKNOWN_MS : DAY_MS);
    });
    return answer;
  }

  async #ask(name: string, { bootstrap, timeout }: RdapWay): Promise<Registered> {
    const registries = await this.#registries(bootstrap, timeout);
    const labels = name.split('.');
    const above = labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
    const base = above.map((parent) => registries?.get(parent)).find((one) => one !== undefined);
    if (base === undefined || (this.#restsUntil.get(base) ?? 0) > this.#host.now())
      return 'unknown';
    const answer = await this.#get(`${base}domain/${encodeURIComponent(name)}`, timeout);
    if (answer === 'failed') this.#restsUntil.set(base, this.#host.now() + REST_MS);
    return typeof answer === 'string' ? 'unknown' : registrationOf(answer.json);
  }

  #registries(bootstrap: string, timeout: number): Promise<Registries | undefined> {
    const known = this.#bootstraps.get(bootstrap);
    if (known !== undefined && known.endsAt > this.#host.now()) return known.answer;
    const answer = this.#get(bootstrap, timeout).then(async (file) => {
      const registries = typeof file === 'string' ? undefined : registriesOf(file.json);
      entry.endsAt = this.#host.now() + (registries === undefined ? REST_MS : DAY_MS);
      if (registries !== undefined) return registries;
      this.#host.log('warn', `no RDAP bootstrap file at ${bootstrap}`);
      // What was known goes on.
      return known?.answer;
    });
    const entry = { answer, endsAt: Infinity };
    this.#bootstraps.set(bootstrap, entry);
    return answer;
  }

  async #get(
    url: string,
    timeout: number,
  ): Promise<{ readonly json: unknown } | 'absent' | 'failed'> {
    if (this.#open >= MAX_OPEN) return 'absent';
    this.#open += 1;
    try {
      const response = await fetch(url, {
        headers: { accept: 'application/rdap+json, application/json' },
        // A registry answers itself; nobody is led elsewhere.
        redirect: 'error',
        signal: AbortSignal.timeout(timeout),
      });
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        return response.status === 404 ? 'absent' : 'failed';
      }
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of response.body) {
        length += part.length;
        if (length > MAX_BYTES) return 'failed';
        parts.push(part);
      }
      return { json: JSON.parse(Buffer.concat(parts).toString()) as unknown };
    } catch {
      return 'failed';
    } finally {
      this.#open -= 1;
    }
  }
}

/** `{"services": [[["org"], ["https://rdap.example/"]]]}`; undefined when it is something else. */
function registriesOf(file: unknown): Registries | undefined {
  const { services } = groupOf(file);
  if (!Array.isArray(services)) return undefined;
  const registries = new Map<string, string>();
  for (const service of services as unknown[]) {
    const [names, urls] = Array.isArray(service) ? (service as unknown[]) : [];
    const bases = textsOf(urls).filter((url) => /^https?:\/\/[^?#]+\/$/.test(url));
    const base = bases.find((url) => url.startsWith('https:')) ?? bases[0];
    if (base === undefined) continue;
    for (const name of textsOf(names)) registries.set(name.toLowerCase(), base);
  }
  return registries.size === 0 ? undefined : registries;
}

/** RFC 9083 4.5 */
function registrationOf(answer: unknown): Registered {
  const { events } = groupOf(answer);
  for (const event of Array.isArray(events) ? (events as unknown[]) : []) {
    const { eventAction, eventDate } = groupOf(event);
    if (eventAction !== 'registration' || typeof eventDate !== 'string') continue;
    const at = Date.parse(eventDate);
    if (Number.isFinite(at)) return at;
  }
  return 'unknown';
}

function groupOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
