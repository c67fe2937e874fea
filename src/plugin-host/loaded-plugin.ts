/**
 * One plugin at work: its object, its checked options, its hooks. Knows what a domain's overrides
 * make of the options, and remembers it per set of overrides, for they are asked for with each
 * message. Calls no hook; run-hooks.ts does.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Options, OptionSchema, Plugin, PluginHost, PluginParts } from '../plugin.ts';
import type { CommonOptions, OptionProblem, RawOptions } from './options.ts';
import { checkOptions, commonOptions, fullSchema } from './options.ts';
import { hooksFault } from './plugin-file.ts';
import { Slots } from './slots.ts';

export interface PluginOptions {
  readonly own: Options;
  readonly common: CommonOptions;
}

export interface PluginSource {
  readonly plugin: Plugin;
  readonly file: string;
}

export class LoadedPlugin {
  readonly name: string;
  /** The file it came from. */
  readonly file: string;
  readonly service: Plugin['service'];
  readonly entries: Plugin['entries'];
  readonly parts: PluginParts;
  readonly slots: Slots;
  readonly options: PluginOptions;
  readonly #schema: OptionSchema;
  readonly #raw: RawOptions;
  readonly #overridden = new WeakMap<RawOptions, PluginOptions>();

  private constructor(
    { plugin, file }: PluginSource,
    raw: RawOptions,
    own: Options,
    parts: PluginParts,
    clock: Clock,
  ) {
    this.name = plugin.name;
    this.file = file;
    this.service = plugin.service;
    this.entries = plugin.entries;
    this.parts = parts;
    this.#schema = fullSchema(plugin.options);
    this.#raw = raw;
    this.options = { own, common: commonOptions(own) };
    this.slots = new Slots(this.options.common.max_concurrent, clock);
  }

  static async make(
    source: PluginSource,
    raw: RawOptions,
    host: PluginHost,
    clock: Clock,
  ): Promise<LoadedPlugin | readonly OptionProblem[]> {
    const { plugin } = source;
    const { options, problems } = checkOptions(fullSchema(plugin.options), raw);
    if (problems.length > 0) return problems;
    try {
      const parts = (await plugin.setup?.(host, options)) ?? { hooks: plugin.hooks ?? {} };
      const fault = hooksFault(parts.hooks);
      if (fault !== undefined) return [{ path: [], text: `what setup returned ${fault}` }];
      return new LoadedPlugin(source, raw, options, parts, clock);
    } catch (error) {
      return [{ path: [], text: `setup failed: ${errorText(error)}` }];
    }
  }

  /** What is wrong with a domain's overrides, with paths below them. */
  checkOverrides(overrides: RawOptions): readonly OptionProblem[] {
    const problems = checkOptions(this.#schema, { ...this.#raw, ...overrides }).problems;
    if (!Object.hasOwn(overrides, 'max_concurrent')) return problems;
    return [...problems, { path: ['max_concurrent'], text: 'is the same for all domains' }];
  }

  /** Throws when the overrides are wrong: they should have been checked before. */
  optionsWith(overrides: RawOptions | undefined): PluginOptions {
    if (overrides === undefined) return this.options;
    const known = this.#overridden.get(overrides);
    if (known !== undefined) return known;
    const { options, problems } = checkOptions(this.#schema, { ...this.#raw, ...overrides });
    const [first] = problems;
    if (first !== undefined) {
      throw new CodedError('CONFIG_INVALID', `override ${first.path.join('.')}: ${first.text}`);
    }
    const made = { own: options, common: commonOptions(options) };
    this.#overridden.set(overrides, made);
    return made;
  }
}
