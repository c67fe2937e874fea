/** A shipped plugin, loaded and run by the real host, for tests of the plugin. */
import assert from 'node:assert/strict';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Content } from '../../src/mail/content.ts';
import type { Verdict } from '../../src/mail/verdict.ts';
import { loadPlugins } from '../../src/plugin-host/load.ts';
import type { RawOptions } from '../../src/plugin-host/options.ts';
import type { PluginHost } from '../../src/plugin-host/run-hooks.ts';
import { ANY_DOMAIN, filterView, NEVER } from './filter-view.ts';
import { memoryBooks } from './memory-books.ts';
import { RecordedLog } from './recorded-log.ts';
import type { TableDns } from './table-dns.ts';
import { tableDns } from './table-dns.ts';

export interface Filter {
  readonly host: PluginHost;
  readonly log: RecordedLog;
  readonly judge: (content: Content | Uint8Array) => Promise<Verdict>;
}

export async function filterOf(
  name: string,
  options: RawOptions,
  dns: TableDns = {},
  clock: Clock = systemClock,
): Promise<Filter> {
  const log = new RecordedLog();
  const loaded = await loadPlugins([{ name, options }], {
    ...{ hostname: 'mx.example', pluginFolder: '/nonexistent', dns: tableDns(dns) },
    ...{ books: memoryBooks(clock), clock, log },
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const { host } = loaded;
  return {
    host,
    log,
    judge: async (content) => (await host.content(filterView(content), ANY_DOMAIN, NEVER)).verdict,
  };
}
