/**
 * Which of several addresses of a daemon is asked first: those in working order as configured, then
 * those that failed within the last half minute. After that one question is put to them, and they are
 * avoided until it has an answer; a daemon that is silent still does not keep that question from the
 * next address. Nor does one that falls silent, where its plugin knows a sign of life to ask for: work
 * may take long, a sign does not. One book for each loaded plugin. Remembers failures only, and a
 * bounded number of them; knows nothing of what is asked.
 */
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { CodedError } from '../base/errors.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { Endpoint } from '../plugin.ts';

const AVOID_MS = 30_000;
/** The question that finds out whether one answers again is somebody's mail, and others can answer it. */
const DOUBT_MS = 2000;
/** An answer that takes longer is work or silence; a sign of life tells which. */
const PATIENCE_MS = 2000;
/** Both together are less than a probe waits, so that it finds the next address. */
const SIGN_MS = 2000;
/** Overrides of many domains may name many addresses; an older failure makes room. */
const MAX_REMEMBERED = 1000;

/** Made once: an error with its stack costs as much as asking. */
const SETTLED = new CodedError('STOPPING', 'the question has an answer, or goes elsewhere');

type Ask<T> = (endpoint: Endpoint, signal: AbortSignal) => Promise<T>;

/** One of several has failed, or (without an error) answers again. */
export type AddressChange = (address: string, error?: unknown) => void;

export class AddressBook {
  readonly #clock: Clock;
  readonly #onChange: AddressChange;
  readonly #failedAt = new Map<string, number>();

  constructor(clock: Clock, onChange: AddressChange = () => undefined) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** The first answer; rejects with the last failure when there is none. */
  async firstAnswer<T>(
    endpoints: readonly Endpoint[],
    signal: AbortSignal,
    ask: Ask<T>,
    sign?: Ask<unknown>,
  ): Promise<T> {
    let last: unknown;
    const isOneOfSeveral = endpoints.length > 1;
    const order = this.#inOrder(endpoints);
    for (const endpoint of order) {
      const name = nameOf(endpoint);
      // A daemon that hangs costs one question its deadline, and not every one.
      const isDoubtful = this.#failedAt.has(name);
      if (isDoubtful) this.#remember(name);
      try {
        const answer = await (endpoint === order.at(-1)
          ? ask(endpoint, signal)
          : isDoubtful
            ? withDeadline(this.#clock, DOUBT_MS, name, (soon) => ask(endpoint, soon), signal)
            : this.#unlessSilent(endpoint, signal, ask, sign));
        if (this.#failedAt.delete(name) && isOneOfSeveral) this.#onChange(name);
        return answer;
      } catch (error) {
        last = error;
        if (saysSomething(signal)) {
          if (isOneOfSeveral && !this.#failedAt.has(name)) this.#onChange(name, error);
          this.#remember(name);
        }
        if (signal.aborted) break;
      }
    }
    // Made only here: an error with its stack costs as much as asking.
    throw last ?? new Error('no address to ask');
  }

  /** The answer, for which one waits as long as there are signs of life. */
  async #unlessSilent<T>(
    endpoint: Endpoint,
    signal: AbortSignal,
    ask: Ask<T>,
    sign: Ask<unknown> | undefined,
  ): Promise<T> {
    if (sign === undefined) return ask(endpoint, signal);
    const own = new LinkedAbort(signal);
    try {
      return await Promise.race([
        ask(endpoint, own.signal),
        this.#silence(endpoint, own.signal, sign),
      ]);
    } finally {
      own.release();
      own.abort(SETTLED);
    }
  }

  /** Rejects when there is no sign of life any more. */
  async #silence(endpoint: Endpoint, signal: AbortSignal, sign: Ask<unknown>): Promise<never> {
    for (;;) {
      await this.#clock.sleep(PATIENCE_MS, signal);
      const what = `a sign of life of ${nameOf(endpoint)}`;
      await withDeadline(this.#clock, SIGN_MS, what, (soon) => sign(endpoint, soon), signal);
    }
  }

  #remember(name: string): void {
    this.#failedAt.delete(name);
    const oldest =
      this.#failedAt.size < MAX_REMEMBERED ? undefined : this.#failedAt.keys().next().value;
    if (oldest !== undefined) this.#failedAt.delete(oldest);
    this.#failedAt.set(name, this.#clock.mono());
  }

  #inOrder(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    if (this.#failedAt.size === 0) return endpoints;
    const since = this.#clock.mono() - AVOID_MS;
    const isBad = (endpoint: Endpoint) =>
      (this.#failedAt.get(nameOf(endpoint)) ?? -Infinity) > since;
    return [...endpoints.filter((e) => !isBad(e)), ...endpoints.filter((e) => isBad(e))];
  }
}

/** Silence until the deadline is a failure; being told that nobody wants to know any more is none. */
function saysSomething(signal: AbortSignal): boolean {
  const reason: unknown = signal.reason;
  return !signal.aborted || (reason instanceof CodedError && reason.code === 'DEADLINE');
}

function nameOf(endpoint: Endpoint): string {
  return 'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}
