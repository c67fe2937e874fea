/**
 * The answer to HELP (RFC 5321 4.1.1.8). A customer hears how much of his limits he has used: who may
 * send by an account may know, and needs nobody for it.
 */
import { errorText } from '../base/errors.ts';
import { localTime } from '../base/local-time.ts';
import type { Log } from '../base/log.ts';
import type { Account, Outgoing } from '../directory/account.ts';
import { LIMIT_WINDOWS } from '../directory/account-options.ts';
import type { WindowLimits } from '../directory/account-options.ts';
import type { Directory } from '../directory/domain.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { countKey, domainKey } from '../outbound/counter-keys.ts';
import type { Limits } from '../outbound/limits.ts';
import { accountOf } from '../outbound/sender-policy.ts';

export interface HelpDeps {
  readonly limits: Pick<Limits, 'counts'>;
  readonly log: Log;
}

export async function helpFor(
  { limits, log }: HelpDeps,
  directory: Directory,
  session: SessionView,
): Promise<Reply> {
  const account = accountOf(directory.accounts, session);
  const outgoing = account && directory.find(account.domain)?.outgoing;
  if (account === undefined || outgoing === undefined) return replies.help();
  try {
    return replies.help(await usageLines(limits, account, outgoing));
  } catch (error) {
    log.emit('store.error', { acct: account.name, err: errorText(error) });
    return replies.fault();
  }
}

async function usageLines(
  limits: HelpDeps['limits'],
  { name, domain, limits: own }: Account,
  { relayPerDay, timeZone }: Outgoing,
): Promise<string[]> {
  const lines = async (who: string, what: string, key: string, windows: WindowLimits) => {
    const counts = await limits.counts(key);
    return LIMIT_WINDOWS.flatMap((window) => {
      const limit = windows[window];
      if (limit === undefined || !Number.isFinite(limit)) return [];
      const { count = 0, endsAt } = counts[window] ?? {};
      const until = endsAt === undefined ? '' : ` until ${localTime(endsAt, timeZone)}`;
      return [`${who}: ${count} of ${limit} ${what} a ${window}${until}`];
    });
  };
  const all = await Promise.all([
    lines(domain, 'recipients', domainKey(domain), { day: relayPerDay }),
    lines(name, 'connections', countKey('connections', name), own.connections),
    lines(name, 'messages', countKey('messages', name), own.messages),
    lines(name, 'recipients', countKey('recipients', name), own.recipients),
    lines(name, 'new recipients', countKey('new-recipients', name), own.newRecipients),
  ]);
  return all.flat();
}
