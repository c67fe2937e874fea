/** An account as `sluice account list` has it, read from the files or asked of the gateway. */
import type { Row } from './rows.ts';

export interface AccountView extends Readonly<
  Record<'name' | 'by' | 'domain' | 'state' | 'file' | 'quarantineReply', string>
> {
  readonly identity: { readonly kind: string } | undefined;
  readonly limits: { readonly newRecipients: object };
  readonly dkimSelector?: string;
  readonly isArchived: boolean;
}

export function accountRow(account: AccountView): Row {
  const { name, by, domain, state, file, identity, limits } = account;
  const { newRecipients, ...others } = limits;
  return {
    v: 1,
    kind: 'account',
    id: name,
    name,
    by,
    domain,
    state,
    file,
    identity_method: identity?.kind,
    limits: { ...others, new_recipients: newRecipients },
    dkim_selector: account.dkimSelector,
    archive: account.isArchived,
    quarantine_reply: account.quarantineReply,
  };
}
