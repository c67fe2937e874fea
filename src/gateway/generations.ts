/**
 * From the files to a generation: configuration, directory and filters, all checked, or all
 * problems with their places and nothing changed. `sluice check`, start and reload go this one way.
 */
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { SILENT_LOG } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { DomainFile } from '../config/domain-file.ts';
import type { LeftOut } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import type { ConfigSources } from '../config/sources.ts';
import { networkTest } from '../config/endpoint.ts';
import { rulesWithoutPlugin } from '../directory/account-filters.ts';
import type { Directory } from '../directory/domain.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import type { SystemResolverOptions } from '../dns/system-resolver.ts';
import type { Settings } from '../pipeline/generation.ts';
import { Generation } from '../pipeline/generation.ts';
import type { PluginSpec } from '../plugin-host/load.ts';
import { loadPlugins } from '../plugin-host/load.ts';
import { PluginBooks } from '../plugin-host/plugin-books.ts';
import type { PluginHost } from '../plugin-host/run-hooks.ts';
import { MemoryTtlMap } from '../store/memory/ttl-map.ts';
import { filterDns } from './filter-dns.ts';

export interface GenerationEnvironment {
  readonly clock: Clock;
  readonly log: Log;
  /** Where scanners that the gateway runs itself listen, by plugin name. */
  readonly scannerAddresses: Readonly<Record<string, string>>;
  /** What plugins keep over restarts; without it their books are empty and end with them. */
  readonly books?: PluginBooks;
  /** Hears of each question that filters have for the DNS. */
  readonly onAnswer?: SystemResolverOptions['onAnswer'];
  /** Domain files that are not looked at. */
  readonly leftOut?: LeftOut;
  /** In force until now. */
  readonly before?: Directory | undefined;
}

export type GenerationResult =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly generation: Generation;
      readonly warnings: readonly Problem[];
      readonly sources: ConfigSources;
    }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      readonly sources: ConfigSources | undefined;
    };

export async function loadGeneration(
  file: string,
  environment: GenerationEnvironment,
): Promise<GenerationResult> {
  const { before, leftOut } = environment;
  let filters: PluginHost | undefined;
  const moreChecks = async (config: Config) => {
    const made = await loadFilters(config, environment);
    filters = made.ok ? made.filters : undefined;
    return made.problems;
  };
  const loaded = await loadGatewayConfig(file, { moreChecks, before, leftOut });
  if (!loaded.ok || filters === undefined) {
    await filters?.stop();
    return { ok: false, problems: loaded.ok ? [] : loaded.problems, sources: loaded.sources };
  }
  const { config, directory, warnings, sources } = loaded;
  const generation = new Generation(settingsOf(config), directory, filters);
  return { ok: true, config, generation, warnings, sources };
}

/** The filters of a configuration; with problems there may be none. */
async function loadFilters(
  config: Config,
  {
    clock,
    log,
    scannerAddresses,
    books = new PluginBooks(new MemoryTtlMap({ clock }), clock),
    onAnswer,
  }: GenerationEnvironment,
): Promise<
  | { readonly ok: true; readonly filters: PluginHost; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }
> {
  const specs = config.plugins.map(({ name, options }): PluginSpec => {
    const address = scannerAddresses[name];
    return { name, options: address === undefined ? options : { ...options, address } };
  });
  const loaded = await loadPlugins(specs, {
    hostname: config.hostname,
    pluginFolder: join(dirname(config.file), 'plugins'),
    dns: filterDns(config.dnsServers, clock, onAnswer),
    books,
    clock,
    log,
  });
  if (loaded.ok) {
    const problems = overrideProblems(config, loaded.host);
    return { ok: true, filters: loaded.host, problems };
  }
  const problems = loaded.problems.flatMap(({ index, path, text }) => {
    const problem = config.plugins[index]?.problemAt(path, text);
    return problem === undefined ? [] : [problem];
  });
  return { ok: false, problems };
}

/** What `sluice check` asks of the plugins: their files and options, nothing that runs. */
export async function pluginProblems(config: Config, clock: Clock): Promise<readonly Problem[]> {
  const loaded = await loadFilters(config, { clock, log: SILENT_LOG, scannerAddresses: {} });
  if (loaded.ok) await loaded.filters.stop();
  return loaded.problems;
}

/** Plugin options in domain files, at their places there. */
function overrideProblems(config: Config, filters: PluginHost): Problem[] {
  const plugins = config.plugins.map(({ name }) => name);
  return config.domainFiles.flatMap((file) => [
    ...filters
      .checkOverrides(file.pluginOptions)
      .map(({ path, text }) => file.problemAt(path, text)),
    ...rulesWithoutPlugin(file, plugins),
    ...servicesWithoutPlugin(file, filters),
  ]);
}

/** What a file asks for by its word, and no filter does. */
function servicesWithoutPlugin(
  { settings, problemAt }: DomainFile,
  filters: PluginHost,
): Problem[] {
  return (settings.services ?? []).flatMap((service, index) => {
    if (
      service === 'relay' ||
      service === 'fallback' ||
      filters.plugins.some((plugin) => plugin.service === service)
    )
      return [];
    const text = `not in effect: no plugin that looks for ${WANTED[service]} is among the plugins of sluice.yaml`;
    return [problemAt(['services', index], text, 'warning')];
  });
}

const WANTED = { spam: 'spam', virus: 'viruses' } as const;

function settingsOf(config: Config): Settings {
  const { limits, queue, quarantine, delivery } = config;
  return {
    hostname: config.hostname,
    headerBytes: limits.headerBytes,
    hops: limits.hops,
    unknownRecipients: limits.unknownRecipients,
    harvest: {
      perHour: limits.unknownRecipientsPerHour,
      isExempt: networkTest(limits.harvestExempt),
    },
    messageBytes: limits.messageSizeBytes,
    delivery: {
      cutThrough: delivery.cutThrough,
      finalReplyTimeoutMs: delivery.finalReplyTimeoutMs,
      retryMs: queue.retryMs,
      lifetimeMs: queue.lifetimeMs,
      quota: { messages: queue.maxMessages ?? Infinity, bytes: queue.maxBytes ?? Infinity },
      quarantine: { messages: quarantine.maxMessages, bytes: quarantine.maxBytes },
    },
    sealed: config.arcSeal?.when ?? 'changed',
    complaintAddresses: new Set(config.complaints.addresses.map((one) => one.toLowerCase())),
    releaseRequests: quarantine.requests?.toLowerCase(),
    recordsSubject: config.records.subject,
    authenticatedListeners: new Set(
      config.listeners.filter(({ auth }) => auth === 'required').map(({ name }) => name),
    ),
  };
}
