/** spamd's command PING, as a sign of life. */
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from '../shared/words.ts';
import { ask } from './connection.ts';

const REQUEST = Buffer.from('PING SPAMC/1.5\r\n\r\n');

export async function ping(endpoint: Endpoint, signal: AbortSignal): Promise<string> {
  const reply = await ask(endpoint, [REQUEST], signal);
  if (!/^SPAMD\/1\.\d{1,2} 0 PONG\r\n/.test(reply)) {
    throw new Error(`spamd at ${formatEndpoint(endpoint)} does not answer a PING`);
  }
  return `spamd at ${formatEndpoint(endpoint)}`;
}
