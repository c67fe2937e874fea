/**
 * Reloads of the configuration: asked for by signal or command, or begun because the files changed.
 * All or nothing: with one error in the files, the configuration in force stays. A reload that nobody
 * asked for is more careful: files that still change are left alone, and a list of recipients that
 * lost most of its addresses is taken for one that is not whole.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { needsRestart } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import { sourcesOf } from '../config/sources.ts';
import type { ConfigState, ReloadResult } from '../control/gateway-view.ts';
import type { Directory } from '../directory/domain.ts';
import { shrunkLists } from '../directory/shrunk-lists.ts';
import type { Generation } from '../pipeline/generation.ts';
import { ConfigWatch } from './config-watch.ts';
import type { GenerationEnvironment, GenerationResult } from './generations.ts';
import { loadGeneration } from './generations.ts';
import { logProblem } from './problem-log.ts';
import type { Recorder } from './recorder.ts';

/** Who asks: SIGHUP, an operator, or files that have changed. */
export type ReloadWish = 'signal' | 'command' | 'watch';

/** What filters of every generation find around them. */
export type FilterSurroundings = Required<
  Pick<GenerationEnvironment, 'scannerAddresses' | 'books'>
>;

/** The running gateway as a reload sees it. */
export interface InForce extends FilterSurroundings {
  readonly generation: Generation;
  /** The one step that may still fail: comes before anything is changed. */
  prepare(config: Config): Promise<void>;
  replace(config: Config, generation: Generation): void;
}

export interface ReloadsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** Undefined while the gateway starts or stops. */
  readonly inForce: () => InForce | undefined;
}

/** Nothing was read: at the wrong moment, or files that are still being written. */
const NOT_NOW: ReloadResult = { ok: false, problems: [], needsRestart: [] };

export class Reloads {
  readonly #options: ReloadsOptions;
  readonly #watch: ConfigWatch;
  #config: Config;
  /** The one that the gateway started with: what of it stays needs a restart to change. */
  readonly #started: Config;
  #loadedAt: number;
  #isStale = false;
  #running: { readonly by: ReloadWish; readonly result: Promise<ReloadResult> } | undefined;

  constructor(options: ReloadsOptions) {
    const { clock, config } = options;
    this.#options = options;
    this.#config = config;
    this.#started = config;
    this.#loadedAt = clock.now();
    const onChange = () => this.#reloadUnasked();
    this.#watch = new ConfigWatch({ clock, sources: sourcesOf(config), onChange });
  }

  /** Of the configuration that is in force. */
  get state(): ConfigState {
    const { file } = this.#config;
    const restart = needsRestart(this.#started, this.#config);
    return { file, loadedAt: this.#loadedAt, stale: this.#isStale, needsRestart: restart };
  }

  /** The configuration that the gateway starts with. */
  async first(around: FilterSurroundings): Promise<GenerationResult> {
    const fingerprint = await this.#watch.fingerprint();
    const loaded = await this.#load(around);
    this.#watch.wasRead(fingerprint, loaded.sources);
    return loaded;
  }

  start(): void {
    if (this.#config.reload === 'watch') this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  async reload(by: ReloadWish): Promise<ReloadResult> {
    // First, and whatever the files are like: a rotated log must not be written to any longer.
    this.#options.recorder.reopenLog();
    // One that nobody asked for may come to nothing: whoever asks gets one of his own.
    if (by !== 'watch' && this.#running?.by === 'watch') {
      await this.#running.result.catch(() => undefined);
    }
    if (this.#running === undefined) {
      const result = this.#reload(by).finally(() => {
        this.#running = undefined;
      });
      this.#running = { by, result };
    }
    return this.#running.result;
  }

  async #reloadUnasked(): Promise<void> {
    await this.reload('watch').catch((error: unknown) => {
      this.#options.recorder.log.emit('cfg.error', { text: errorText(error) });
    });
  }

  async #reload(by: ReloadWish): Promise<ReloadResult> {
    const inForce = this.#options.inForce();
    if (inForce === undefined) return NOT_NOW;
    const fingerprint = await this.#watch.fingerprint();
    const loaded = await this.#load(inForce, inForce.generation.directory);
    const isUnasked = by === 'watch';
    if (isUnasked && fingerprint !== (await this.#watch.fingerprint())) {
      // What was read may be half of one state and half of another.
      if (loaded.ok) await loaded.generation.filters.stop();
      return NOT_NOW;
    }
    this.#watch.wasRead(fingerprint, loaded.sources);
    if (!loaded.ok) return this.#refuse(loaded.problems);
    const { directory, filters } = loaded.generation;
    const shrunk = isUnasked ? shrunkLists(inForce.generation.directory, directory) : [];
    if (shrunk.length > 0) {
      await filters.stop();
      return this.#refuse(shrunk);
    }
    try {
      await inForce.prepare(loaded.config);
    } catch (error) {
      this.#isStale = true;
      await filters.stop();
      throw error;
    }
    return this.#take(by, loaded, inForce);
  }

  #load(
    { scannerAddresses, books }: FilterSurroundings,
    before?: Directory,
  ): Promise<GenerationResult> {
    const { clock, recorder } = this.#options;
    const { log, metrics } = recorder;
    const onAnswer = metrics.took.lookup;
    const environment = { clock, log, onAnswer, scannerAddresses, books, before };
    return loadGeneration(this.#config.file, environment);
  }

  #refuse(problems: readonly Problem[]): ReloadResult {
    this.#isStale = true;
    for (const problem of problems) logProblem(this.#options.recorder.log, problem);
    return { ok: false, problems, needsRestart: [] };
  }

  #take(
    by: ReloadWish,
    loaded: Extract<GenerationResult, { ok: true }>,
    inForce: InForce,
  ): ReloadResult {
    const { clock, recorder } = this.#options;
    const { log } = recorder;
    const { config, generation, warnings } = loaded;
    for (const problem of warnings) logProblem(log, problem);
    const restart = needsRestart(this.#started, config);
    const before = inForce.generation;
    this.#config = config;
    this.#loadedAt = clock.now();
    this.#isStale = false;
    inForce.replace(config, generation);
    if (config.reload === 'watch') this.#watch.start();
    else this.#watch.stop();
    recorder.levels.level = config.log.level;
    log.emit('cfg.reload', {
      file: config.file,
      by,
      domains: generation.directory.domains.length,
      ...(restart.length > 0 && { needs_restart: restart }),
    });
    // The filters of the old generation serve the transactions that began with it.
    before
      .replaced()
      .then(() => before.filters.stop())
      .catch((error: unknown) => log.emit('plugin.error', { err: errorText(error) }));
    return { ok: true, problems: warnings, needsRestart: restart };
  }
}
