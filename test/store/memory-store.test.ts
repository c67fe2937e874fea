/** The model keeps the contract. */
import { MemoryDisk, MemorySpool } from '../../src/store/memory/spool.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { MemoryCounterStore } from '../../src/store/memory/counters.ts';
import { counterContract } from './counter-contract.ts';
import { spoolContract } from './spool-contract.ts';
import { ttlContract } from './ttl-contract.ts';

spoolContract('memory', async (clock) => {
  const disk = new MemoryDisk();
  const under = {
    store: new MemorySpool({ clock, disk }),
    async restart() {
      under.store = new MemorySpool({ clock, disk });
      return under.store;
    },
    async close() {},
  };
  return under;
});

ttlContract('memory', async (clock) => ({
  map: new MemoryTtlMap({ clock }),
  async close() {},
}));

counterContract('memory', async (clock, bounds) => {
  const disk = new Map<string, unknown>();
  const ttl = new MemoryTtlMap({ clock });
  const make = () => new MemoryCounterStore({ clock, ttl, disk, bounds });
  return {
    counters: make(),
    ttl: () => ttl,
    restart: async () => make(),
    close: async () => undefined,
  };
});
