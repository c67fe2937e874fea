/**
 * Recipient verification: is this address deliverable at its destination? Asks the configured list,
 * else the memory, else the destination by callout or the directory by LDAP; questions about the same
 * address in flight are one. While nobody can be asked, what was known stays known, what was unknown
 * stays refused, and the rest follows the domain's `outage` setting. Never accepts on doubt.
 */
import type { Clock } from '../base/clock.ts';
import { isOfStore } from '../base/errors.ts';
import { LeakyBuckets } from '../base/leaky-buckets.ts';
import type { Log } from '../base/log.ts';
import type { Soon } from '../base/soon.ts';
import { sessionOf } from '../base/ids.ts';
import type { Courier, CalloutAnswer } from '../delivery/courier.ts';
import type { Location } from '../delivery/placing.ts';
import type { Destination, Domain } from '../directory/domain.ts';
import { recipientKey } from '../directory/domain.ts';
import type { LdapAnswer, LdapRecipients } from '../directory/ldap/recipients.ts';
import type { LdapSource } from '../directory/ldap/source.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import { isAscii } from '../mail/address.ts';
import { untagged } from '../mail/batv.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, replies } from '../mail/reply.ts';
import type { DestinationHabits } from './destination-habits.ts';
import { keyOf } from './recipient-lessons.ts';
import type { Standing } from './harvest-guard.ts';
import type { Remembered, RecipientMemory } from './recipient-memory.ts';
import { findHome } from './split-domain.ts';
import { logStorageFault } from './storage-fault.ts';

export type Verification =
  /** `route`: the server of a split domain that knows it. */
  | { readonly kind: 'known'; readonly source: string; readonly route?: Domain }
  /** The destination is down and nobody knows; the domain's setting lets it in all the same. */
  | { readonly kind: 'unverified'; readonly then: 'hold' | 'accept' }
  | { readonly kind: 'refused'; readonly source: string; readonly reply: Reply };

export interface VerificationDeps {
  readonly memory: RecipientMemory;
  readonly courier: Pick<Courier, 'callout'>;
  readonly ldap: Pick<LdapRecipients, 'ask'>;
  readonly habits: Pick<DestinationHabits, 'isBlind' | 'tookOne' | 'refusedOne'>;
  /** Nobody can be asked now: its destination is down, or an operator holds its mail. */
  readonly isClosed: (lane: string, destination: Destination) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Question {
  readonly address: Address;
  readonly reversePath: ReversePath;
  /** Who guesses must not keep the destination from answering about others. */
  readonly standing: Standing;
  /** Of a split domain, servers that did not know the recipient are asked again. */
  readonly anew?: boolean;
  /** Id of the message that it is asked for; of several the first one. */
  readonly of?: string;
}

/** Callouts in flight, in all; more wait at the client as 4xx. */
const MAX_CALLOUTS = 1000;
/**
 * Unknown recipients that one destination is asked about, ten a minute and some at once: what is
 * beyond is answered to those who guess without asking.
 */
const GUESSES = 50;
const GUESSES_PER_HOUR = 600;
const MAX_DESTINATIONS = 10_000;

export class RecipientVerifier {
  readonly #deps: VerificationDeps;
  /** Unknown recipients that a destination was asked about. */
  readonly #guesses: LeakyBuckets;
  readonly #inFlight = new Map<string, Promise<CalloutAnswer>>();
  readonly #asksInFlight = new Map<string, Promise<LdapAnswer>>();

  constructor(deps: VerificationDeps) {
    this.#deps = deps;
    this.#guesses = new LeakyBuckets(deps.clock, MAX_DESTINATIONS);
  }

  verify(domain: Domain, question: Question): Soon<Verification> {
    const found = this.#verify(domain, question);
    if (!(found instanceof Promise)) return found;
    return found.catch((error: unknown) => {
      if (!isOfStore(error)) throw error;
      logStorageFault(this.#deps.log, marksOf(question.of) ?? {}, error);
      return refused('store', replies.fault());
    });
  }

  #verify(domain: Domain, question: Question): Soon<Verification> {
    const { address, reversePath, of } = question;
    // Lists know mailboxes; a destination knows which tags are its own.
    const mailbox = reversePath === null ? untagged(address) : address;
    switch (domain.recipients.kind) {
      case 'any':
        return { kind: 'known', source: 'any' };
      case 'list':
        return this.#fromList(domain, domain.recipients.addresses, mailbox);
      case 'callout':
        return this.#byCallout(domain, question);
      case 'ldap':
        return this.#byMemoryOrLdap(domain, domain.recipients, mailbox, of);
    }
  }

