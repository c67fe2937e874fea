/**
 * Who writes as somebody of a domain that is served here, where nothing shows that the mail is from
 * there: readers trust their own names most, and without a DMARC policy nothing else speaks against it.
 * Mailing lists write so too, so it is evidence and no proof. A sender's own domain in the envelope is
 * for the plugin client-checks.
 */
import type { AuthenticateResult } from 'mailauth';
import type { MailView } from 'sluice-mx/plugin';
import type { RuleFinding } from '../shared/by-actions.ts';
import { dnsName } from '../shared/dns-name.ts';
import { isUnder } from './names.ts';

export type HostedAuthor = RuleFinding<'from_hosted'>;

export function hostedAuthor(
  found: AuthenticateResult,
  { envelope, isHosted }: Pick<MailView, 'envelope' | 'isHosted'>,
): HostedAuthor | undefined {
  const { dmarc } = found;
  if (dmarc !== false && dmarc.status.result === 'pass') return undefined;
  const sender = envelope.reversePath?.domain ?? '';
  const known = namesOf([...identities(found), ...(isHosted(sender) ? [sender] : [])]);
  const organisation = dmarc === false ? undefined : dmarc.domain;
  const authors = namesOf(found.dkim.headerFrom.map((one) => one.slice(one.lastIndexOf('@') + 1)));
  const forged = authors.find(
    (author) =>
      isHosted(author) &&
      !known.some(
        (one) =>
          isUnder(one, author) || isUnder(author, one) || isUnder(one, organisation ?? author),
      ),
  );
  if (forged === undefined) return undefined;
  const text = `Nothing proves that the mail is from ${forged}, which is served here, as its From field says`;
  return { rule: 'from_hosted', reason: 'forged', detail: '7.1', text };
}

/** The domains that stand behind the mail, and those that may: an answer did not come. */
function identities({ spf, dkim }: AuthenticateResult): string[] {
  const bySpf = spf !== false && counts(spf.status) ? [spf.domain] : [];
  const byKey = dkim.results
    .filter(({ status }) => counts(status))
    .map(({ signingDomain }) => signingDomain);
  return [...bySpf, ...byKey].filter((domain) => domain !== undefined);
}

/** In the one form in which they are compared. */
function namesOf(domains: readonly string[]): string[] {
  return domains.map((domain) => dnsName(domain)).filter((name) => name !== undefined);
}

/** A signature over a part of the body proves nothing of the rest. */
function counts(status: { readonly result: string }): boolean {
  if (status.result === 'temperror') return true;
  return status.result === 'pass' && Number(Reflect.get(status, 'underSized') ?? 0) === 0;
}
