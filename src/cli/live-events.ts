/**
 * The live events of the gateway for as long as somebody reads them. When the gateway ends, this says
 * so, waits for the next one and goes on with that; what happened meanwhile is in the log. A gateway
 * that is not there at first, or that says no, is a fault.
 */
import { ControlFault } from '../control/client.ts';
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Terminal } from './terminal.ts';

/** A restart takes seconds; a gateway that stays away costs a connection every few of them. */
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 5_000;

export async function* liveEvents(
  client: ControlClient,
  terminal: Pick<Terminal, 'err'>,
): AsyncGenerator<Row> {
  let waitMs = FIRST_WAIT_MS;
  let isFirst = true;
  for (;;) {
    try {
      for await (const row of client.rows('/api/v1/events', { live: true })) {
        waitMs = FIRST_WAIT_MS;
        yield row;
      }
    } catch (error) {
      if (!isGone(error) || (isFirst && error.kind === 'unreachable')) throw error;
    }
    isFirst = false;
    terminal.err('sluice tail: the gateway has ended; waiting for it, Ctrl-C ends this\n');
    do {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
    } while (!(await isBack(client)));
    terminal.err('sluice tail: the gateway is back; what happened meanwhile is in its log\n');
  }
}

/** An answer to a stream begins with its first event, so something else is asked. */
async function isBack(client: ControlClient): Promise<boolean> {
  try {
    await client.get('/api/v1/status');
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function isGone(error: unknown): error is ControlFault {
  return error instanceof ControlFault && (error.kind === 'unreachable' || error.kind === 'broken');
}
