/**
 * AUTH in one session (RFC 4954): when it may be used, and the lines of a login that is under way.
 * What comes of it is one step after the other: a challenge, a refusal, or credentials to be checked.
 */
import type { Reply } from '../mail/reply.ts';
import { isPositive, replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { faultReply } from './answer.ts';
import type { Conversation } from './conversation.ts';
import type { Line } from './line-reader.ts';
import type { ChannelBinding } from './server-tls.ts';
import type { SessionSettings } from './session-settings.ts';
import type { Credentials, Mechanism, SaslExchange, SaslStep } from './sasl.ts';
import { ask, beginExchange, isMechanism, MECHANISMS } from './sasl.ts';

/** What is said to a line of a login; who fails has used up some patience. */
export interface LoginStep {
  readonly reply: Reply;
  readonly isFailed: boolean;
}

type Logins = Pick<Conversation, 'authenticate' | 'saltOf' | 'takesProofs'>;
type Login = NonNullable<SessionView['login']>;

export class Auth {
  readonly #conversation: Logins;
  readonly #when: SessionSettings['auth'];
  /** What binds a login to its connection, where the client is the other end of it. */
  binding: ChannelBinding | undefined;
  /** Handed out as read-only; here it learns who has logged in. */
  readonly #view: { -readonly [K in keyof SessionView]: SessionView[K] };
  #exchange: SaslExchange | undefined;
  /** A login that was right: the client has our signature and must say that it goes on. */
  #confirmable: { readonly reply: Reply; readonly login: Login } | undefined;

  constructor(conversation: Logins, when: SessionSettings['auth'], view: SessionView) {
    this.#conversation = conversation;
    this.#when = when;
    this.#view = view;
  }

  get isOffered(): boolean {
    return this.#isPossible && this.#view.login === undefined;
  }

  /** Passwords do not cross the network in the clear (RFC 4954 4), unless whoever runs it wants that. */
  get #isPossible(): boolean {
    return this.#when === 'always' || (this.#when === 'over-tls' && this.#view.tls !== undefined);
  }

  /** Some clients take what they like best and never try another one. */
  get mechanisms(): readonly Mechanism[] {
    if (!this.isOffered) return [];
    const hasKeys = this.#conversation.takesProofs();
    return MECHANISMS.filter((one) => {
      if (one === 'SCRAM-SHA-256-PLUS') return hasKeys && this.binding !== undefined;
      return hasKeys || one !== 'SCRAM-SHA-256';
    });
  }

  /** The next line is a response, not a command. */
  get isOpen(): boolean {
    return this.#exchange !== undefined || this.#confirmable !== undefined;
  }

  async begin(mechanism: string, initial: string | undefined): Promise<LoginStep> {
    return this.#said(this.#begun(mechanism, initial));
  }

  /** Takes a line within a login, which may be none. */
  async respond(line: Line): Promise<LoginStep> {
    const confirmable = this.#confirmable;
    this.#confirmable = undefined;
    if (confirmable !== undefined && line.kind === 'line' && line.text === '') {
      this.#view.login = confirmable.login;
      return { reply: confirmable.reply, isFailed: false };
    }
    return this.#said(this.#responded(line));
  }

  #begun(mechanism: string, initial: string | undefined): SaslStep {
    const refusal = this.#refusal();
    if (refusal !== undefined) return failed(refusal);
    if (mechanism === '') return failed(replies.badArgument('Syntax: AUTH mechanism'));
    if (!isMechanism(mechanism)) return failed(replies.unknownMechanism());
    const { binding } = this;
    const isBound = mechanism === 'SCRAM-SHA-256-PLUS';
    if (isBound && binding === undefined) return failed(replies.unknownMechanism());
    const { exchange, step } = beginExchange(mechanism, initial, {
      saltOf: (user) => this.#conversation.saltOf(user),
      binding: isBound ? binding?.() : undefined,
      isBindingOffered: this.mechanisms.includes('SCRAM-SHA-256-PLUS'),
    });
    return this.#keep(exchange, step);
  }

  #responded(line: Line): SaslStep {
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

  async #said(step: SaslStep): Promise<LoginStep> {
    switch (step.kind) {
      case 'challenge':
        return { reply: step.reply, isFailed: false };
      case 'failed':
        return { reply: step.reply, isFailed: true };
      case 'credentials':
        return this.#checked(step.credentials);
      default:
        return step satisfies never;
    }
  }

  async #checked(credentials: Credentials): Promise<LoginStep> {
    const { reply, signature } = await this.#conversation.authenticate(credentials);
    const { user, mechanism } = credentials;
    if (!isPositive(reply)) return { reply, isFailed: true };
    const login = { user, mechanism };
    if (signature === undefined) {
      this.#view.login = login;
      return { reply, isFailed: false };
    }
    // RFC 4954 4: nothing goes with the final reply, so it is a challenge of its own.
    this.#confirmable = { reply, login };
    const final = ask(`v=${Buffer.from(signature).toString('base64')}`);
    return { reply: final.reply, isFailed: false };
  }

  #keep(exchange: SaslExchange, step: SaslStep): SaslStep {
    this.#exchange = step.kind === 'challenge' ? exchange : undefined;
    return step;
  }

  #refusal(): Reply | undefined {
    const { login, hello } = this.#view;
    if (this.#when === 'never') return replies.notImplemented();
    if (!this.#isPossible) return replies.tlsRequired();
    if (login !== undefined) return replies.badSequence('Already authenticated');
    return hello?.verb === 'EHLO' ? undefined : replies.badSequence('Send EHLO first');
  }
}

function failed(reply: Reply): SaslStep {
  return { kind: 'failed', reply };
}
