/**
 * What deliveries and senders teach about recipients: mail that was taken, a mailbox that the
 * destination refuses, an account of the domain that writes under an address of it. Goes into the
 * memory of domains whose recipients are asked for; others know theirs from elsewhere.
 */
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { saysUnknown } from '../delivery/callout.ts';
import { asciiDomain } from '../directory/domain-name.ts';
import type { Domain } from '../directory/domain.ts';
import { recipientKey } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { DestinationHabits } from './destination-habits.ts';
import type { RecipientMemory } from './recipient-memory.ts';

export interface RecipientLessonsOptions {
  readonly memory: Pick<RecipientMemory, 'remember' | 'learn'>;
  readonly habits: Pick<DestinationHabits, 'refusedLate'>;
  readonly log: Log;
}

export class RecipientLessons {
  readonly #memory: Pick<RecipientMemory, 'remember' | 'learn'>;
  readonly #habits: Pick<DestinationHabits, 'refusedLate'>;
  readonly #log: Log;

  constructor(options: RecipientLessonsOptions) {
    this.#memory = options.memory;
    this.#habits = options.habits;
    this.#log = options.log;
  }

  /** What became of one recipient in one attempt. */
  outcome(domain: Domain, address: Address, outcome: Outcome): void {
    // Of a split domain it is one server that teaches; without one nobody was asked.
    if (domain.recipients.kind !== 'callout' || domain.split !== undefined) return;
    const { key: destination } = domain.destination;
    const recipient = keyOf(domain, address);
    if (outcome.kind === 'delivered') {
      this.#note(this.#memory.remember(destination, recipient, 'known', 'delivered'));
    }
    if (outcome.kind !== 'failed' || !saysUnknown(outcome.reply)) return;
    if (outcome.afterContent !== undefined) this.#note(this.#habits.refusedLate(domain));
    // One reply to the content of several does not say which of them it means.
    if (outcome.afterContent === 'together') return;
    this.#note(this.#memory.remember(destination, recipient, 'unknown', 'asked'));
  }

  /** An account of the domain sends under this address of it. */
  sender(domain: Domain, address: Address): void {
    // Which server of a split domain knows him, his writing does not tell.
    if (domain.recipients.kind !== 'callout' || domain.split !== undefined) return;
    this.#note(this.#memory.learn(domain.destination.key, keyOf(domain, address), 'sent'));
  }

  /** Forgetting costs a callout; a store that fails is noticed where mail depends on it. */
  #note(step: Promise<unknown>): void {
    step.catch((error: unknown) => this.#log.emit('store.error', { err: errorText(error) }));
  }
}

/**
 * The memory knows the domain's own name: to a destination an alias is the same mailbox. A directory
 * has each address in its own right, as a list has.
 */
export function keyOf(domain: Domain, address: Address): string {
  const name = domain.recipients.kind === 'ldap' ? asciiDomain(address.domain) : domain.name;
  return recipientKey({ ...address, domain: name }, domain.caseSensitiveLocalParts);
}

/** In whose name it is remembered who is there: the directory's, else the destination's. */
export function authorityOf({ recipients, destination }: Domain): string {
  return recipients.kind === 'ldap' ? recipients.key : destination.key;
}
