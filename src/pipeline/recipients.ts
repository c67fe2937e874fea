/**
 * Recipient verification: is this address deliverable at its destination? Asks the configured list,
 * else the memory, else the destination by callout; callouts for the same address in flight are one.
 * While the destination is down, what was known stays known, what was unknown stays refused, and the
 * rest follows the domain's `outage` setting. Never accepts on doubt.
 */
import type { Clock } from '../base/clock.ts';
import { LeakyBuckets } from '../base/leaky-buckets.ts';
import type { Log } from '../base/log.ts';
import type { Courier, CalloutAnswer } from '../delivery/courier.ts';
import type { Destination, Domain } from '../directory/domain.ts';
import { recipientKey } from '../directory/domain.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import { isAscii } from '../mail/address.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { DestinationHabits } from './destination-habits.ts';
import { keyOf } from './recipient-lessons.ts';
import type { Standing } from './harvest-guard.ts';
import type { RecipientMemory } from './recipient-memory.ts';

export type Verification =
  | { readonly kind: 'known'; readonly source: string }
  /** The destination is down and nobody knows; the domain's setting lets it in all the same. */
  | { readonly kind: 'unverified'; readonly then: 'hold' | 'accept' }
  | { readonly kind: 'refused'; readonly source: string; readonly reply: Reply };

export interface VerificationDeps {
  readonly memory: RecipientMemory;
  readonly courier: Pick<Courier, 'callout'>;
  readonly habits: Pick<DestinationHabits, 'isBlind' | 'tookOne' | 'refusedOne'>;
  /** Nobody can be asked now: its destination is down, or an operator holds its mail. */
  readonly isClosed: (lane: string, destination: Destination) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

interface Question {
  readonly address: Address;
  readonly reversePath: ReversePath;
  readonly standing: Standing;
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

  constructor(deps: VerificationDeps) {
    this.#deps = deps;
    this.#guesses = new LeakyBuckets(deps.clock, MAX_DESTINATIONS);
  }

  /** Who guesses must not keep the destination from answering about others. */
  async verify(
    domain: Domain,
    address: Address,
    reversePath: ReversePath,
    standing: Standing,
  ): Promise<Verification> {
    const key = keyOf(domain, address);
    switch (domain.recipients.kind) {
      case 'any':
        return { kind: 'known', source: 'any' };
      case 'list':
        return this.#fromList(domain, domain.recipients.addresses, address);
      case 'callout':
        return this.#byMemoryOrCallout(domain, key, { address, reversePath, standing });
    }
  }

  #fromList(domain: Domain, listed: ReadonlySet<string>, address: Address): Verification {
    const key = recipientKey(address, domain.caseSensitiveLocalParts);
    // RFC 5321 4.5.1: postmaster is always there.
    if (listed.has(key) || address.local.toLowerCase() === 'postmaster') {
      return { kind: 'known', source: 'list' };
    }
    return refused('list', replies.unknownRecipient(`${address.local}@${address.domain}`));
  }

  async #byMemoryOrCallout(
    domain: Domain,
    key: string,
    { address, reversePath, standing }: Question,
  ): Promise<Verification> {
    const { memory, habits, isClosed } = this.#deps;
    const destination = domain.destination.key;
    const remembered = await memory.recall(destination, key);
    const text = `${address.local}@${address.domain}`;
    const recall = (): Verification | undefined => {
      if (remembered === undefined) return undefined;
      if (remembered.answer === 'known') {
        // Mail was taken, or a person says so: that counts. A word at RCPT that all get does not.
        if (remembered.origin === 'asked' && habits.isBlind(domain)) return undefined;
        return { kind: 'known', source: 'memory' };
      }
      return refused('memory', replies.unknownRecipient(text));
    };
    if (isClosed(domain.name, domain.destination)) return recall() ?? outage(domain);
    const fresh = remembered?.fresh === true ? recall() : undefined;
    if (fresh !== undefined) return fresh;
    if (standing !== 'good' && this.#isOverBudget(destination)) return recall() ?? deferred();
    const answer = await this.#ask(domain, key, address, reversePath);
    switch (answer.kind) {
      case 'known':
        return { kind: 'known', source: 'callout' };
      case 'unknown':
        return refused('callout', replies.unknownRecipient(text));
      case 'unsure':
        return recall() ?? (answer.unreachable ? outage(domain) : deferred(answer.reply));
    }
  }

  #isOverBudget(destination: string): boolean {
    return this.#guesses.level(destination, GUESSES_PER_HOUR) >= GUESSES;
  }

  #ask(
    domain: Domain,
    key: string,
    address: Address,
    reversePath: ReversePath,
  ): Promise<CalloutAnswer> {
    const running = this.#inFlight.get(key);
    if (running !== undefined) return running;
    if (this.#inFlight.size >= MAX_CALLOUTS) {
      return Promise.resolve({ kind: 'unsure', text: 'too many callouts', unreachable: false });
    }
    const asked = this.#callout(domain, key, address, reversePath).finally(() => {
      this.#inFlight.delete(key);
    });
    this.#inFlight.set(key, asked);
    return asked;
  }

  async #callout(
    domain: Domain,
    key: string,
    address: Address,
    reversePath: ReversePath,
  ): Promise<CalloutAnswer> {
    const { courier, memory, habits, log } = this.#deps;
    const smtpUtf8 = !isAscii(address.local) || !isAscii(address.domain);
    const answer = await courier.callout(domain.destination, reversePath, address, smtpUtf8);
    log.emit('rcpt.check', { to: key, source: 'callout', result: answer.kind });
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

function outage(domain: Domain): Verification {
  if (!domain.services.has('fallback')) return refused('outage', replies.destinationDown());
  switch (domain.outage) {
    case 'defer':
      return refused('outage', replies.recipientUnverified());
    case 'hold':
    case 'accept':
      return { kind: 'unverified', then: domain.outage };
  }
}

/** A destination that put us off by a reply is not down, and nobody should look for an outage. */
function deferred(said?: Reply): Verification {
  const why = said === undefined ? 'dest_down' : 'destination';
  return refused('callout', replies.recipientUnverified(why));
}

function refused(source: string, reply: Reply): Verification {
  return { kind: 'refused', source, reply };
}
