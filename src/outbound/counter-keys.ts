/**
 * The keys of the counters of outgoing mail. Names of accounts are unique in all of the
 * configuration; a tabulator parts them from what comes from the network, where none can be.
 */
const TAB = '\t';

/** Locks of an account. */
export const accountKey = (account: string) => `${accountPrefix}${account}`;
export const accountPrefix = `account${TAB}`;
export const identityPrefix = (account?: string) =>
  account === undefined ? `identity${TAB}` : `identity${TAB}${account}${TAB}`;
/** Locks of an identity and the recipients of its mail. */
export const identityKey = (account: string, identity: string) =>
  `${identityPrefix(account)}${identity}`;
/** Identities of an account that were locked for what they sent. */
export const culpritsKey = (account: string) => `culprits${TAB}${account}`;
/** Recipients of the mail of a domain. */
export const domainKey = (domain: string) => `relay${TAB}${domain}`;
/** What an account did, or what came back of it. */
export const countKey = (
  what: 'connections' | 'messages' | 'recipients' | 'new-recipients' | 'complaints' | 'bounced',
  account: string,
) => `${what}${TAB}${account}`;

/** Complaints about an account, or about one identity behind it. */
export const complaintsKey = (account: string, identity: string | undefined) =>
  identity === undefined
    ? countKey('complaints', account)
    : `${countKey('complaints', account)}${TAB}${identity}`;

/** Account and identity of a key that `identityKey` made. */
export function partsOfIdentity(key: string): { account: string; identity: string } | undefined {
  const [kind, account, identity] = key.split(TAB);
  if (kind !== 'identity' || account === undefined || identity === undefined) return undefined;
  return { account, identity };
}