  #byCallout(domain: Domain, question: Question): Promise<Verification> {
    const key = keyOf(domain, question.address);
    if (domain.split === undefined) return this.#byMemoryOrCallout(domain, key, question);
    return this.#bySplit(domain, domain.split, key, question);
  }

  #fromList(domain: Domain, listed: ReadonlySet<string>, address: Address): Verification {
    const key = recipientKey(address, domain.caseSensitiveLocalParts);
    if (listed.has(key) || isPostmaster(address)) return { kind: 'known', source: 'list' };
    return refused('list', replies.unknownRecipient(textOf(address)));
  }

  /** That the destination is down does not matter to a directory. */
  async #byMemoryOrLdap(
    domain: Domain,
    source: LdapSource,
    address: Address,
    of: string | undefined,
  ): Promise<Verification> {
    if (isPostmaster(address)) return { kind: 'known', source: 'ldap' };
    const key = keyOf(domain, address);
    const remembered = await this.#deps.memory.recall(source.key, key);
    const recalled = remembered && fromMemory(remembered, address);
    if (remembered?.fresh === true && recalled !== undefined) return recalled;
    const answer = await this.#askLdap(source, key, address, of);
    switch (answer.kind) {
      case 'known':
        return { kind: 'known', source: 'ldap' };
      case 'unknown':
        return refused('ldap', replies.unknownRecipient(textOf(address)));
      case 'unsure':
        return recalled ?? outage(domain, replies.recipientUnverified('ldap_down'));
    }
  }

  #askLdap(
    source: LdapSource,
    key: string,
    address: Address,
    of: string | undefined,
  ): Promise<LdapAnswer> {
    return merged(this.#asksInFlight, key, async () => {
      const { ldap, memory, clock, log } = this.#deps;
      const local = key.slice(0, key.lastIndexOf('@'));
      const startedAt = clock.mono();
      const answer = await ldap.ask(source, { local, domain: address.domain });
      const ms = Math.round(clock.mono() - startedAt);
      const text = answer.kind === 'unsure' ? answer.text : undefined;
      log.emit('rcpt.check', {
        ...marksOf(of),
        to: key,
        source: 'ldap',
        result: answer.kind,
        text,
        ms,
      });
      if (answer.kind !== 'unsure') await memory.remember(source.key, key, answer.kind, 'ldap');
      return answer;
    });
  }

  async #byMemoryOrCallout(domain: Domain, key: string, question: Question): Promise<Verification> {
    const { address, standing } = question;
    const { memory, habits, isClosed } = this.#deps;
    const destination = domain.destination.key;
    const remembered = await memory.recall(destination, key);
    const recall = (): Verification | undefined => {
      if (remembered === undefined) return undefined;
      // Mail was taken, or a person says so: that counts. A word at RCPT that all get does not.
      const isWorthNothing = remembered.answer === 'known' && remembered.origin === 'asked';
      if (isWorthNothing && habits.isBlind(domain)) return undefined;
      return fromMemory(remembered, address);
    };
    if (isClosed(domain.name, domain.destination)) return recall() ?? outage(domain);
    const fresh = remembered?.fresh === true ? recall() : undefined;
    if (fresh !== undefined) return fresh;
    if (standing !== 'good' && this.#isOverBudget(destination)) return recall() ?? deferred();
    const answer = await this.#ask(domain, key, question);
    switch (answer.kind) {
      case 'known':
        return { kind: 'known', source: 'callout' };
      case 'unknown':
        return refused('callout', replies.unknownRecipient(textOf(address)));
      case 'unsure':
        return recall() ?? (answer.unreachable ? outage(domain) : deferred(answer.reply));
    }
  }

  async #bySplit(
    domain: Domain,
    routes: readonly Domain[],
    key: string,
    question: Question,
  ): Promise<Verification> {
    const { address, standing, anew = false } = question;
    const { memory, isClosed } = this.#deps;
    const ask = (route: Domain): Promise<CalloutAnswer> =>
      standing !== 'good' && this.#isOverBudget(route.destination.key)
        ? Promise.resolve({ kind: 'unsure', text: 'too many guesses', unreachable: false })
        : this.#ask(route, key, question);
    const isClosedTo = (route: Domain) => isClosed(route.lane, route.destination);
    const home = await findHome({ memory, isClosed: isClosedTo, ask }, routes, key, anew);
    switch (home.kind) {
      case 'known':
        return home;
      case 'unknown':
        return refused(home.source, replies.unknownRecipient(textOf(address)));
      case 'unsure':
        return home.unreachable ? outage(domain) : deferred(home.reply);
    }
  }

  /** Where somebody is now, of a split domain. */
  async locate(domain: Domain, address: Address, of: string): Promise<Location> {
    const question = { address, reversePath: null, standing: 'good', anew: true, of } as const;
    const found = await this.verify(domain, question);
    if (found.kind === 'known') return { kind: 'at', lane: (found.route ?? domain).lane };
    if (found.kind === 'unverified') return { kind: 'unsure', text: 'nobody can be asked now' };
    const { reply } = found;
    return isPermanent(reply)
      ? { kind: 'nowhere', reply }
      : { kind: 'unsure', text: reply.lines.join(' ') };
  }

  #isOverBudget(destination: string): boolean {
    return !this.#guesses.hasRoom(destination, GUESSES_PER_HOUR, GUESSES);
  }

  #ask(domain: Domain, key: string, question: Question): Promise<CalloutAnswer> {
    const same = `${domain.destination.key} ${key}`;
    if (!this.#inFlight.has(same) && this.#inFlight.size >= MAX_CALLOUTS) {
      return Promise.resolve({ kind: 'unsure', text: 'too many callouts', unreachable: false });
    }
    return merged(this.#inFlight, same, () => this.#callout(domain, key, question));
  }

  async #callout(
    domain: Domain,
    key: string,
    { address, reversePath, of }: Question,
  ): Promise<CalloutAnswer> {
    const { courier, memory, habits, clock, log } = this.#deps;
    const startedAt = clock.mono();
    const smtpUtf8 = !isAscii(address.local) || !isAscii(address.domain);
    const answer = await courier.callout(domain.destination, reversePath, address, smtpUtf8);
    const ms = Math.round(clock.mono() - startedAt);
    log.emit('rcpt.check', { ...marksOf(of), to: key, source: 'callout', result: answer.kind, ms });
    if (answer.kind === 'unknown') {
      this.#guesses.add(domain.destination.key, GUESSES_PER_HOUR, GUESSES);
    }
    if (answer.kind === 'unsure') return answer;
    if (answer.kind === 'known') habits.tookOne(domain, reversePath);
    else await habits.refusedOne(domain);
    // What it says of everybody is not worth the space.
    if (answer.kind === 'known' && habits.isBlind(domain)) return answer;
    await memory.remember(domain.destination.key, key, answer.kind, 'asked');
    return answer;
  }
}

