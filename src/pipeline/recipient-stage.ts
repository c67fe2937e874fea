/**
 * RCPT: one recipient against the relay policy, the filters and the verification. A stranger's first
 * recipient fixes the policy group of the transaction; a customer's transaction has the policy of
 * the customer from the start and takes recipients of any destination.
 */
import type { Ending } from '../base/lazy-abort.ts';
import type { Soon } from '../base/soon.ts';
import { whenKnown } from '../base/soon.ts';
import type { Courier } from '../delivery/courier.ts';
import type { FindExchangers } from '../delivery/remote-hosts.ts';
import { nobodyReply } from '../delivery/remote-hosts.ts';
import { isBeyondRequireTls, requiresTls } from '../delivery/require-tls.ts';
import type { Destination, Domain } from '../directory/domain.ts';
import { domainFor } from '../directory/mailbox-policy.ts';
import { needsSmtpUtf8 } from '../mail/address.ts';
import type { Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, replies } from '../mail/reply.ts';
import type { Verdict } from '../mail/verdict.ts';
import { PASS } from '../mail/verdict.ts';
import { GatheredEvidence } from '../plugin-host/gathered-evidence.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import { filterPolicy } from './filter-policy.ts';
import type { Standing } from './harvest-guard.ts';
import { isAgainst, refusal } from './judge.ts';
import { overQuota } from './quota.ts';
import type { RecipientVerifier, Verification } from './recipients.ts';
import type { Way } from './relay-policy.ts';
import { routeInbound, routeOutbound } from './relay-policy.ts';
import type { Transaction } from './transaction.ts';

export interface RecipientDeps {
  readonly verifier: RecipientVerifier;
  readonly store: Pick<SpoolStore, 'totals'>;
  /** Nothing can be handed over now: the destination is down, or an operator holds the lane. */
  readonly isClosed: (lane: string, destination: Destination) => boolean;
  /** The destination is known not to be of use for mail that needs this. */
  readonly lacks: Courier['lacks'];
  /** Who takes mail for a domain that is not hosted here. */
  readonly exchangers: FindExchangers;
}

/** Asks and, when it is taken, puts it into the transaction. */
export function judgeRecipient(
  deps: RecipientDeps,
  transaction: Transaction,
  asked: Recipient,
  standing: Standing,
  over: Pick<Ending, 'signal'>,
): Soon<Reply> {
  const { directory, settings } = transaction.generation;
  const { account } = transaction;
  const routed = account === undefined ? routeInbound : routeOutbound;
  const route = routed(directory, settings.hostname, asked.address, transaction.domain);
  if (route.kind === 'denied') {
    return transaction.mayBeCustomer ? replies.accountUnsure() : replies.relayDenied();
  }
  const recipient: Recipient = { address: route.address, parameters: asked.parameters };
  // RFC 5321 6.1: a report has one recipient; more come each in a transaction of their own.
  const isReport = account !== undefined && transaction.reversePath === null;
  if (isReport && transaction.recipients.length > 0) return replies.tooManyRecipients();
  const domain = route.kind === 'hosted' ? domainFor(route.domain, route.address) : undefined;
  const way = route.kind === 'remote' ? route.way : wayTo(route.domain);
  const policy = transaction.domain ?? domain;
  if (policy === undefined) return replies.relayDenied();
  if (account === undefined && policy.policyGroup !== domain?.policyGroup) {
    return replies.otherPolicyGroup();
  }
  const unfit = cannotTake(deps, transaction, recipient, domain, way);
  if (unfit !== undefined) return unfit;
  const candidate: Candidate = { recipient, domain, way, policy, standing };
  if (!transaction.generation.filters.has('rcpt')) {
    return judgedRecipient(deps, transaction, candidate, PASS);
  }
  // What is said of a recipient that is not taken has no bearing on the others.
  const evidence = new GatheredEvidence(transaction.evidence);
  const verdict = byFilters(transaction, candidate, evidence, over.signal);
  return verdict.then((said) => judgedRecipient(deps, transaction, candidate, said, evidence));
}

/** Who may be taken, as far as is known without asking. */
interface Candidate {
  readonly recipient: Recipient;
  /** The hosted domain. */
  readonly domain: Domain | undefined;
  readonly way: Way;
  readonly policy: Domain;
  readonly standing: Standing;
}

