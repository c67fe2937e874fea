/**
 * AUTH in one session (RFC 4954): when it may be used, and the lines of a login that is under way.
 * What comes of it is one step after the other: a challenge, a refusal, or credentials to be checked.
 */
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { faultReply } from './answer.ts';
import type { Line } from './line-reader.ts';
import type { SaslExchange, SaslStep } from './sasl.ts';
import { beginExchange, isMechanism } from './sasl.ts';

export class Auth {
  readonly #isOn: boolean;
  readonly #view: SessionView;
  #exchange: SaslExchange | undefined;

  /** `isOn`: the listener takes logins. */
  constructor(isOn: boolean, view: SessionView) {
    this.#isOn = isOn;
    this.#view = view;
  }

  /** Passwords never cross the network in the clear (RFC 4954 4). */
  get isOffered(): boolean {
    const { tls, login } = this.#view;
    return this.#isOn && tls !== undefined && login === undefined;
  }

  /** The next line is a response, not a command. */
  get isOpen(): boolean {
    return this.#exchange !== undefined;
  }

  begin(mechanism: string, initial: string | undefined): SaslStep {
    const refusal = this.#refusal();
    if (refusal !== undefined) return failed(refusal);
    if (mechanism === '') return failed(replies.badArgument('Syntax: AUTH mechanism'));
    if (!isMechanism(mechanism)) return failed(replies.unknownMechanism());
    const { exchange, step } = beginExchange(mechanism, initial);
    return this.#keep(exchange, step);
  }

  /** Takes a line within a login, which may be none. */
  respond(line: Line): SaslStep {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (line.kind === 'line' && exchange !== undefined) {
      return this.#keep(exchange, exchange.respond(line.text));
    }
    if (line.kind === 'fault' && line.fault === 'too-long') {
      return failed(replies.authLineTooLong());
    }
    const isBareEnd = line.kind === 'fault' && line.fault.startsWith('bare');
    return failed(isBareEnd ? faultReply(line.fault) : replies.badAuthResponse());
  }

  #keep(exchange: SaslExchange, step: SaslStep): SaslStep {
    this.#exchange = step.kind === 'challenge' ? exchange : undefined;
    return step;
  }

  #refusal(): Reply | undefined {
    const { tls, login, hello } = this.#view;
    if (!this.#isOn) return replies.notImplemented();
    if (tls === undefined) return replies.tlsRequired();
    if (login !== undefined) return replies.badSequence('Already authenticated');
    return hello?.verb === 'EHLO' ? undefined : replies.badSequence('Send EHLO first');
  }
}

function failed(reply: Reply): SaslStep {
  return { kind: 'failed', reply };
}
