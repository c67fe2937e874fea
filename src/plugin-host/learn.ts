/**
 * Tells the filters what a person says of a message. Each that learns hears of it, side by side, with
 * the deadline of its hooks; one that fails does not keep the others from learning.
 */
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import type { Lesson } from '../plugin.ts';
import type { LoadedPlugin } from './loaded-plugin.ts';
import type { FilteredDomain } from './run-hooks.ts';

export interface Learnt {
  /** Names of the plugins that have taken it in. */
  readonly by: readonly string[];
  /** What went wrong, a sentence for each plugin that could not. */
  readonly faults: readonly string[];
}

export async function teach(
  plugins: readonly LoadedPlugin[],
  lesson: Omit<Lesson, 'options'>,
  domain: FilteredDomain | undefined,
  clock: Clock,
): Promise<Learnt> {
  const by: string[] = [];
  const faults: string[] = [];
  const serving = plugins.filter(
    ({ service }) => service === undefined || domain === undefined || domain.services.has(service),
  );
  await Promise.all(
    serving.map(async (plugin) => {
      const { name, parts } = plugin;
      try {
        const { own, common } = plugin.optionsWith(domain?.pluginOptions[name]);
        const learn = async (signal: AbortSignal) =>
          (await parts.learn?.({ ...lesson, options: own }, signal)) === true;
        if (await withDeadline(clock, common.timeout, `plugin ${name}`, learn)) by.push(name);
      } catch (error) {
        faults.push(`${name}: ${errorText(error)}`);
      }
    }),
  );
  return { by, faults };
}