/** The filters have spoken; `evidence` is what they have said. */
function judgedRecipient(
  deps: RecipientDeps,
  transaction: Transaction,
  candidate: Candidate,
  verdict: Verdict,
  evidence?: GatheredEvidence,
): Soon<Reply> {
  const { recipient, domain, way, policy } = candidate;
  if (isAgainst(verdict)) return refusal(verdict);
  // The content is judged once for all recipients.
  const isOther = transaction.spamExempt !== verdict.spamExempt;
  if (transaction.recipients.length > 0 && isOther) return replies.otherPolicyGroup();
  const found =
    domain === undefined ? byDns(deps, way) : byVerification(deps, transaction, candidate, domain);
  return whenKnown(found, (known) => {
    if ('refused' in known) return known.refused;
    return whenKnown(transaction.sending?.atRecipient(recipient), (beyond) => {
      if (beyond !== undefined) return beyond;
      const { lane, destination } = known.way;
      transaction.take(recipient, policy, known.way, deps.isClosed(lane, destination));
      if (evidence !== undefined) transaction.evidence.addAll(evidence);
      transaction.spamExempt = verdict.spamExempt;
      return replies.recipientOk();
    });
  });
}

type Found = { readonly way: Way } | { readonly refused: Reply };

function wayTo(domain: Domain): Way {
  return { lane: domain.lane, destination: domain.destination, domain };
}

/** What is known already is refused now rather than after the content. */
function cannotTake(
  { isClosed, lacks }: RecipientDeps,
  transaction: Transaction,
  { address }: Recipient,
  domain: Domain | undefined,
  { lane, destination }: Way,
): Reply | undefined {
  // Customers' mail waits here whatever the destination's own services are.
  const mayQueue = transaction.account !== undefined || domain?.services.has('fallback') === true;
  if (!mayQueue && isClosed(lane, destination)) return replies.destinationDown();
  const isBeyondAscii = needsSmtpUtf8(transaction.reversePath) || needsSmtpUtf8(address);
  if (isBeyondAscii && lacks('smtpUtf8', destination.key)) return replies.smtpUtf8NotRelayable();
  if (!requiresTls(transaction)) return undefined;
  const isUnmet = isBeyondRequireTls(destination) || lacks('requireTls', destination.key);
  return isUnmet ? replies.requireTlsUnmet() : undefined;
}

function byFilters(
  transaction: Transaction,
  { recipient, policy }: Candidate,
  evidence: GatheredEvidence,
  signal: AbortSignal,
): Promise<Verdict> {
  const { filters } = transaction.generation;
  const view = { ...transaction.view, recipient, domain: policy.name };
  return filters.rcpt(view, filterPolicy(policy, transaction.account), evidence, signal);
}

/** That a domain takes no mail is said at once; doubt is for the queue. */
function byDns({ exchangers }: RecipientDeps, way: Way): Soon<Found> {
  const { mx } = way.destination;
  if (mx === undefined) return { way };
  return exchangers(mx).then(({ kind }) =>
    kind === 'found' || kind === 'unsure' ? { way } : { refused: nobodyReply(kind) },
  );
}

function byVerification(
  deps: RecipientDeps,
  transaction: Transaction,
  { recipient, standing }: Candidate,
  domain: Domain,
): Soon<Found> {
  const { address } = recipient;
  const { reversePath, id: of } = transaction;
  const said = deps.verifier.verify(domain, { address, reversePath, standing, of });
  return whenKnown(said, (found) => verified(deps, transaction, recipient, domain, found));
}

function verified(
  deps: RecipientDeps,
  transaction: Transaction,
  recipient: Recipient,
  domain: Domain,
  found: Verification,
): Found {
  const way = wayTo((found.kind === 'known' ? found.route : undefined) ?? domain);
  if (transaction.account !== undefined) {
    const refused = forCustomer(found) ?? cannotTake(deps, transaction, recipient, domain, way);
    return refused === undefined ? { way } : { refused };
  }
  if (found.kind === 'refused') return { refused: found.reply };
  const held = found.kind === 'unverified' && found.then === 'hold';
  const isOther = transaction.way !== undefined && transaction.way.lane !== way.lane;
  if (transaction.domain !== undefined && (isOther || held !== transaction.holdsUnverified)) {
    return { refused: replies.otherPolicyGroup() };
  }
  // What must wait and has no room is put off now, rather than after the content.
  const { cutThrough, quota } = transaction.generation.settings.delivery;
  const mustWait = held || !cutThrough || deps.isClosed(way.lane, way.destination);
  const { size = 0 } = transaction.parameters;
  const full = mustWait ? overQuota(deps.store, way.domain, quota, size) : undefined;
  const refused = full ?? cannotTake(deps, transaction, recipient, domain, way);
  if (refused !== undefined) return { refused };
  transaction.holdsUnverified = held;
  return { way };
}

/** Who cannot be verified now is taken: should it fail later, the sender is ours and is told. */
function forCustomer(found: Verification): Reply | undefined {
  return found.kind === 'refused' && isPermanent(found.reply) ? found.reply : undefined;
}
