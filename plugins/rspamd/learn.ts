/**
 * rspamd's controller learns a message (/learnham, /learnspam). What it knew already is learnt: 208,
 * or an error of older versions that says so.
 */
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from '../shared/words.ts';
import { ask } from './ask.ts';

export interface Lesson {
  readonly as: 'ham' | 'spam';
  readonly password: string | undefined;
}

export async function learn(
  endpoint: Endpoint,
  message: readonly Uint8Array[],
  { as, password }: Lesson,
  signal: AbortSignal,
): Promise<void> {
  const headers = password === undefined ? {} : { Password: password };
  const question = { method: 'POST', path: `/learn${as}`, headers } as const;
  const reply = await ask(endpoint, question, message, signal).catch(known);
  if (reply === undefined || /"success"\s*:\s*true/.test(reply)) return;
  throw new Error(`rspamd at ${formatEndpoint(endpoint)}: did not learn`);
}

function known(error: unknown): undefined {
  if (error instanceof Error && /answered: 208 |already learned/.test(error.message)) return;
  throw error;
}
