/**
 * Where the configuration is and which socket the running gateway listens on: `-c FILE`, else
 * `SLUICE_CONFIG`, else `config/sluice.yaml`, and where that is not there the one of an installed
 * gateway, `/etc/sluice/sluice.yaml` (none of them there: a fault that names them); `--socket`, else `SLUICE_SOCKET`, else `control.sock`
 * in the data folder that the configuration names. A broken configuration must not keep anybody from
 * looking at the gateway that still runs: then its `data:` line is enough.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CliFault, EXIT } from './exit.ts';

export interface Places {
  readonly config?: string | undefined;
  readonly socket?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_CONFIG = 'config/sluice.yaml';
const INSTALLED_CONFIG = '/etc/sluice/sluice.yaml';
const SOCKET_NAME = 'control.sock';

export function configFile({ config, env }: Places): string {
  const fromEnvironment = env['SLUICE_CONFIG'] || undefined;
  const named = config ?? fromEnvironment;
  const tried = (named === undefined ? [DEFAULT_CONFIG, INSTALLED_CONFIG] : [named]).map((file) =>
    resolve(file),
  );
  const found = tried.find((file) => existsSync(file));
  if (found !== undefined) return found;
  const how =
    config !== undefined
      ? 'named with -c'
      : fromEnvironment !== undefined
        ? 'named by SLUICE_CONFIG'
        : 'name it with -c FILE or SLUICE_CONFIG';
  throw new CliFault(EXIT.config, `no configuration at ${tried.join(' or ')}; ${how}`);
}

export async function socketPath(places: Places): Promise<string> {
  if (places.socket !== undefined) return resolve(places.socket);
  const fromEnvironment = places.env['SLUICE_SOCKET'] || undefined;
  if (places.config === undefined && fromEnvironment !== undefined) return resolve(fromEnvironment);
  return join(await dataPath(places), SOCKET_NAME);
}

export async function dataPath(places: Places): Promise<string> {
  const file = configFile(places);
  return (await dataFolder(file)) ?? dataLine(file);
}

async function dataFolder(file: string): Promise<string | undefined> {
  const { loadConfig } = await import('../config/load.ts');
  const loaded = await loadConfig(file);
  return loaded.ok ? loaded.config.data : undefined;
}

/** The `data:` line of a file that as a whole cannot be read. */
function dataLine(file: string): string {
  const match = /^data:[ \t]*(['"]?)([^'"#\r\n]+?)\1[ \t]*(?:#.*)?$/m.exec(
    readFileSync(file, 'utf8'),
  );
  return resolve(dirname(file), match?.[2] ?? 'data');
}
