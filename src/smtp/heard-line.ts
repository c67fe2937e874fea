/**
 * The last line of a client, as a log may have it. From the first AUTH on, what is no command may be a
 * password that came too early, too late or in two lines: of the others only the envelope's are shown
 * whole then.
 */
import type { Verb } from './commands.ts';
import type { LineFault } from './line-reader.ts';

export class HeardLine {
  #verb: Verb | 'other' = 'other';
  #text = '';
  /** In place of the text, which is never shown. */
  #instead: string | undefined;
  #sawAuth = false;

  get verb(): Verb | 'other' {
    return this.#verb;
  }

  get text(): string {
    if (this.#instead !== undefined) return this.#instead;
    const [text, verb] = [this.#text, this.#verb];
    if (!this.#sawAuth || verb === 'MAIL' || verb === 'RCPT') return text;
    if (verb === 'other') return '(after AUTH)';
    return text.length > verb.length ? `${verb} ...` : verb;
  }

  /** A line that answers a login. */
  login(): void {
    this.#instead = '(login)';
  }
  fault(fault: LineFault): void {
    this.#verb = 'other';
    this.#instead = `(${fault})`;
  }
  command(text: string, verb: Verb | undefined): void {
    if (verb === 'AUTH') this.#sawAuth = true;
    this.#verb = verb ?? 'other';
    this.#instead = undefined;
    this.#text = text;
  }
}
