/** What the log says of a message that cannot be stored: a lack of room is no fault of the store. */
import { CodedError, errorText } from '../base/errors.ts';
import { isOutOfRoom } from '../base/disk-room.ts';
import type { Fields, Log } from '../base/log.ts';

export function logStorageFault(log: Log, fields: Fields, error: unknown): void {
  const isFull = error instanceof CodedError ? error.code === 'STORE_FULL' : isOutOfRoom(error);
  log.emit(isFull ? 'store.full' : 'store.error', { ...fields, err: errorText(error) });
}
