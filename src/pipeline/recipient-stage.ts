/**
 * RCPT: one recipient against the relay policy, the filters and the verification. A stranger's first
 * recipient fixes the policy group of the transaction; a customer's transaction has the policy of
 * the customer from the start and takes recipients of any destination.
 */
import type { Courier } from '../delivery/courier.ts';
import type { FindExchangers } from '../delivery/remote-hosts.ts';
import { nobodyReply } from '../delivery/remote-hosts.ts';
import { isBeyondRequireTls, requiresTls } from '../delivery/require-tls.ts';
import type { Destination, Domain } from '../directory/domain.ts';
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
export async function judgeRecipient(
  deps: RecipientDeps,
  transaction: Transaction,
  asked: Recipient,
  standing: Standing,
  signal: AbortSignal,
): Promise<Reply> {
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
  const domain = route.kind === 'hosted' ? route.domain : undefined;
  const way = route.kind === 'remote' ? route.way : wayTo(route.domain);
  const policy = transaction.domain ?? domain;
  if (policy === undefined) return replies.relayDenied();
  if (account === undefined && policy.policyGroup !== domain?.policyGroup) {
    return replies.otherPolicyGroup();
  }
  // What is said of a recipient that is not taken has no bearing on the others.
  const evidence = new GatheredEvidence(transaction.evidence);
  const unfit = cannotTake(deps, transaction, recipient, domain, way);
  if (unfit !== undefined) return unfit;
  const verdict = await byFilters(transaction, { recipient, policy, evidence }, signal);
  const isOther = transaction.spamExempt !== verdict.spamExempt;
  const refused =
    (isAgainst(verdict) ? refusal(verdict) : undefined) ??
    // The content is judged once for all recipients.
    (transaction.recipients.length > 0 && isOther ? replies.otherPolicyGroup() : undefined) ??
    (domain === undefined ? await byDns(deps, way) : undefined);
  if (refused !== undefined) return refused;
  const found =
    domain === undefined
      ? { way }
      : await byVerification(deps, transaction, { recipient, domain, standing });
  if ('refused' in found) return found.refused;
  const beyond = await transaction.sending?.atRecipient(recipient);
  if (beyond !== undefined) return beyond;
  const { lane, destination } = found.way;
  transaction.take(recipient, policy, found.way, deps.isClosed(lane, destination));
  transaction.evidence.addAll(evidence);
  transaction.spamExempt = verdict.spamExempt;
  return replies.recipientOk();
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
  const isUnmet = isBeyondRequireTls(destination) || lacks('requireTls', destination.key);
  if (requiresTls(transaction) && isUnmet) return replies.requireTlsUnmet();
  return undefined;
}

async function byFilters(
  transaction: Transaction,
  asked: {
    readonly recipient: Recipient;
    readonly policy: Domain;
    readonly evidence: GatheredEvidence;
  },
  signal: AbortSignal,
): Promise<Verdict> {
  const { filters } = transaction.generation;
  if (!filters.has('rcpt')) return PASS;
  const { recipient, policy, evidence } = asked;
  const view = { ...transaction.view, recipient, domain: policy.name };
  return filters.rcpt(view, filterPolicy(policy, transaction.account), evidence, signal);
}

/** That a domain takes no mail is said at once; doubt is for the queue. */
async function byDns(
  { exchangers }: RecipientDeps,
  { destination }: Way,
): Promise<Reply | undefined> {
  if (destination.mx === undefined) return undefined;
  const found = await exchangers(destination.mx);
  return found.kind === 'found' || found.kind === 'unsure' ? undefined : nobodyReply(found.kind);
}

async function byVerification(
  deps: RecipientDeps,
  transaction: Transaction,
  asked: {
    readonly recipient: Recipient;
    readonly domain: Domain;
    readonly standing: Standing;
  },
): Promise<Found> {
  const { recipient, domain, standing } = asked;
  const { reversePath } = transaction;
  const { address } = recipient;
  const found = await deps.verifier.verify(domain, address, reversePath, standing);
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
