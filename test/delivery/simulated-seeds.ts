/**
 * Runs seeds of the simulation in a thread of its own: the test runner looks at every promise that its
 * own thread makes, which takes three times as long as what the promises are for. Ends with an error
 * that names the seed.
 */
import { workerData } from 'node:worker_threads';
import type { Engine } from '../support/delivery-world.ts';
import { DeliveryWorld } from '../support/delivery-world.ts';

export interface Seeds {
  readonly engine: Engine;
  readonly from: number;
  readonly to: number;
}

const { engine, from, to } = workerData as Seeds;
for (let seed = from; seed <= to; seed++) {
  try {
    await new DeliveryWorld(seed, engine).run();
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
  }
}
