/**
 * Finds in the records which message of a customer a report speaks of, by one search for each Message-ID
 * that the report quotes: anybody can write one, with as many addresses in it as he likes.
 */
import { parseAddress } from '../mail/address.ts';
import type { ReturnedMail } from '../mail/returned-mail.ts';
import type { SentMail } from '../outbound/feedback.ts';
import type { FoundRow, Trace } from '../records/trace-book.ts';

/** Programs may give one Message-ID to many messages. */
const LOOKED_AT = 50;

type Searched = Pick<Trace, 'search'>;

export async function findSent(
  trace: Searched,
  { messageIds, ids, recipients }: ReturnedMail,
): Promise<SentMail | undefined> {
  const among = recipients.filter((one) => parseAddress(one).ok);
  for (const msgid of messageIds) {
    const sent = { msgid, dir: 'out', result: 'accepted', limit: LOOKED_AT };
    const { rows } = await trace.search({ ...sent, among });
    const own = rows.filter(({ account }) => account !== undefined);
    const found = own.find(({ id }) => ids.includes(id)) ?? own[0];
    if (found?.account === undefined) continue;
    const { id, account, identity, mailKind, among: named = [] } = found;
    return {
      ...{ id, account, identity },
      isAnswer: mailKind === 'reply' || mailKind === 'bounce',
      recipients: named.length > 0 ? named : onlyOne(found),
    };
  }
  return undefined;
}

/** Whom it must be about, when the report names nobody or somebody else (it was redirected). */
function onlyOne({ to }: FoundRow): readonly string[] {
  return to.includes(',') ? [] : [to.toLowerCase()];
}
