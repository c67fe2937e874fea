/**
 * clamd's command PING, as a sign of life while a scan takes long: outside of a session clamd answers it
 * by itself, also when all its threads are at work.
 */
import { connect } from 'node:net';
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from '../shared/words.ts';

const COMMAND = 'zPING\0';
const PONG = 'PONG\0';

export async function ping(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
  const socket = connect({ ...endpoint, signal });
  try {
    socket.write(COMMAND);
    let reply = '';
    for await (const chunk of socket) {
      reply += String(chunk);
      if (reply.length >= PONG.length) break;
    }
    if (reply !== PONG) throw new Error('no PONG');
  } catch (error) {
    const cause = error instanceof Error ? error.message || error.name : String(error);
    throw new Error(`clamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
