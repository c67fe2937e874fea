/**
 * The messages of the archive on the disk: a folder for each day, in it `ID.eml` with the content as it
 * went out and `ID.json` with what is known of it. Both are synced before the message is taken, the
 * envelope last: a content without one was never whole.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dayOf } from '../base/days.ts';
import { syncFolder } from '../base/sync-folder.ts';
import { writeAll } from '../base/write-all.ts';
import type { Content } from '../mail/content.ts';
import type { Archived } from '../mail/archived-mail.ts';

const ENVELOPE = /^([0-9A-HJKMNP-TV-Z]{10}\.\d{1,9}(?:-\d{1,9})?)\.json$/;
const DAY = /^\d{4}-\d\d-\d\d$/;

export class ArchiveFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(mail: Archived, content: Content): Promise<void> {
    const folder = join(this.#folder, dayOf(mail.id));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, mail.id);
    await writeSynced(`${path}.eml`, content.read());
    await writeSynced(`${path}.json.new`, [Buffer.from(JSON.stringify(mail))]);
    await rename(`${path}.json.new`, `${path}.json`);
    await syncFolder(folder);
    await syncFolder(this.#folder);
  }

  async remove(id: string): Promise<void> {
    const path = this.#path(id);
    await rm(`${path}.json`, { force: true });
    await rm(`${path}.json.new`, { force: true }); // of a disk that was full
    await rm(`${path}.eml`, { force: true });
  }

  content(id: string): AsyncIterable<Uint8Array> {
    return createReadStream(`${this.#path(id)}.eml`);
  }

  /** Undefined when it is not there, or not ours any more. */
  async envelope(id: string): Promise<Archived | undefined> {
    try {
      return JSON.parse(await readFile(`${this.#path(id)}.json`, 'utf8')) as Archived; // our own
    } catch {
      return undefined;
    }
  }

  /** Oldest first. */
  async days(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.filter((name) => DAY.test(name)).sort();
  }

  async ids(day: string): Promise<readonly string[]> {
    const names = await readdir(join(this.#folder, day)).catch(() => []);
    return names.flatMap((name) => ENVELOPE.exec(name)?.[1] ?? []);
  }

  async drop(day: string): Promise<void> {
    await rm(join(this.#folder, day), { recursive: true, force: true });
  }

  #path(id: string): string {
    return join(this.#folder, dayOf(id), id);
  }
}

async function writeSynced(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    for await (const chunk of chunks) await writeAll(file, [chunk]);
    await file.sync();
  } finally {
    await file.close();
  }
}
