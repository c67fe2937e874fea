/**
 * One file of the domains folder, read and held against its schema. What it says about other files
 * and about the network is checked by `directory/`. The names of configured plugins are keys that
 * override options of the plugin for this domain; they are passed on unchecked.
 */
import type { DomainSettings } from './domain-schema.ts';
import { domainSchema } from './domain-schema.ts';
import { looksLike } from './known-keys.ts';
import { nodeSchema } from './node-schema.ts';
import { DOMAIN_FEATURES, notInEffect } from './not-in-effect.ts';
import type { Problem, ProblemAt } from './problem.ts';
import { fileProblem } from './problem.ts';
import { checkValue } from './schema-problems.ts';
import { readTextFile } from './text-file.ts';
import { isGroup, parseYaml } from './yaml-source.ts';

export interface DomainFile {
  readonly file: string;
  readonly settings: DomainSettings;
  /** By plugin name. */
  readonly pluginOptions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly problemAt: ProblemAt;
  /** Whether these settings are as written; of one with a fault only a stand-in is there. */
  readonly isSound: (...names: readonly (keyof DomainSettings)[]) => boolean;
}

export interface DomainFileReading {
  /** Also of a file with faults, when it can be read at all: for the checks that are still to come. */
  readonly domainFile: DomainFile | undefined;
  readonly problems: readonly Problem[];
}

/** Enough for a list of some 50,000 recipients; longer ones belong into a file of their own. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export async function readDomainFile(
  file: string,
  pluginNames: readonly string[],
): Promise<DomainFileReading> {
  const text = await readTextFile(file, MAX_FILE_BYTES);
  if (!text.ok) return { domainFile: undefined, problems: [fileProblem(file, text.problem)] };
  return parseDomainFile(file, text.value, pluginNames);
}

export function parseDomainFile(
  file: string,
  text: string,
  pluginNames: readonly string[],
): DomainFileReading {
  const { source, problems: syntax } = parseYaml(file, text);
  if (source === undefined) return { domainFile: undefined, problems: syntax };
  const problems = [...syntax];

  const own: Record<string, unknown> = Object.create(null);
  const pluginOptions: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [key, value] of isGroup(source.value) ? Object.entries(source.value) : []) {
    if (!pluginNames.includes(key)) own[key] = value;
    else if (value === null) continue;
    else if (isGroup(value)) pluginOptions[key] = value;
    else problems.push(source.problemAt([key], 'expected options of this plugin'));
  }
  const value = isGroup(source.value) ? own : source.value;
  if (looksLike(nodeSchema, domainSchema, value)) {
    const text = 'these are settings of the gateway itself: they belong into sluice.yaml';
    return { domainFile: undefined, problems: [fileProblem(file, text)] };
  }
  const checked = checkValue(domainSchema, value, source, {
    extraKeys: pluginNames,
    otherFile: { keys: Object.keys(nodeSchema.shape), place: 'into sluice.yaml' },
    maybe: '; if it is a plugin, it is not among the plugins of sluice.yaml',
    standIns: { domain: 'faulty.invalid', destination: 'faulty.invalid' },
  });
  if (!checked.ok) problems.push(...checked.problems);
  problems.push(...notInEffect(DOMAIN_FEATURES, value, source));
  const { value: settings, faulty } = checked.ok
    ? { value: checked.value, faulty: new Set<string>() }
    : (checked.sound ?? {});
  if (settings === undefined) return { domainFile: undefined, problems };
  const isSound = (...names: readonly string[]) => !names.some((name) => faulty?.has(name));
  return {
    domainFile: { file, settings, pluginOptions, problemAt: source.problemAt, isSound },
    problems,
  };
}
