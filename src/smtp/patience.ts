/**
 * How long a session may go on without bringing a message. Commands that lead to nothing by
 * themselves and recipients that were not taken are free up to a bound that no real client meets;
 * beyond it each one counts as an error, and too many errors end the session. A message that is
 * taken wins all of it back but failed logins, so a long session that sends mail is never cut for a
 * few faults.
 */
import type { Chunk, Verb } from './commands.ts';
import { OVERRUN_BYTES } from './content-phase.ts';
import type { SessionLimits } from './session-settings.ts';

/** What says nothing against a client once, and only keeps us busy a hundred times. */
const FRUITLESS: ReadonlySet<Verb> = new Set([
  'EHLO',
  'HELO',
  'MAIL',
  'NOOP',
  'VRFY',
  'HELP',
  'ETRN',
  'XCLIENT',
]);

export class Patience {
  readonly #limits: SessionLimits;
  /** In all, for the log. */
  #errors = 0;
  #failedLogins = 0;
  // Since the last message:
  #strikes = 0;
  #fruitless = 0;
  #notTaken = 0;
  /** Of chunks that nobody wanted, since the last MAIL. */
  #octetsInVain = 0;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get errors(): number {
    return this.#errors;
  }
  get isOver(): boolean {
    const { errors, messageSize } = this.#limits;
    if (this.#octetsInVain > 2 * messageSize + OVERRUN_BYTES) return true;
    return this.#strikes + this.#failedLogins > errors;
  }

  error(): void {
    this.#errors += 1;
    this.#strikes += 1;
  }

  /** Never won back: mail for somebody must not buy more guesses. */
  loginFailed(): void {
    this.#errors += 1;
    this.#failedLogins += 1;
  }

  /** A command that may be given now. RSET counts when it ends nothing: what it ends has counted. */
  command(verb: Verb, hasTransaction: boolean): void {
    if (verb === 'MAIL') this.#octetsInVain = 0;
    if (FRUITLESS.has(verb) || (verb === 'RSET' && !hasTransaction)) this.ledToNothing();
  }

  ledToNothing(): void {
    this.#fruitless += 1;
    if (this.#fruitless > this.#limits.fruitless) this.error();
  }

  /** Sent without waiting, as a recipient that is not taken: it has to be read all the same. */
  chunkInVain({ octets }: Chunk): void {
    this.#octetsInVain += octets;
    this.recipientNotTaken();
  }

  recipientNotTaken(): void {
    this.#notTaken += 1;
    if (this.#notTaken > this.#limits.recipientsNotTaken) this.error();
  }

  /** It was a message all the same: who relays many of which none is wanted is no idler. */
  messageRefused(): void {
    this.#fruitless -= 1;
  }

  messageTaken(): void {
    this.#strikes = 0;
    this.#fruitless = 0;
    this.#notTaken = 0;
    this.#octetsInVain = 0;
  }
}
