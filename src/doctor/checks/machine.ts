/** The machine under the gateway: Node, clock, data folder, disk, open files. */
import { join } from 'node:path';
import { askRoom } from '../../base/disk-room.ts';
import { openIdMark } from '../../base/id-mark.ts';
import { idTime } from '../../base/ids.ts';
import { nearestThere, readDataFolder } from '../facts/data-folder.ts';
import { openFilesLimit, processOwner, userName } from '../facts/machine.ts';
import { mountOf } from '../facts/mount.ts';
import type { Installation, Premises } from '../installation.ts';
import { judgeDataFolder, judgeDisk, judgeFileSystem } from '../judge/data-folder.ts';
import { judgeClock, judgeNode, judgeOpenFiles } from '../judge/system.ts';
import type { Check } from '../rounds.ts';

/** What needs no configuration that can be used. */
export function machineChecks({ data, running, clock }: Premises): Check[] {
  const pid = running.kind === 'running' ? running.pid : undefined;
  return [
    { group: 'system', about: 'Node', look: async () => [judgeNode(process.version)] },
    {
      group: 'system',
      about: 'clock',
      look: async () => {
        const mark = await openIdMark(join(data, 'ids'));
        return [judgeClock(clock.now(), mark.value === 0 ? undefined : idTime(mark.value))];
      },
    },
    {
      group: 'system',
      about: 'data folder',
      look: async () => {
        const facts = await readDataFolder(data);
        const uid = pid === undefined ? undefined : await processOwner(pid);
        const gateway = uid === undefined ? undefined : { uid, name: await userName(uid) };
        const folder = facts.kind === 'there' ? await userName(facts.owner) : '';
        return [judgeDataFolder(data, facts, { me: process.getuid?.() ?? -1, folder, gateway })];
      },
    },
    {
      group: 'system',
      about: 'file system',
      look: async () => [judgeFileSystem(await mountOf(await nearestThere(data)))],
    },
  ];
}

export function roomChecks({ data, config, running }: Installation): Check[] {
  const { connections, minFreeSpaceBytes } = config.limits;
  const pid = running.kind === 'running' ? running.pid : undefined;
  return [
    {
      group: 'system',
      about: 'disk',
      look: async () => {
        const room = await askRoom(await nearestThere(join(data, 'store'))).catch(() => undefined);
        return [judgeDisk(room, minFreeSpaceBytes)];
      },
    },
    {
      group: 'system',
      about: 'open files',
      look: async () => {
        const limit = await openFilesLimit(pid);
        return [judgeOpenFiles(limit, connections, pid !== undefined)];
      },
    },
  ];
}
