/** LevelDB keeps the contract. */
import { counterContract } from './counter-contract.ts';
import { levelFixture } from './level-fixture.ts';
import { spoolContract } from './spool-contract.ts';
import { ttlContract } from './ttl-contract.ts';

spoolContract('leveldb', async (clock) => {
  const fixture = await levelFixture({ clock });
  return {
    store: fixture.store.spool,
    restart: async () => (await fixture.reopen()).spool,
    close: () => fixture.close(),
  };
});

ttlContract('leveldb', async (clock) => {
  const fixture = await levelFixture({ clock });
  return {
    map: fixture.store.ttl,
    reopen: async () => (await fixture.reopen()).ttl,
    close: () => fixture.close(),
  };
});

counterContract('leveldb', async (clock, keyBounds) => {
  const fixture = await levelFixture({ clock, keyBounds });
  return {
    counters: fixture.store.counters,
    ttl: () => fixture.store.ttl,
    restart: async () => (await fixture.reopen()).counters,
    close: () => fixture.close(),
  };
});
