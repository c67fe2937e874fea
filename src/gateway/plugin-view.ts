/** The filters in force as the control port shows them: what they are, and whether they can work. */
import { dirname } from 'node:path';
import type { ScannerView } from '../control/gateway-view.ts';
import type { PluginView } from '../control/plugin-view.ts';
import type { LoadedPlugin } from '../plugin-host/loaded-plugin.ts';
import { SHIPPED_PLUGINS } from '../plugin-host/plugin-file.ts';

export function pluginViews(
  plugins: readonly LoadedPlugin[],
  scanners: readonly ScannerView[],
): PluginView[] {
  return plugins.map(({ name, file, service, parts, options }) => {
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
    };
  });
}
