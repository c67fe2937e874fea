/** The login of a client: its answer and its line in the log, which names no secret. */
import type { Log } from '../base/log.ts';
import type { Accounts } from '../directory/account.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { Logins, LoginResult } from '../outbound/logins.ts';
import type { Credentials } from '../smtp/sasl.ts';

export interface LoginDeps {
  readonly logins: Logins;
  readonly log: Log;
}

export async function logIn(
  { logins, log }: LoginDeps,
  accounts: Accounts,
  hostname: string,
  session: SessionView,
  { mechanism, user, password }: Credentials,
  signal: AbortSignal,
): Promise<Reply> {
  const { remote, sid, listener } = session;
  const login = { user, password, address: remote.address };
  const result = await logins.check(accounts, login, signal);
  const fields = { ip: remote.address, sid, listener, mech: mechanism, user };
  if (result.kind === 'right') {
    log.emit('smtp.auth.ok', { ...fields, acct: result.account.name, dom: result.account.domain });
    return replies.authenticated();
  }
  const reply = refusal(result, hostname);
  const by = result.kind === 'blocked' ? result.by : undefined;
  log.emit('smtp.auth.fail', { ...fields, why: reply.reason, blocked: by, code: reply.code });
  return reply;
}

function refusal(result: Exclude<LoginResult, { kind: 'right' }>, hostname: string): Reply {
  switch (result.kind) {
    case 'wrong':
      return replies.authFailed();
    case 'blocked':
      return result.by === 'address' ? replies.authBlocked(hostname) : replies.authUnavailable();
    case 'busy':
      return replies.authUnavailable();
    default:
      return result satisfies never;
  }
}
