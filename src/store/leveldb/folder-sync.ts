/**
 * Syncs a folder, so that the names in it survive a power cut. Callers that come while a sync is on
 * share the next one: theirs must begin after their file was made.
 */
export class FolderSync {
  readonly #syncNow: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(syncNow: () => Promise<void>) {
    this.#syncNow = syncNow;
  }

  sync(): Promise<void> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  async #after(running: Promise<void> | undefined): Promise<void> {
    await running?.catch(() => undefined); // its own callers hear of it
    this.#running = this.#next;
    this.#next = undefined;
    await this.#syncNow();
  }
}
