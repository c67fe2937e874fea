/**
 * Syncs a folder, so that the names in it survive a power cut. Callers that come while a sync is on
 * share the next one: theirs must begin after their file was made. The folder is opened once: each
 * call for a file wakes a thread, which costs more than the sync itself.
 */
import type { FileHandle } from 'node:fs/promises';

export type Folder = Pick<FileHandle, 'sync' | 'close'>;

export class FolderSync {
  readonly #open: () => Promise<Folder>;
  #folder: Promise<Folder> | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(open: () => Promise<Folder>) {
    this.#open = open;
  }

  sync(): Promise<void> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  /** When what was asked for has ended; nothing may be asked for any more. */
  async stop(): Promise<void> {
    await Promise.allSettled([this.#running, this.#next]);
    const folder = await this.#folder?.catch(() => undefined); // whoever had it opened has heard
    await folder?.close();
  }

  async #after(running: Promise<void> | undefined): Promise<void> {
    await running?.catch(() => undefined); // its own callers hear of it
    this.#running = this.#next;
    this.#next = undefined;
    this.#folder ??= this.#open();
    const folder = await this.#folder;
    await folder.sync();
  }
}
