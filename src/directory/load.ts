/**
 * The whole configuration: sluice.yaml, the domains folder and everything they point at, checked
 * together. One error and there is nothing but problems, all of them at once; `check`, `start` and a
 * reload all come through here.
 */
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Draft, LeftOut } from '../config/load.ts';
import { readConfig } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import { hasErrors, inReadingOrder } from '../config/problem.ts';
import type { ConfigSources } from '../config/sources.ts';
import { sourcesOf } from '../config/sources.ts';
import { KeyFolder } from '../dkim/key-folder.ts';
import { createDirectory } from './directory.ts';
import type { Directory } from './domain.ts';
import { readDomains } from './load-domains.ts';
import { NO_SMARTHOST, readSmarthost } from './load-smarthost.ts';
import { remoteTlsTable } from './remote-tls.ts';
import { readOwnSigning, readSealing } from './load-signing.ts';

/** Finds what only somebody else can know, such as the options of plugins. */
export type MoreChecks = (config: Config) => Promise<readonly Problem[]>;

export type GatewayConfigResult =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly directory: Directory;
      readonly warnings: readonly Problem[];
      readonly sources: ConfigSources;
    }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** Undefined when sluice.yaml itself has errors. */
      readonly sources: ConfigSources | undefined;
    };

export interface LoadOptions {
  readonly moreChecks?: MoreChecks | undefined;
  /** It is in force: lists of recipients that have not changed since are taken from it. */
  readonly before?: Directory | undefined;
  /** What a domain file would be, to see what would come of it. */
  readonly draft?: Draft;
  readonly leftOut?: LeftOut;
}

export async function loadGatewayConfig(
  file: string,
  { moreChecks, before, draft, leftOut }: LoadOptions = {},
): Promise<GatewayConfigResult> {
  const {
    config,
    isSound,
    domainFiles,
    problems: found,
  } = await readConfig(file, { draft, leftOut });
  const own = isSound('listeners') ? config : undefined;
  const keys = isSound('dkim') && config ? await KeyFolder.open(config.dkimKeys) : undefined;
  const around = { own, before, keys };
  const { domains, problems: more } = await readDomains(domainFiles, around);
  const ownSigning = await readOwnSigning(config?.hostname, keys);
  const sealing = await readSealing(isSound('arc_seal') ? config?.arcSeal : undefined);
  const hasPlugins = config !== undefined && isSound('plugins');
  const last = hasPlugins ? ((await moreChecks?.(config)) ?? []) : [];
  const smarthost = isSound('delivery') ? await readSmarthost(config, own) : NO_SMARTHOST;
  const problems = inReadingOrder(
    [
      ...[...found, ...smarthost.problems, ...more],
      ...[...ownSigning.problems, ...sealing.problems, ...last],
    ],
    resolve(file),
  );
  const sources = config && sourcesOf(config);
  if (config === undefined || sources === undefined || hasErrors(problems)) {
    return { ok: false, problems, sources };
  }
  return {
    ok: true,
    config,
    directory: createDirectory(domains, {
      smarthost: smarthost.destination,
      ownSigning: ownSigning.signing,
      sealing: sealing.signing,
      remoteTls: remoteTlsTable(config.delivery.remoteTls),
    }),
    warnings: problems,
    sources,
  };
}
