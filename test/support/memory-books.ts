/** Books of plugins that last as long as the test. */
import type { Clock } from '../../src/base/clock.ts';
import { PluginBooks } from '../../src/plugin-host/plugin-books.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';

export function memoryBooks(clock: Clock): PluginBooks {
  return new PluginBooks(new MemoryTtlMap({ clock }), clock);
}
