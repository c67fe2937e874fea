/**
 * Asks the daemons behind the plugins whether they are there. The log hears of each that went down
 * or came back, and of nothing else; a probe that hangs or throws says that its daemon is down.
 */
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ProbeResult } from '../plugin.ts';
import type { LoadedPlugin } from './loaded-plugin.ts';

export type Probe = ProbeResult & { readonly name: string };

const PROBE_MS = 5000;

export class Probes {
  readonly #plugins: readonly LoadedPlugin[];
  readonly #clock: Clock;
  readonly #log: Log;
  /** What the last probe of each scanner said, so that the log tells changes only. */
  readonly #lastState = new Map<string, ProbeResult['state']>();

  constructor(plugins: readonly LoadedPlugin[], clock: Clock, log: Log) {
    this.#plugins = plugins.filter((plugin) => plugin.parts.probe !== undefined);
    this.#clock = clock;
    this.#log = log;
  }

  ask(signal: AbortSignal): Promise<Probe[]> {
    return Promise.all(this.#plugins.map((plugin) => this.#probe(plugin, signal)));
  }

  async #probe(plugin: LoadedPlugin, signal: AbortSignal): Promise<Probe> {
    const { name } = plugin;
    let result: ProbeResult | undefined;
    try {
      const ask = async (s: AbortSignal) => plugin.parts.probe?.(s);
      result = await withDeadline(this.#clock, PROBE_MS, `probe of ${name}`, ask, signal);
    } catch (error) {
      result = { state: 'down', text: errorText(error) };
    }
    result ??= { state: 'down', text: 'the probe said nothing' };
    const { state, text } = result;
    const before = this.#lastState.get(name);
    this.#lastState.set(name, state);
    if (state !== (before ?? 'ok')) {
      this.#log.emit(state === 'ok' ? 'scanner.up' : 'scanner.down', { engine: name, msg: text });
    }
    return { ...result, name };
  }
}
