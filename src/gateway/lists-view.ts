/**
 * The block and allow lists (`plugins/lists`) as people see and change them: entries of the files,
 * which only the files change, and those that were added by command.
 */
import type { Clock } from '../base/clock.ts';
import type { ListedEntry, ListsView, ListStep } from '../control/lists-view.ts';
import type { Generation } from '../pipeline/generation.ts';
import type { AddedEntries } from '../plugin-host/added-entries.ts';
import type { LoadedPlugin } from '../plugin-host/loaded-plugin.ts';
import { checkOptions } from '../plugin-host/options.ts';
import type { RawOptions } from '../plugin-host/options.ts';
import type { Options } from '../plugin.ts';

export interface ListsParts {
  readonly generation: () => Generation;
  readonly configFile: () => string;
  readonly added: AddedEntries;
  readonly clock: Clock;
}

const PLUGIN = 'lists';
const KINDS = ['block', 'allow'] as const;

export function listsView({ generation, configFile, added, clock }: ListsParts): ListsView {
  const inForce = () => generation().filters.plugins.find(({ name }) => name === PLUGIN);
  const read = (raw: ListStep): { key: string; entry: Options; endsAt: number } | string => {
    const kind = inForce()?.entries;
    if (kind === undefined) return 'the plugin "lists" is not in force: name it under "plugins"';
    const given = Object.fromEntries(
      Object.entries(raw).filter(([, value]) => value !== undefined),
    );
    const { options, problems } = checkOptions(kind.schema, given);
    const [problem] = problems;
    if (problem !== undefined) return `${problem.path.join('.')}: ${problem.text}`;
    return { key: kind.key(options), entry: options, endsAt: kind.endsAt?.(options) ?? Infinity };
  };
  return {
    isInForce: () => inForce() !== undefined,
    all: () => {
      const plugin = inForce();
      const files = plugin === undefined ? [] : ofFiles(plugin, generation(), configFile());
      const now = clock.now();
      const commanded = added.of(PLUGIN).flatMap(({ at, by, entry }): ListedEntry[] => {
        const endsAt = plugin?.entries?.endsAt?.(entry as Options) ?? Infinity; // checked when added
        return endsAt <= now ? [] : [{ ...entry, source: 'command', at, by }];
      });
      return [...files, ...commanded];
    },
    add: async (raw, by) => {
      const found = read(raw);
      if (typeof found === 'string') return { kind: 'wrong', text: found };
      const { key, endsAt } = found;
      // Also of a day that there is not.
      if (!(endsAt > clock.now())) return { kind: 'wrong', text: 'until: that day is over' };
      const domain = raw.domain === undefined ? undefined : generation().directory.find(raw.domain);
      if (raw.domain !== undefined && domain === undefined)
        return { kind: 'wrong', text: `${raw.domain} is not served here` };
      const entry = { ...raw, ...(domain && { domain: domain.name }) };
      const keyed = domain === undefined ? key : keyOf(read(entry), key);
      return { kind: await added.add(PLUGIN, keyed, { at: clock.now(), by, entry }, endsAt) };
    },
    remove: async (raw) => {
      const domain = raw.domain === undefined ? undefined : generation().directory.find(raw.domain);
      const found = read({ ...raw, ...(domain && { domain: domain.name }) });
      if (typeof found === 'string') return { kind: 'wrong', text: found };
      return { kind: (await added.remove(PLUGIN, found.key)) ? 'removed' : 'not found' };
    },
  };
}

function keyOf(found: { readonly key: string } | string, otherwise: string): string {
  return typeof found === 'string' ? otherwise : found.key;
}

/** Of the operator's file, and of each domain's what is its own. */
function ofFiles(plugin: LoadedPlugin, generation: Generation, file: string): ListedEntry[] {
  const { domains } = generation.directory;
  return [
    ...entriesOf(plugin.options.own, KINDS, { source: file }),
    ...domains.flatMap(({ name, pluginOptions, file: source }) => {
      const own: RawOptions | undefined = pluginOptions[PLUGIN];
      if (own === undefined) return [];
      const kinds = KINDS.filter((kind) => Object.hasOwn(own, kind));
      return entriesOf(plugin.optionsWith(own).own, kinds, { source, domain: name });
    }),
  ];
}

function entriesOf(
  options: Options,
  kinds: readonly (typeof KINDS)[number][],
  more: { readonly source: string; readonly domain?: string },
): ListedEntry[] {
  return kinds.flatMap((list) => {
    const entries = (options[list] ?? []) as readonly Options[]; // a table of the plugin
    return entries.map((entry): ListedEntry => ({ ...entry, list, ...more }));
  });
}
