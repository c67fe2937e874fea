/** The smarthost of sluice.yaml as a destination, with the password of its login. */
import type { Config } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import { buildDestination, destinationFaults } from './destination.ts';
import type { Destination } from './domain.ts';
import { readPassword } from './password-file.ts';

export interface SmarthostReading {
  readonly destination: Destination | undefined;
  readonly problems: readonly Problem[];
}

export const NO_SMARTHOST: SmarthostReading = { destination: undefined, problems: [] };

/** Without `own` no mail loop is found. */
export async function readSmarthost(
  config: Config | undefined,
  own: Pick<Config, 'listeners' | 'hostname'> | undefined,
): Promise<SmarthostReading> {
  if (config?.smarthost === undefined) return NO_SMARTHOST;
  const { settings, problemAt } = config.smarthost;
  const faults = destinationFaults(settings, own);
  const problems = faults.map(({ path, text }) => problemAt(path, text));
  const destination = buildDestination(settings);
  const auth = 'auth' in settings ? settings.auth : undefined;
  if (auth === undefined) return { destination, problems };
  const { user, password_file: name, over } = auth;
  if (destination.tls === 'off' && over !== 'plaintext') {
    const text = `without TLS nobody logs in: set tls, or over: plaintext`;
    problems.push(problemAt(['auth', 'over'], text));
  } else if (over === 'plaintext') {
    const text = 'the password may go over the network where everybody can read it';
    problems.push(problemAt(['auth', 'over'], text, 'warning'));
  }
  const password = await readPassword(name, config.file);
  if (!password.ok) {
    problems.push(problemAt(['auth', 'password_file'], password.problem));
    return { destination, problems };
  }
  const login = { user, password: password.value, over };
  return { destination: { ...destination, login }, problems };
}
