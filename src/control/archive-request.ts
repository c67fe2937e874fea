/** What is asked of the archive, read strictly and within bounds. */
import type { ArchiveQuery } from '../mail/archived-mail.ts';
import type { ResendWish } from './archive-view.ts';
import { fault, mailbox, MAX_IDS, members, record, time, whole } from './request.ts';

const ARCHIVE_TEXTS = ['from', 'to', 'account', 'domain', 'subject', 'msgid'] as const;
const MAX_ARCHIVED = 1_000_000;

export function archiveQuery(query: unknown): ArchiveQuery & { readonly limit: number } {
  const given = members(query, [...ARCHIVE_TEXTS, 'since', 'until', 'limit']);
  const since = time(given, 'since');
  const until = time(given, 'until');
  const texts = ARCHIVE_TEXTS.flatMap((name) => {
    const value = given.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...(Object.fromEntries(texts) as Partial<Record<(typeof ARCHIVE_TEXTS)[number], string>>),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    limit: whole(given, 'limit', 1, MAX_ARCHIVED) ?? MAX_ARCHIVED,
  };
}

/** To whom it goes; nobody is named: to those who had it. */
export function resendRequest(body: unknown): Pick<ResendWish, 'to' | 'anyway'> {
  const { to = [], anyway = false } = record(body);
  if (typeof anyway !== 'boolean') throw fault('"anyway" must be true or false');
  if (!Array.isArray(to) || to.length > MAX_IDS) {
    throw fault(`"to" must be a list of at most ${MAX_IDS} addresses`);
  }
  return { to: to.map(mailbox), anyway };
}
