/**
 * Reads sluice.yaml and the domains folder into one `Config`, or into all the problems they have.
 * Reading changes nothing, so `check`, `start` and a reload see the same. What needs the domains as
 * a whole (a name served twice, a mail loop, lists of recipients) is found by `directory/load.ts`,
 * which stands on this.
 */
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Config } from './config.ts';
import { buildConfig } from './config.ts';
import type { DomainFile } from './domain-file.ts';
import { parseDomainFile, readDomainFile } from './domain-file.ts';
import { domainSchema, isSetting } from './domain-schema.ts';
import { looksLike } from './known-keys.ts';
import { checkNode } from './node-checks.ts';
import type { NodeSettings } from './node-schema.ts';
import { nodeSchema } from './node-schema.ts';
import type { Problem } from './problem.ts';
import { fileProblem, hasErrors, inReadingOrder } from './problem.ts';
import { checkValue } from './schema-problems.ts';
import { readTextFile, systemText } from './text-file.ts';
import type { YamlSource } from './yaml-source.ts';
import { isGroup, parseYaml } from './yaml-source.ts';

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What could be read, even when there are errors, so that all of them are found in one go. */
export interface ConfigReading {
  /** With errors it is for further checks only: settings with faults are not as written. */
  readonly config: Config | undefined;
  readonly isSound: (...names: readonly (keyof NodeSettings)[]) => boolean;
  readonly domainFiles: readonly DomainFile[];
  readonly problems: readonly Problem[];
}

const MAX_FILE_BYTES = 1024 * 1024; // far beyond what a person writes
const MAX_DOMAIN_FILES = 100_000;

export async function loadConfig(file: string): Promise<ConfigResult> {
  const { config, problems } = await readConfig(file);
  if (config === undefined || hasErrors(problems)) return { ok: false, problems };
  return { ok: true, config, warnings: problems };
}

/** Domain files that are not looked at, by their absolute paths. */
export type LeftOut = ReadonlySet<string> | undefined;

/** A domain file as it would be. */
export interface Draft {
  readonly file: string;
  readonly text: string;
}

/** Without the domain files that are left out, and with `draft` in place of the one of that name. */
export async function readConfig(
  file: string,
  { draft, leftOut }: { readonly draft?: Draft | undefined; readonly leftOut?: LeftOut } = {},
): Promise<ConfigReading> {
  const path = resolve(file);
  const text = await readTextFile(path, MAX_FILE_BYTES);
  if (!text.ok) return nothing([fileProblem(path, text.problem)]);
  const { source, problems: syntax } = parseYaml(path, text.value);
  if (source === undefined) {
    const more = await domainProblemsBeside(path, text.value);
    return nothing(inReadingOrder([...syntax, ...more], path));
  }

  if (looksLike(domainSchema, nodeSchema, source.value)) {
    const text =
      'these are settings of a domain: they belong into a file of the folder "domains" beside sluice.yaml';
    return nothing([fileProblem(path, text)]);
  }
  const problems = [...syntax];
  const node = checkValue(nodeSchema, source.value, source, {
    otherFile: {
      keys: Object.keys(domainSchema.shape),
      place: 'into a domain file, in the folder "domains"',
    },
    standIns: { hostname: 'faulty.invalid' },
  });
  const { domainFiles, problems: inFolder } = await readDomainFiles(source, draft, leftOut);
  problems.push(...inFolder);
  if (!node.ok) problems.push(...node.problems);
  const sound = node.ok ? { value: node.value, faulty: new Set<string>() } : node.sound;
  const isSound = (...names: readonly string[]) => !names.some((name) => sound?.faulty.has(name));
  const config = sound && buildConfig(sound.value, source, domainFiles);
  if (config !== undefined) problems.push(...(await checkNode(config, source, isSound)));
  return { config, isSound, domainFiles, problems: inReadingOrder(problems, path) };
}

function nothing(problems: readonly Problem[]): ConfigReading {
  return { config: undefined, isSound: () => false, domainFiles: [], problems };
}

export function isDomainFileName(name: string): boolean {
  return /^[^.].*\.ya?ml$/.test(name);
}

/**
 * The faults of the domain files when sluice.yaml is no YAML: the folder, and the plugins whose names
 * are keys there, are looked for in its lines. What is not found is told when the file can be read.
 */
async function domainProblemsBeside(file: string, text: string): Promise<Problem[]> {
  const named = /^domains:[ \t]*(['"]?)([^'"#\r\n]+?)\1[ \t]*(?:#.*)?$/m.exec(text)?.[2];
  const folder = resolve(dirname(file), named ?? './domains');
  // The folder may be another one: that it is not there says nothing.
  const names = await readdir(folder).catch(() => []);
  const plugins = [...text.matchAll(/^[ \t]*-[ \t]+([a-z0-9-]+)/gm)].map(([, name = '']) => name);
  const problems: Problem[] = [];
  for (const name of names.filter(isDomainFileName).toSorted().slice(0, MAX_DOMAIN_FILES)) {
    const others = plugins.filter((plugin) => !isSetting(plugin));
    const reading = await readDomainFile(join(folder, name), others);
    problems.push(...reading.problems);
  }
  return problems;
}

/** Reads the folder even if sluice.yaml has faults elsewhere. */
async function readDomainFiles(source: YamlSource, draft: Draft | undefined, leftOut: LeftOut) {
  const problems: Problem[] = [];
  const domainFiles: DomainFile[] = [];
  const settings = isGroup(source.value) ? source.value : {};
  const named = settings['domains'] ?? './domains';
  if (typeof named !== 'string' || named.includes('\0')) return { domainFiles, problems };
  const folder = resolve(dirname(source.file), named);
  let names: string[];
  // A folder that is not there is a problem for a person, not a surprise.
  try {
    names = await readdir(folder);
  } catch (error) {
    const text = `the folder ${named} cannot be read: ${systemText(error)}`;
    return { domainFiles, problems: [source.problemAt(['domains'], text)] };
  }
  const files = names.filter(isDomainFileName).toSorted();
  if (files.length === 0) {
    const text = `the folder ${named} holds no domain file (*.yaml): no mail is accepted`;
    problems.push(source.problemAt(['domains'], text, 'warning'));
  }
  if (files.length > MAX_DOMAIN_FILES) {
    const text = `the folder ${named} holds more than ${MAX_DOMAIN_FILES} files`;
    return { domainFiles, problems: [source.problemAt(['domains'], text)] };
  }
  const pluginNames = pluginNamesOf(settings['plugins']);
  for (const name of files) {
    const path = join(folder, name);
    if (leftOut?.has(path) === true) continue;
    const reading =
      path === draft?.file
        ? parseDomainFile(path, draft.text, pluginNames)
        : await readDomainFile(path, pluginNames);
    problems.push(...reading.problems);
    if (reading.domainFile !== undefined) domainFiles.push(reading.domainFile);
  }
  return { domainFiles, problems };
}

/** The names in the list of plugins, as far as it is one; its faults are found by the schema. */
function pluginNamesOf(plugins: unknown): string[] {
  const entries: readonly unknown[] = Array.isArray(plugins) ? plugins : [];
  const names = entries.flatMap((entry) => (isGroup(entry) ? Object.keys(entry) : [entry]));
  return names.filter((name) => typeof name === 'string').filter((name) => !isSetting(name));
}
