/**
 * The end of the gateway's parts, one after the other. Each is ended, whatever became of the others: on
 * a disk that takes no more some cannot end properly, and one left running would keep the process.
 */
import { errorText } from '../base/errors.ts';
import type { Parts } from './parts.ts';
import type { Recorder } from './recorder.ts';

/** Sessions may finish their transactions for so long. */
const DRAIN_MS = 30_000;

export async function endParts(parts: Parts, { log, records }: Recorder): Promise<void> {
  const steps = [
    () => parts.listeners.stop(DRAIN_MS),
    () => parts.watches.stop(),
    () => parts.delivery.scheduler.stop(),
    () => parts.delivery.courier.stop(),
    () => parts.generation.filters.stop(),
    () => parts.control.stop(),
    () => parts.scanners.stop(),
    () => records.stop(),
    () => parts.ids.close(),
    () => parts.housekeeping.stop(),
    () => parts.store.close(),
  ];
  for (const step of steps)
    await step().catch((error: unknown) => {
      const stack = error instanceof Error ? error.stack : undefined;
      log.emit('crash', { where: 'stop', err: errorText(error), stack }, 'error');
    });
}
