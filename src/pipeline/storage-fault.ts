/**
 * What the log says of a message that cannot be stored: a lack of room is no fault of the store. That
 * it does not answer it says itself, once for all who wait.
 */
import { CodedError, errorText } from '../base/errors.ts';
import { isOutOfRoom } from '../base/disk-room.ts';
import type { Fields, Log } from '../base/log.ts';

export function logStorageFault(log: Log, fields: Fields, error: unknown): void {
  if (error instanceof CodedError && error.code === 'STORE_SILENT') return;
  const isFull = error instanceof CodedError ? error.code === 'STORE_FULL' : isOutOfRoom(error);
  log.emit(isFull ? 'store.full' : 'store.error', { ...fields, err: errorText(error) });
}
