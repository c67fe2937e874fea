/** The login of a client: its answer and its line in the log, which names no secret. */
import { errorText } from '../base/errors.ts';
import type { Account } from '../directory/account.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { Logins, LoginResult } from '../outbound/logins.ts';
import type { LoginAnswer } from '../smtp/conversation.ts';
import type { Credentials } from '../smtp/sasl.ts';
import type { Locks } from '../outbound/locks.ts';
import type { ConnectionLimitDeps } from './connection-limit.ts';
import { connectionRefusal } from './connection-limit.ts';
import type { Generation } from './generation.ts';

export interface LoginDeps extends ConnectionLimitDeps {
  readonly logins: Logins;
  readonly locks: Pick<Locks, 'of'>;
}

export async function logIn(
  deps: LoginDeps,
  generation: Pick<Generation, 'directory' | 'settings'>,
  session: SessionView,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<LoginAnswer> {
  const { logins, log } = deps;
  const { mechanism, user } = credentials;
  const secret = 'proven' in credentials ? credentials.proven : credentials.password;
  const { hostname } = generation.settings;
  const { accounts } = generation.directory;
  const { remote, sid, listener } = session;
  const login = { user, secret, address: remote.address };
  const result = await logins.check(accounts, login, signal);
  const fields = { ip: remote.address, sid, listener, mech: mechanism, user };
  if (result.kind === 'right') {
    const { account } = result;
    const whose = { acct: account.name, dom: account.domain };
    const against =
      (await lockRefusal(deps, account)) ?? (await connectionRefusal(deps, generation, account));
    if (against === undefined) {
      log.emit('smtp.auth.ok', { ...fields, ...whose });
      const { signature } = result;
      return { reply: replies.authenticated(), ...(signature && { signature }) };
    }
    // No failed guess: nobody is to be blocked for it.
    const { reason: why, code } = against;
    log.emit('smtp.auth.fail', { ...fields, ...whose, why, code }, 'info');
    return { reply: against };
  }
  const reply = refusal(result, hostname);
  const by = result.kind === 'blocked' ? result.by : undefined;
  log.emit('smtp.auth.fail', { ...fields, why: reply.reason, blocked: by, code: reply.code });
  return { reply };
}

async function lockRefusal(
  { locks, log }: LoginDeps,
  account: Account,
): Promise<Reply | undefined> {
  try {
    return (await locks.of(account, undefined)) && replies.accountLocked();
  } catch (error) {
    log.emit('store.error', { acct: account.name, err: errorText(error) });
    return replies.authUnavailable();
  }
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
