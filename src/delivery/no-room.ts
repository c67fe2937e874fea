/** Steps of the store that bring mail, and what is done when there is no room for it. */
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { sessionOf } from '../base/ids.ts';

/** Nothing of such a step was done. Of content that is damaged the next attempt says what becomes. */
export async function orWithout<T>(
  log: Log,
  id: string,
  step: () => Promise<T>,
  without: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    log.emit('store.full', { id, sid: sessionOf(id), err: errorText(error) });
    return without();
  }
}

function isNoRoom(error: unknown): boolean {
  return error instanceof CodedError && ['STORE_FULL', 'STORE_DAMAGED'].includes(error.code);
}
