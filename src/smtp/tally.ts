/** How many recipients or messages of a session were accepted, put off and refused, by our replies. */
import type { Reply } from '../mail/reply.ts';
import { isPermanent, isPositive } from '../mail/reply.ts';

export class Tally {
  #accepted = 0;
  #putOff = 0;
  #refused = 0;

  count(reply: Reply): void {
    if (isPositive(reply)) this.#accepted += 1;
    else if (isPermanent(reply)) this.#refused += 1;
    else this.#putOff += 1;
  }

  get areAllAccepted(): boolean {
    return this.#putOff + this.#refused === 0;
  }

  /** `accepted/put off/refused` */
  get text(): string {
    return `${this.#accepted}/${this.#putOff}/${this.#refused}`;
  }
}
