/**
 * A gateway does not open its store on a disk that has no room for what opening writes: LevelDB
 * writes its log anew as tables, and a write that fails ends the gateway. It waits instead, says so,
 * raises `disk_low` by what needs no store (log, web hook, program), and goes on by itself.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Alerts } from '../alerts/alerts.ts';
import { NOTHING_WRONG, roomLeft } from '../alerts/conditions.ts';
import { command, webhook } from '../alerts/targets.ts';
import type { Clock } from '../base/clock.ts';
import type { DiskRoom } from '../base/disk-room.ts';
import { FolderRoom, hasFewFiles } from '../base/disk-room.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { lockHolder } from '../store/leveldb/lock-holder.ts';

export interface RoomToStartOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when it has to wait, with what there is to say. */
  readonly onWait: (text: string) => void;
}

/** Beside the tables that the log becomes: a manifest, the first writes, the marks of ids. */
const SPARE_BYTES = 8 * 1024 * 1024;
const LOOK_MS = 1000;
const MIB = 1024 * 1024;

interface Need {
  readonly room: DiskRoom;
  readonly bytes: number;
}

/** Resolves when there is room, or `stop` aborts. A disk that does not say is left to the store. */
export async function roomToStart(options: RoomToStartOptions, stop: AbortSignal): Promise<void> {
  const { config, clock, log } = options;
  const store = join(config.data, 'store');
  let lack = await lackOf(store, clock);
  // One that runs has the store open, and whoever comes second is told so.
  if (lack === undefined || (await lockHolder(join(store, 'LOCK'))) !== undefined) return;
  const mib = Math.ceil(lack.bytes / MIB);
  const text = `${roomLeft(lack.room)}: make room; the gateway starts by itself when there is room for it (${mib} MiB). What was accepted is there`;
  log.emit('srv.wait', { free: lack.room.freeBytes, min: lack.bytes, msg: text });
  options.onWait(text);
  const alerts = alertsOf(options, () => lack);
  await alerts.start();
  const isOver = () => lack === undefined && alerts.raised().length === 0;
  while (!stop.aborted && !isOver()) {
    await clock.sleep(LOOK_MS, stop).catch(() => undefined);
    lack = await lackOf(store, clock);
  }
  await alerts.stop();
}

async function lackOf(store: string, clock: Clock): Promise<Need | undefined> {
  const folder = await firstThere(store);
  const room = await new FolderRoom(folder, clock).look();
  const bytes = SPARE_BYTES + (await logBytes(store));
  if (room === undefined) return undefined;
  return hasFewFiles(room) || room.freeBytes < bytes ? { room, bytes } : undefined;
}

/** Of a folder that has not been made yet the one above says how much room there is. */
async function firstThere(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  return isThere || dirname(folder) === folder ? folder : firstThere(dirname(folder));
}

async function logBytes(store: string): Promise<number> {
  const names = await readdir(store).catch(() => []);
  const sizes = names
    .filter((name) => name.endsWith('.log'))
    .map((name) => stat(join(store, name)).then(({ size }) => size));
  return (await Promise.all(sizes).catch(() => [])).reduce((sum, size) => sum + size, 0);
}

function alertsOf(
  { config, clock, log }: RoomToStartOptions,
  lack: () => Need | undefined,
): Alerts {
  const { alerts } = config;
  return new Alerts({
    // The store is closed; whoever heard of it hears of its end here.
    map: { list: async () => [], put: async () => undefined, delete: async () => false },
    present: async () => ({ ...NOTHING_WRONG, now: clock.now(), waitsForRoom: lack() }),
    settings: () => ({ ...alerts, afterMs: 0 }),
    targets: () => [
      ...(alerts.webhook === undefined ? [] : [webhook(alerts.webhook, clock)]),
      ...(alerts.command === undefined ? [] : [command(alerts.command, clock)]),
    ],
    node: () => config.hostname,
    clock,
    log,
  });
}
