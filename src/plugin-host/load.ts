/**
 * Loads the plugins that the configuration names, in its order. Either all of them are ready to run,
 * or nothing is and every problem is told; plugins that were set up already are stopped again.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Path } from '../config/problem.ts';
import type { Dns, EntryKind, Options, Plugin, PluginHost as HostForPlugin } from '../plugin.ts';
import type { AddedEntry } from './added-entries.ts';
import { AddressBook } from './address-book.ts';
import { LoadedPlugin } from './loaded-plugin.ts';
import type { RawOptions } from './options.ts';
import { checkOptions } from './options.ts';
import type { PluginBooks } from './plugin-books.ts';
import { loadPluginFile, SHIPPED_PLUGINS } from './plugin-file.ts';
import { PluginHost } from './run-hooks.ts';

export interface PluginSpec {
  readonly name: string;
  /** As they stand in the configuration, unchecked. */
  readonly options: RawOptions;
}

export interface PluginProblem {
  /** Which of the specs. */
  readonly index: number;
  readonly name: string;
  /** Below the plugin's options; empty for the plugin itself. */
  readonly path: Path;
  readonly text: string;
}

export interface HostEnvironment {
  readonly hostname: string;
  /** The operator's own plugins: looked up before the shipped ones. */
  readonly pluginFolder: string;
  readonly dns: Dns;
  readonly books: PluginBooks;
  readonly clock: Clock;
  readonly log: Log;
}

export async function loadPlugins(
  specs: readonly PluginSpec[],
  environment: HostEnvironment,
): Promise<
  | { readonly ok: true; readonly host: PluginHost }
  | { readonly ok: false; readonly problems: readonly PluginProblem[] }
> {
  const { clock, log } = environment;
  const folders = [environment.pluginFolder, SHIPPED_PLUGINS];
  const plugins: LoadedPlugin[] = [];
  const problems: PluginProblem[] = [];
  for (const [index, { name, options }] of specs.entries()) {
    const tell = (path: Path, text: string) => problems.push({ index, name, path, text });
    if (specs.findIndex((spec) => spec.name === name) < index) {
      tell([], 'is named twice');
      continue;
    }
    const found = await loadPluginFile(name, folders);
    if (!found.ok) {
      tell([], found.problem);
      continue;
    }
    const made = await LoadedPlugin.make(found, options, hostFor(found.plugin, environment), clock);
    if (made instanceof LoadedPlugin) {
      plugins.push(made);
      log.emit('plugin.load', { plugin: name, file: found.file });
    } else {
      for (const { path, text } of made) tell(path, text);
    }
  }
  const host = new PluginHost(plugins, clock, log);
  if (problems.length === 0) return { ok: true, host };
  await host.stop();
  return { ok: false, problems };
}

/** What a plugin is given of the program around it. */
function hostFor(
  { name: plugin, entries }: Plugin,
  { hostname, dns, books, clock, log }: HostEnvironment,
): HostForPlugin {
  const addressBook = new AddressBook(clock, (address, error) => {
    const msg = error === undefined ? 'answers again' : `is left out: ${errorText(error)}`;
    log.emit(
      'plugin.log',
      { plugin, msg: `${address} ${msg}` },
      error === undefined ? 'info' : 'warn',
    );
  });
  return {
    hostname,
    dns,
    now: () => clock.now(),
    log: (level, text) => log.emit('plugin.log', { plugin, msg: String(text) }, level),
    firstAnswer: (...question) => addressBook.firstAnswer(...question),
    book: books.of(plugin),
    // Checked against the schema that the plugin itself names.
    entries: entriesFor(entries, () => books.added.of(plugin)) as HostForPlugin['entries'],
  };
}

/** Those that the plugin still understands: they may have been added to an older one. */
function entriesFor(
  kind: EntryKind | undefined,
  added: () => readonly AddedEntry[],
): () => readonly Options[] {
  let given: readonly AddedEntry[] | undefined;
  let checked: readonly Options[] = [];
  return () => {
    const now = added();
    if (now === given) return checked;
    given = now;
    checked = now.flatMap(({ entry }) => {
      const { options, problems } = checkOptions(kind?.schema ?? {}, entry);
      return problems.length === 0 ? [options] : [];
    });
    return checked;
  };
}
