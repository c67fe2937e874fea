/** clamd's command VERSION, as a sign of life over a new connection: version, and of which day its signatures are. */
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from '../shared/words.ts';
import { Session } from './session.ts';

const COMMAND = Buffer.from('zVERSION\0');

export async function version(endpoint: Endpoint, signal: AbortSignal): Promise<string> {
  const session = new Session(endpoint);
  try {
    const { text } = await session.ask(signal, (write) => write([COMMAND]));
    if (!/^ClamAV [\x20-\x7e]{1,200}$/.test(text)) {
      throw new Error(`clamd at ${formatEndpoint(endpoint)} does not say its version`);
    }
    return text;
  } finally {
    session.close();
  }
}
