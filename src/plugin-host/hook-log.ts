/** What the log hears of a hook: what it said, or why it has not judged. */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Verdict } from '../mail/verdict.ts';
import type { LoadedPlugin } from './loaded-plugin.ts';
import type { Stage } from './plugin-file.ts';

export class HookLog {
  readonly #plugin: LoadedPlugin;
  readonly #stage: Stage;
  readonly #logged: object;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #startedAt: number;

  /** `logged`: what each line about this mail has. */
  constructor(
    plugin: LoadedPlugin,
    stage: Stage,
    logged: object,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#plugin = plugin;
    this.#stage = stage;
    this.#logged = logged;
    this.#clock = clock;
    this.#log = log;
    this.#startedAt = clock.mono();
  }

  result(verdict: Verdict): void {
    this.#log.emit('scan.result', {
      ...this.#logged,
      engine: this.#plugin.name,
      hook: this.#stage === 'content' ? undefined : this.#stage,
      verdict: verdict.kind,
      score: verdict.score,
      tests: verdict.tests,
      found: Object.entries(verdict.results ?? {}).map(([name, value]) => `${name}=${value}`),
      ms: this.#ms,
    });
  }

  /** `then` is what becomes of the mail. */
  failure(error: unknown, then: string): void {
    const { name, service } = this.#plugin;
    const fields = {
      ...this.#logged,
      hook: this.#stage,
      err: errorText(error),
      then,
      ms: this.#ms,
    };
    if (service !== undefined) {
      this.#log.emit('scan.error', { ...fields, engine: name });
      return;
    }
    const isLate = error instanceof CodedError && error.code === 'DEADLINE';
    this.#log.emit(isLate ? 'plugin.timeout' : 'plugin.error', { ...fields, plugin: name });
  }

  get #ms(): number {
    return Math.round(this.#clock.mono() - this.#startedAt);
  }
}
