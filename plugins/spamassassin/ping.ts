/** spamd's command PING, as a sign of life. */
import type { Endpoint } from 'sluice-mx/plugin';
import { ask, formatEndpoint } from './connection.ts';

const REQUEST = Buffer.from('PING SPAMC/1.5\r\n\r\n');

/** One spamd that answers is enough; rejects with the last failure when there is none. */
export async function firstPong(
  endpoints: readonly Endpoint[],
  signal: AbortSignal,
): Promise<string> {
  let last: unknown;
  for (const endpoint of endpoints) {
    try {
      const reply = await ask(endpoint, [REQUEST], signal);
      if (/^SPAMD\/1\.\d{1,2} 0 PONG\r\n/.test(reply.toString('latin1'))) {
        return `spamd at ${formatEndpoint(endpoint)}`;
      }
      last = new Error(`spamd at ${formatEndpoint(endpoint)} does not answer a PING`);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
