/**
 * spamd's command TELL: a message that a person has judged goes into the database of its Bayes
 * classifier. spamd does this only with its option --allow-tell; what it knew already is no error.
 */
import type { Endpoint } from 'sluice-mx/plugin';
import type { RequestOptions } from './request.ts';
import { askAbout, readReply } from './request.ts';

export async function tell(
  endpoint: Endpoint,
  message: readonly Uint8Array[],
  { as, ...options }: RequestOptions & { readonly as: 'ham' | 'spam' },
  signal: AbortSignal,
): Promise<void> {
  const lines = [`Message-class: ${as}`, 'Set: local'];
  await askAbout(endpoint, message, { command: 'TELL', lines, ...options }, signal, readReply);
}
