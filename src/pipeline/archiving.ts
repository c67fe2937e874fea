/** Keeps the messages of accounts that want it in the archive, before they are taken. */
import type { Archived } from '../mail/archived-mail.ts';
import type { Archive, Kept } from '../archive/archive.ts';
import type { Account } from '../directory/account.ts';
import { formatAddress } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { MailParameters } from '../mail/envelope.ts';
import { headerFields } from '../mail/header.ts';
import { fieldText } from './quarantine-facts.ts';
import type { Transaction } from './transaction.ts';

export interface ArchivingDeps {
  readonly archive: Pick<Archive, 'keep'>;
}

/** What a message needs on its way whenever it is sent. */
function keptOf({ body, smtpUtf8, requireTls }: MailParameters): Archived['parameters'] {
  return {
    ...(body && { body }),
    ...(smtpUtf8 && { smtpUtf8 }),
    ...(requireTls && { requireTls }),
  };
}

interface Header {
  readonly bytes: Buffer;
  readonly messageId: string | undefined;
}

/** Undefined where nothing is to be kept; `failed`: it must not be taken now. */
export function archived(
  deps: ArchivingDeps,
  transaction: Transaction,
  header: Header,
  content: Content,
): Promise<Kept | 'failed'> | undefined {
  const { account } = transaction;
  return account?.isArchived === true
    ? keptFor(account, deps, transaction, header, content)
    : undefined;
}

function keptFor(
  account: Account,
  { archive }: ArchivingDeps,
  transaction: Transaction,
  header: Header,
  content: Content,
): Promise<Kept | 'failed'> {
  const { id, reversePath, recipients, parameters, session, openedAt } = transaction;
  const subject = headerFields(header.bytes).find(({ name }) => name === 'subject');
  const { messageId: msgid } = header;
  const mail: Archived = {
    v: 1,
    id,
    at: openedAt,
    account: account.name,
    domain: account.domain,
    from: reversePath === null ? '' : formatAddress(reversePath),
    rcpts: recipients.map(({ address }) => formatAddress(address)),
    parameters: keptOf(parameters),
    ...(subject && { subject: fieldText(header.bytes, subject) }),
    ...(msgid !== undefined && { msgid }),
    client: session.remote.address,
    size: content.sizeBytes,
  };
  return archive.keep(mail, content);
}
