/** Everything that is looked at, in the order in which it is told. */
import type { Problem } from '../../config/problem.ts';
import type { Domain } from '../../directory/domain.ts';
import type { Installation, Premises } from '../installation.ts';
import { judgeProblems, leftOut } from '../judge/config.ts';
import type { Check } from '../rounds.ts';
import { destinationChecks, recipientChecks, scannerChecks } from './destinations.ts';
import { configChecks, filesCheck, gatewayChecks, logCheck } from './gateway.ts';
import { domainChecks } from './domains.ts';
import { nameChecks, namesAround } from './names.ts';
import { machineChecks, roomChecks } from './machine.ts';
import { certificateCheck, portChecks } from './ports.ts';

export function allChecks(installation: Installation): Check[] {
  const { domains, routes } = installation.directory;
  const names = namesAround(installation);
  return [
    ...configChecks(installation),
    ...gatewayChecks(installation),
    logCheck(installation),
    ...machineChecks(installation),
    ...roomChecks(installation),
    ...portChecks(installation),
    ...certificateCheck(installation),
    ...nameChecks(installation, names),
    ...domainChecks(installation, names, domains),
    ...destinationChecks(installation, routes),
    ...recipientChecks(installation, domains),
    ...scannerChecks(installation),
  ];
}

/** What concerns one domain. */
export function checksOf(installation: Installation, domain: Domain): Check[] {
  const routes = domain.split ?? [domain];
  return [
    ...(installation.leftOut.length > 0 ? [filesCheck(installation)] : []),
    ...domainChecks(installation, namesAround(installation), [domain]),
    ...destinationChecks(installation, routes),
    ...recipientChecks(installation, [domain]),
  ];
}

/** Of a configuration with errors: what does not depend on it. */
export function fewChecks(premises: Premises, problems: readonly Problem[]): Check[] {
  return [
    {
      group: 'config',
      about: 'files',
      look: async () => [...judgeProblems(problems, 0, premises.place), leftOut()],
    },
    ...gatewayChecks(premises),
    ...machineChecks(premises),
  ];
}
