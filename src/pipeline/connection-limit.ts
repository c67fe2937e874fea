/** The limit of connections of an account: asked when it is known whose connection it is. */
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account } from '../directory/account.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { Limits } from '../outbound/limits.ts';
import type { Generation } from './generation.ts';

export interface ConnectionLimitDeps {
  readonly limits: Pick<Limits, 'connection'>;
  readonly log: Log;
}

/** Counts it; a refusal, or nothing. */
export async function connectionRefusal(
  { limits, log }: ConnectionLimitDeps,
  { directory, settings }: Pick<Generation, 'directory' | 'settings'>,
  account: Account | undefined,
): Promise<Reply | undefined> {
  const outgoing = account && directory.find(account.domain)?.outgoing;
  if (account === undefined || outgoing === undefined) return undefined;
  try {
    const refused = await limits.connection({ account, outgoing });
    return refused && replies.connectionLimit(settings.hostname);
  } catch (error) {
    log.emit('store.error', { acct: account.name, err: errorText(error) });
    return replies.sessionFault(settings.hostname);
  }
}
