/**
 * From a plugin's name to its object: finds the file, in the operator's folders first, imports it
 * and checks that the default export is a plugin. Every failure is a sentence for the operator that
 * names the file and says what to change; nothing of the plugin has run then but its top level.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorText } from '../base/errors.ts';
import { didYouMean } from '../config/suggestion.ts';
import type { Hooks, Plugin } from '../plugin.ts';

export type Stage = keyof Hooks;

/** In the order of a transaction's life. */
export const STAGES: Readonly<Record<Stage, true>> = {
  connect: true,
  helo: true,
  mail: true,
  rcpt: true,
  data: true,
  content: true,
  accepted: true,
  delivered: true,
  deferred: true,
  failed: true,
};

export function isStage(word: unknown): word is Stage {
  return typeof word === 'string' && Object.hasOwn(STAGES, word);
}

/** Ours: beside `src/` in a checkout, beside `dist/src/` (as JavaScript) in the published package. */
export const SHIPPED_PLUGINS = join(import.meta.dirname, '..', '..', 'plugins');

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs'];
/** Of the plugins that there are, so many are named. */
const MAX_NAMED = 30;
const PLUGIN_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const MEMBERS: readonly string[] = ['name', 'service', 'options', 'hooks', 'entries', 'setup'];
const OPTION_TYPES: readonly string[] = [
  'string',
  'number',
  'boolean',
  'action',
  'duration',
  'size',
  'strings',
  'endpoints',
  'table',
];

export type PluginFile =
  | { readonly ok: true; readonly plugin: Plugin; readonly file: string }
  | { readonly ok: false; readonly problem: string };

export async function loadPluginFile(
  name: string,
  folders: readonly string[],
): Promise<PluginFile> {
  if (!PLUGIN_NAME.test(name)) {
    return problem("a plugin's name has lower-case letters, digits and hyphens");
  }
  const files = folders.flatMap((folder) =>
    EXTENSIONS.map((ext) => join(folder, `${name}.${ext}`)),
  );
  const file = files.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    const known = pluginsIn(folders);
    const there = known.slice(0, MAX_NAMED).join(', ');
    const places = `no file ${name}.{${EXTENSIONS.join(',')}} in ${folders.join(' or ')}`;
    return problem(
      `there is no plugin ${name}${didYouMean(name, known)} (there are: ${there}; ${places})`,
    );
  }
  let exports: unknown;
  try {
    // The query makes a reload see a changed file; unchanged ones come from the module cache.
    const url = `${pathToFileURL(file).href}?changed=${statSync(file).mtimeMs}`;
    exports = await import(url);
  } catch (error) {
    return problem(`${file} cannot be loaded: ${errorText(error)}${loadHint(file, error)}`);
  }
  const given = isRecord(exports) ? exports['default'] : undefined;
  const wrong = whatIsWrong(given, name);
  if (wrong !== undefined) return problem(`${file}: ${wrong}`);
  return { ok: true, plugin: given as Plugin, file }; // parser of outside data, checked just above
}

/** The names of the plugins in those of the folders that are there. */
function pluginsIn(folders: readonly string[]): string[] {
  const names = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder))
    .filter(
      (name) => EXTENSIONS.some((ext) => name.endsWith(`.${ext}`)) && !/\.d\.m?ts$/.test(name),
    )
    .map((name) => basename(name, extname(name)));
  return [...new Set(names)].toSorted();
}

function whatIsWrong(given: unknown, name: string): string | undefined {
  if (given === undefined) return 'has no default export';
  if (!isRecord(given)) return 'the default export must be an object';
  const stranger = Object.keys(given).find((key) => !MEMBERS.includes(key));
  if (stranger !== undefined) return `the plugin has an unknown member ${stranger}`;
  const { service, options, hooks, setup } = given;
  if (given['name'] !== name) return `name must be ${JSON.stringify(name)}, as the file is called`;
  if (service !== undefined && service !== 'spam' && service !== 'virus') {
    return 'service must be "spam" or "virus", or left out';
  }
  if (setup !== undefined && typeof setup !== 'function') return 'setup must be a function';
  if ((hooks === undefined) === (setup === undefined)) return 'must have either hooks or setup';
  return schemaFault(options) ?? (hooks === undefined ? undefined : hooksFault(hooks));
}

/** What is wrong with a plugin's hooks, whether written down or returned by `setup`. */
export function hooksFault(hooks: unknown): string | undefined {
  if (!isRecord(hooks)) return 'hooks must be an object';
  for (const [stage, hook] of Object.entries(hooks)) {
    if (!Object.hasOwn(STAGES, stage)) {
      return `there is no stage ${stage}; the stages are ${Object.keys(STAGES).join(' ')}`;
    }
    if (typeof hook !== 'function') return `hook ${stage} must be a function`;
  }
  return Object.keys(hooks).length === 0 ? 'has no hook' : undefined;
}

function schemaFault(options: unknown): string | undefined {
  if (options === undefined) return undefined;
  if (!isRecord(options)) return 'options must be an object';
  for (const [key, spec] of Object.entries(options)) {
    if (!isRecord(spec) || typeof spec['doc'] !== 'string') return `option ${key} must have a doc`;
    const { type } = spec;
    if (typeof type !== 'string' || !OPTION_TYPES.includes(type)) {
      return `option ${key} must have a type: ${OPTION_TYPES.join(', ')}`;
    }
    if (type !== 'table') continue;
    const { columns } = spec;
    if (!isRecord(columns)) return `option ${key} must have columns`;
    const inner = Object.values(columns).some((one) => isRecord(one) && one['type'] === 'table');
    const fault = inner ? 'a table cannot have tables in it' : schemaFault(columns);
    if (fault !== undefined) return `option ${key}: ${fault}`;
  }
  return undefined;
}

/** What to do about the two traps that everybody falls into once. */
function loadHint(file: string, error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && error.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return '; only TypeScript that can be erased runs: no enum, namespace or parameter properties';
  }
  const ending = /\.(ts|js)$/.exec(file)?.[1];
  if (error.name === 'SyntaxError' && ending !== undefined && isInCommonJsPackage(file)) {
    return `; the package.json above it says "type": "commonjs": call the file .m${ending}`;
  }
  return '';
}

function isInCommonJsPackage(file: string): boolean {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      return /"type"\s*:\s*"commonjs"/.test(readFileSync(manifest, 'utf8'));
    }
    if (folder === dirname(folder)) return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problem(text: string): PluginFile {
  return { ok: false, problem: text };
}