function marksOf(id: string | undefined) {
  return id === undefined ? undefined : { sid: sessionOf(id), id };
}

/** Who asks while the same question is under way gets the answer to that one. */
function merged<T>(
  inFlight: Map<string, Promise<T>>,
  key: string,
  ask: () => Promise<T>,
): Promise<T> {
  const running = inFlight.get(key);
  if (running !== undefined) return running;
  const asked = ask().finally(() => inFlight.delete(key));
  inFlight.set(key, asked);
  return asked;
}

function fromMemory({ answer }: Remembered, address: Address): Verification {
  if (answer === 'known') return { kind: 'known', source: 'memory' };
  return refused('memory', replies.unknownRecipient(textOf(address)));
}

/** RFC 5321 4.5.1: postmaster is always there. */
function isPostmaster({ local }: Address): boolean {
  return local.toLowerCase() === 'postmaster';
}

function textOf({ local, domain }: Address): string {
  return `${local}@${domain}`;
}

/** Nobody can be asked. */
function outage(domain: Domain, putOff: Reply = replies.recipientUnverified()): Verification {
  if (!domain.services.has('fallback')) {
    return refused(
      'outage',
      domain.recipients.kind === 'ldap' ? putOff : replies.destinationDown(),
    );
  }
  switch (domain.outage) {
    case 'defer':
      return refused('outage', putOff);
    case 'hold':
    case 'accept':
      return { kind: 'unverified', then: domain.outage };
  }
}

/** A destination that put us off by a reply is not down, and nobody should look for an outage. */
function deferred(said?: Reply): Verification {
  // One of ours: it cannot go there as things are, and the sender hears it in full.
  if (said?.reason !== undefined && isPermanent(said)) return refused('callout', said);
  const why = said === undefined ? 'dest_down' : 'destination';
  return refused('callout', replies.recipientUnverified(why));
}

function refused(source: string, reply: Reply): Verification {
  return { kind: 'refused', source, reply };
}
