/**
 * Asks one list about one thing, and keeps in mind how the lists do: one that says that it does not
 * work is told in the log once, one that was silent three times in a row rests for a minute. Never
 * rejects; a question takes no longer than the list's timeout.
 */
import type { PluginHost } from 'sluice-mx/plugin';
import { isFailure, matches } from './return-codes.ts';

export interface AskedList {
  readonly zone: string;
  readonly codes: readonly string[];
  readonly action: 'score' | 'reject' | 'allow';
  readonly score?: number | undefined;
  /** In ms. */
  readonly timeout: number;
}

export interface ListAnswer {
  readonly list: AskedList;
  /** As a person writes it. */
  readonly about: string;
  /** `clear`: not listed, or not for a reason that counts. */
  readonly kind: 'listed' | 'clear' | 'failed';
  readonly codes: readonly string[];
}

const MAX_SILENCES = 3;
const REST_MS = 60_000;
/** Lists named in the configuration and the domains' overrides; more are asked without a memory. */
const MAX_KNOWN = 1000;
/** RFC 1035 2.3.4 */
const MAX_NAME = 253;

export class ListQuestions {
  readonly #host: Pick<PluginHost, 'dns' | 'log'>;
  readonly #told = new Set<string>();
  readonly #silent = new Map<string, { readonly times: number; readonly restsUntil: number }>();

  constructor(host: Pick<PluginHost, 'dns' | 'log'>) {
    this.#host = host;
  }

  async ask(
    list: AskedList,
    label: string,
    about: string,
    signal: AbortSignal,
  ): Promise<ListAnswer> {
    const zone = list.zone.toLowerCase();
    const name = `${label}.${zone}`;
    const clear: ListAnswer = { list, about, kind: 'clear', codes: [] };
    if (name.length > MAX_NAME) return clear;
    const failed: ListAnswer = { ...clear, kind: 'failed' };
    const before = this.#silent.get(zone);
    if (before !== undefined && before.restsUntil > performance.now()) return failed;
    const answer = await within(list.timeout, this.#host.dns.a(name), signal);
    if (answer === 'late' || answer.kind === 'unsure') {
      const times = (before?.times ?? 0) + 1;
      const restsUntil = times < MAX_SILENCES ? 0 : performance.now() + REST_MS;
      if (before !== undefined || this.#silent.size < MAX_KNOWN) {
        this.#silent.set(zone, { times, restsUntil });
      }
      return failed;
    }
    this.#silent.delete(zone);
    if (answer.kind !== 'found') return clear;
    const wrong = answer.records.find(isFailure);
    if (wrong !== undefined) {
      this.#tell(zone, wrong);
      return { ...failed, codes: answer.records };
    }
    const codes = answer.records.filter((code) => matches(list.codes, code));
    return codes.length === 0 ? clear : { ...clear, kind: 'listed', codes };
  }

  #tell(zone: string, answer: string): void {
    if (this.#told.has(zone) || this.#told.size >= MAX_KNOWN) return;
    this.#told.add(zone);
    const why = answer.startsWith('127.')
      ? 'it does not answer this resolver (not allowed, or too many questions)'
      : 'it has ended, or the resolver invents answers';
    this.#host.log('warn', `list ${zone} does not count: it answered ${answer}, so ${why}`);
  }
}

async function within<T>(ms: number, answer: Promise<T>, signal: AbortSignal): Promise<T | 'late'> {
  const late = Promise.withResolvers<'late'>();
  const end = () => late.resolve('late');
  const timer = setTimeout(end, ms);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
