/**
 * Mailboxes of a domain with thresholds of their own (`spam.mailboxes`): to the pipeline each of them
 * is of a domain that differs in these alone. Destinations take an address in quotes, with a tag of
 * BATV or in the other form of its domain for the same mailbox, and so do we; an alias and a
 * sub-address stand for themselves, as in a list of recipients.
 */
import type { DomainFile } from '../config/domain-file.ts';
import type { Problem } from '../config/problem.ts';
import type { Address } from '../mail/address.ts';
import { parseAddress } from '../mail/address.ts';
import { untagged } from '../mail/batv.ts';
import { asciiDomain } from './domain-name.ts';
import type { Domain, SpamPolicy } from './domain.ts';
import { recipientKey } from './domain.ts';

export const THRESHOLDS = ['tag', 'quarantine', 'reject'] as const;

type Thresholds = Pick<SpamPolicy, (typeof THRESHOLDS)[number]>;
type Written = { readonly [name in keyof Thresholds]?: number | null | undefined };

/** The domain as it is for one of its addresses. */
export function domainFor(domain: Domain, address: Address): Domain {
  if (domain.mailboxes === undefined) return domain;
  const own = domain.mailboxes.get(mailboxKey(address, domain.caseSensitiveLocalParts));
  return own === undefined ? domain : { ...domain, ...own };
}

/** What the file says of single mailboxes; none of it when it says nothing. */
export function readMailboxes(
  { settings }: DomainFile,
  spam: SpamPolicy,
  groupOf: (spam: SpamPolicy) => string,
): Pick<Domain, 'mailboxes'> {
  const mailboxes = new Map<string, Pick<Domain, 'spam' | 'policyGroup'>>();
  for (const { only_for: addresses, ...written } of settings.spam.mailboxes) {
    const own = { ...spam, ...thresholdsOf(written, spam) };
    const policy = { spam: own, policyGroup: groupOf(own) };
    for (const text of addresses) {
      const parsed = parseAddress(text);
      if (!parsed.ok) continue;
      mailboxes.set(mailboxKey(parsed.value, settings.case_sensitive_local_parts), policy);
    }
  }
  return mailboxes.size === 0 ? {} : { mailboxes };
}

/** `names`: all that the domain has. */
export function mailboxProblems(domainFile: DomainFile, names: readonly string[]): Problem[] {
  const { settings, problemAt } = domainFile;
  const seen = new Map<string, number>();
  return settings.spam.mailboxes.flatMap(({ only_for: addresses }, index) =>
    addresses.flatMap((text, at) => {
      const problem = (words: string) => [
        problemAt(['spam', 'mailboxes', index, 'only_for', at], words),
      ];
      const parsed = parseAddress(text);
      if (!parsed.ok || !names.includes(asciiDomain(parsed.value.domain))) {
        return problem('is not of this domain or one of its aliases');
      }
      const key = mailboxKey(parsed.value, settings.case_sensitive_local_parts);
      const before = seen.get(key);
      seen.set(key, index);
      return before === undefined ? [] : problem(`is in spam.mailboxes[${before}] already`);
    }),
  );
}

/** Scores as they are compared; what is left out is that of `others`. */
export function thresholdsOf(written: Written, others?: Thresholds): Thresholds {
  const of = (step: keyof Thresholds): number => {
    const own = written[step];
    return (own === undefined ? others?.[step] : own) ?? Number.POSITIVE_INFINITY;
  };
  return { tag: of('tag'), quarantine: of('quarantine'), reject: of('reject') };
}

function mailboxKey(address: Address, isCaseSensitive: boolean): string {
  const { local, domain } = address;
  // Without escapes: those are refused as tricks with relays (relay-policy.ts).
  const plain = local.startsWith('"') ? local.slice(1, -1) : local;
  return recipientKey(untagged({ local: plain, domain: asciiDomain(domain) }), isCaseSensitive);
}
