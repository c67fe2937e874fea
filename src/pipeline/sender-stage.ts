/**
 * MAIL: whose mail it is, that of an account or of a stranger, and whether the client may send it with
 * this reverse-path. Asks nobody.
 */
import type { Account } from '../directory/account.ts';
import type { ReversePath } from '../mail/address.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { credentialOf } from '../outbound/logins.ts';
import { accountOf, checkSender, sharedAccountOf } from '../outbound/sender-policy.ts';
import type { SharedNetworks } from '../outbound/shared-networks.ts';
import type { Generation } from './generation.ts';
import type { TransactionSender } from './transaction.ts';

export type FoundSender =
  | {
      /** Undefined: a stranger's. */
      readonly sender: TransactionSender | undefined;
      /** Without an account it may be a customer's all the same: nobody could find out. */
      readonly mayBeCustomer: boolean;
    }
  /** `account`: to whom this sender is refused. */
  | { readonly refused: Reply; readonly account?: Account };

/** `credential`: what the login of the session was right by. */
export function findSender(
  networks: Pick<SharedNetworks, 'has'>,
  { directory, settings }: Generation,
  session: SessionView,
  reversePath: ReversePath,
  credential: string | undefined,
): FoundSender {
  const { accounts } = directory;
  const user = session.login?.user;
  const isOver =
    user !== undefined && credential !== undefined && credentialOf(accounts, user) !== credential;
  if (isOver) return { refused: replies.loginOver(settings.hostname) };
  const found =
    accountOf(accounts, session) ?? sharedAccountOf(directory, networks, session, reversePath);
  const account = found === 'unsure' ? undefined : found;
  if (account === undefined) {
    const mayBeCustomer = found === 'unsure';
    if (!settings.authenticatedListeners.has(session.listener)) {
      return { sender: undefined, mayBeCustomer };
    }
    return { refused: mayBeCustomer ? replies.accountUnsure() : replies.authRequired() };
  }
  const sender = checkSender(directory, account, reversePath);
  if (sender.kind === 'allowed') return { sender, mayBeCustomer: false };
  const isForeign = sender.kind === 'foreign';
  const refusal = isForeign ? replies.senderNotOfAccount : replies.nullSenderRefused;
  return { refused: refusal(account.name, account.domain), account };
}
