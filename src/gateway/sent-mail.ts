/** Finds in the records which message of a customer a report speaks of. */
import type { ReturnedMail } from '../mail/returned-mail.ts';
import type { SentMail } from '../outbound/feedback.ts';
import { bareMessageId } from '../records/terms.ts';
import type { FoundRow, Trace } from '../records/trace-book.ts';

/** Programs may give one Message-ID to many messages. */
const LOOKED_AT = 50;

export async function findSent(
  trace: Pick<Trace, 'search'>,
  { messageIds, ids }: ReturnedMail,
): Promise<SentMail | undefined> {
  for (const quoted of messageIds) {
    const text = bareMessageId(quoted);
    const { rows } = await trace.search({ text, dir: 'out', result: 'accepted', limit: LOOKED_AT });
    const own = rows.filter(
      ({ msgid, account }) =>
        account !== undefined && msgid !== undefined && bareMessageId(msgid) === text,
    );
    const found = own.find(({ id }) => ids.includes(id)) ?? own[0];
    if (found?.account !== undefined) return sentMail(found, found.account);
  }
  return undefined;
}

function sentMail({ id, identity, to }: FoundRow, account: string): SentMail {
  const recipients = to.split(',').map((address) => address.trim().toLowerCase());
  return { id, account, identity, recipients };
}
