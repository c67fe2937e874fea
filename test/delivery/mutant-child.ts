/**
 * A process for mutants.test.ts: loads the program with one place in one file written otherwise, runs
 * the simulation over seeds until it finds something, and says what. `FILE FROM TO ENGINE SEEDS`.
 */
import { registerHooks } from 'node:module';
import type { Engine } from '../support/delivery-world.ts';

const [file = '', from = '', to = '', engine = 'model', seeds = '0'] = process.argv.slice(2);
let places = 0;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/src/${file}`)) return loaded;
    const source = Buffer.from(loaded.source as Uint8Array).toString(); // a file's bytes
    places = source.split(from).length - 1;
    return { ...loaded, source: source.replace(from, () => to) };
  },
});
// Only now, so that what it imports passes by the hook.
const { DeliveryWorld } = await import('../support/delivery-world.ts');

if (places !== 1) say(`STALE: ${places} places`);
// What trips up outside of any wait is found, too.
process.on('unhandledRejection', (error) => say(`FOUND unhandled: ${String(error)}`));
for (let seed = 1; seed <= Number(seeds); seed++) {
  try {
    await new DeliveryWorld(seed, engine as Engine).run();
  } catch (error) {
    say(`FOUND seed ${seed}: ${String(error)}`);
  }
}
say('SURVIVED');

function say(what: string): never {
  console.log(what.slice(0, 500));
  process.exit(0);
}
