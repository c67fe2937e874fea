/** The filters in force as the control port shows them: what they are, and whether they can work. */
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import type { ScannerView } from '../control/gateway-view.ts';
import type { PluginView } from '../control/plugin-view.ts';
import type { LoadedPlugin } from '../plugin-host/loaded-plugin.ts';
import { SHIPPED_PLUGINS } from '../plugin-host/plugin-file.ts';

export function pluginViews(
  plugins: readonly LoadedPlugin[],
  scanners: readonly ScannerView[],
  clock: Clock,
): Promise<PluginView[]> {
  const views = plugins.map(async (plugin) => {
    const { name, file, service, parts, options } = plugin;
    const scanner = scanners.find((each) => each.name === name);
    const { on_error, timeout, max_concurrent } = options.common;
    return {
      name,
      source: dirname(file) === SHIPPED_PLUGINS ? 'shipped' : 'own',
      file,
      service,
      state: scanner === undefined ? 'loaded' : scanner.up ? 'up' : 'down',
      hooks: Object.keys(parts.hooks),
      onError: on_error,
      timeoutMs: timeout,
      maxConcurrent: max_concurrent,
      note: await noteOf(plugin, clock),
    } satisfies PluginView;
  });
  return Promise.all(views);
}

const NOTE_MS = 1000;
const MAX_NOTE = 200;

/** One that throws or is late has nothing to say: a list of filters is no place for it. */
async function noteOf({ name, parts }: LoadedPlugin, clock: Clock): Promise<string | undefined> {
  try {
    const said = await withDeadline(clock, NOTE_MS, name, async () => parts.note?.());
    return typeof said === 'string' ? said.slice(0, MAX_NOTE) : undefined;
  } catch {
    return undefined;
  }
}
