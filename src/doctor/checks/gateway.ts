/** The configuration, the gateway that works with it, its log, and who may read its secrets. */
import { listedAccounts } from '../../directory/account.ts';
import { changedSince } from '../facts/changed-files.ts';
import { mayWrite, nearestThere } from '../facts/data-folder.ts';
import { secretFiles } from '../facts/secrets.ts';
import type { Installation, Premises } from '../installation.ts';
import {
  judgeAccounts,
  judgeContacts,
  judgeInForce,
  judgeLeftOut,
  judgeProblems,
  judgeSecrets,
} from '../judge/config.ts';
import { judgeLog, judgeRunning } from '../judge/gateway.ts';
import type { Check } from '../rounds.ts';

export function filesCheck({ directory, problems, leftOut, place }: Installation): Check {
  const { length } = directory.domains;
  const look = async () => [...judgeProblems(problems, length, place), ...judgeLeftOut(leftOut)];
  return { group: 'config', about: 'files', look };
}

export function configChecks(installation: Installation): Check[] {
  const { config, directory, sources, running, clock } = installation;
  const { domains } = directory;
  return [
    filesCheck(installation),
    {
      group: 'config',
      about: 'in force',
      look: async () => {
        const loadedAt = running.kind === 'running' ? running.loadedAt : undefined;
        const changed = await changedSince(sources, loadedAt ?? Infinity);
        const isWatched = config.reload === 'watch';
        return [judgeInForce(running, changed, { now: clock.now(), isWatched })];
      },
    },
    {
      group: 'config',
      about: 'secrets',
      look: async () => [judgeSecrets(await secretFiles(config))],
    },
    {
      group: 'config',
      about: 'accounts',
      look: async () => {
        const canLogIn = config.listeners.some(({ auth }) => auth !== 'off');
        return [judgeAccounts(listedAccounts(domains), canLogIn)];
      },
    },
    {
      group: 'config',
      about: 'contacts',
      look: async () => {
        const without = domains.filter(({ contact }) => contact === undefined);
        const names = without.map(({ name }) => name);
        return domains.length === 0 ? [] : [judgeContacts(names, domains.length)];
      },
    },
  ];
}

export function gatewayChecks({ running, version }: Premises): Check[] {
  return [{ group: 'gateway', about: 'control', look: async () => judgeRunning(running, version) }];
}

export function logCheck({ config, data }: Installation): Check {
  const { file } = config.log;
  const look = async () => {
    if (file === null) return [judgeLog(undefined)];
    // What is missing of its path is made.
    const there = await nearestThere(file);
    const canWrite = await mayWrite(there);
    const isThere = there === file;
    return [judgeLog({ file, isThere, canWrite, isTheirs: await mayWrite(data) })];
  };
  return { group: 'gateway', about: 'log', look };
}
