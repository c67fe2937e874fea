/**
 * What an SMTP server answers to each command (RFC 5321): holds the protocol's state and asks the
 * conversation behind it. What is allowed when stands in session-state.ts, how it is written in
 * commands.ts. Knows no socket and no time; the session does what an answer asks for beside its
 * reply. Decides no policy.
 */
import type { Soon } from '../base/soon.ts';
import { whenKnown } from '../base/soon.ts';
import type { ReversePath } from '../mail/address.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPositive, replies } from '../mail/reply.ts';
import type { SessionView, TlsView } from '../mail/session-view.ts';
import type { Answer, Said } from './answer.ts';
import { answer, faultReply } from './answer.ts';
import type { LoginStep } from './auth.ts';
import { Auth } from './auth.ts';
import { ChunkInVain } from './chunk-phase.ts';
import { Chunking } from './chunking.ts';
import type { Chunk, Command, CommandContext, QueueName } from './commands.ts';
import { parseCommand } from './commands.ts';
import type { Conversation, SessionSummary } from './conversation.ts';
import { ehloReply } from './extensions.ts';
import { HeardLine } from './heard-line.ts';
import type { Line } from './line-reader.ts';
import { Patience } from './patience.ts';
import type { ChannelBinding } from './server-tls.ts';
import type { SessionSettings, Surroundings } from './session-settings.ts';
import type { SessionState } from './session-state.ts';
import { denial, hasTransaction, stateAfter, stateAfterChunk } from './session-state.ts';
import { Tally } from './tally.ts';
import { claimedView, parseXclient } from './xclient.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class ServerProtocol {
  readonly #conversation: Conversation;
  readonly #settings: SessionSettings;
  readonly #surroundings: Surroundings;
  readonly #mayXclient: boolean;
  /** Of the client that a proxy speaks for; stands whatever the proxy calls itself. */
  #claimedHello: string | undefined;
  /** Handed out as read-only; it tells more as the session goes on. */
  readonly #view: Mutable<SessionView>;
  #state: SessionState = 'start';
  #recipients = 0;
  readonly #context: Mutable<CommandContext>;
  /** The conversation had to be asked about the last line, however soon it answered. */
  wasAsked = false;
  readonly #patience: Patience;
  readonly #auth: Auth;
  readonly #chunking: Chunking;
  readonly #heard = new HeardLine();
  readonly #counts = { transactions: 0, recipients: new Tally(), messages: new Tally() };

  constructor(conversation: Conversation, view: SessionView, surroundings: Surroundings) {
    const { settings } = surroundings;
    this.#conversation = conversation;
    this.#view = view;
    this.#settings = settings;
    this.#context = { hostname: settings.hostname, smtpUtf8: false };
    this.#surroundings = surroundings;
    this.#mayXclient = settings.mayXclient(view.remote.address);
    this.#patience = new Patience(settings.limits);
    this.#auth = new Auth(conversation, settings.auth, view);
    this.#chunking = new Chunking(conversation, settings);
  }

  get state(): SessionState {
    return this.#state;
  }
  get hasTransaction(): boolean {
    return hasTransaction(this.#state);
  }
  /** What the session came to so far. */
  summary(bytesRead: number, end: SessionSummary['end']): SessionSummary {
    return { ...this.#counts, errors: this.#patience.errors, bytesRead, end };
  }
  get heard(): Pick<HeardLine, 'verb' | 'text'> {
    return this.#heard;
  }

  /** Obeys one line; a promise when the conversation cannot say at once. */
  obey(line: Line): Soon<Answer> {
    this.wasAsked = false;
    if (this.#auth.isOpen) {
      this.#heard.login();
      return this.#login(this.#auth.respond(line));
    }
    if (line.kind === 'fault') {
      this.#heard.fault(line.fault);
      return this.#wrong(faultReply(line.fault), line.fault);
    }
    const command = parseCommand(line.text, this.#context);
    this.#heard.command(line.text, command.verb);
    // Out of sequence comes before malformed: the former is what the client must mend first.
    const denied = command.verb === undefined ? undefined : denial(this.#state, command.verb);
    if ('chunk' in command) return this.#bdat(command.chunk, denied);
    const isHopeless = 'reply' in command && command.reply.closes === true;
    if (denied !== undefined && !isHopeless) return this.#wrong(denied, this.#heard.text);
    if ('reply' in command) return this.#wrong(command.reply, this.#heard.text);
    this.#patience.command(command.verb, this.hasTransaction);
    if (this.#patience.isOver) return this.#enough(`${command.verb} again and again`);
    return this.#serve(command);
  }

  /** The content was read and judged, or a chunk of it was read. */
  contentEnded(reply: Reply): Said {
    if (this.#state !== 'content') return answer(reply); // to a chunk in vain
    this.#state = this.#chunking.stateAfter(reply);
    if (this.hasTransaction) return answer(reply);
    this.#counts.messages.count(reply);
    if (isPositive(reply)) this.#patience.messageTaken();
    else this.#patience.messageRefused();
    return answer(reply);
  }

  /** RFC 3207 4.2: nothing said before TLS counts. */
  tlsBegan(tls: TlsView, binding: ChannelBinding | undefined): void {
    this.#auth.binding = binding;
    Object.assign(this.#view, { tls, hello: undefined, login: undefined });
    this.#state = 'start';
  }

  /** The transaction is over without content, if one is open. */
  endTransaction(): void {
    if (this.#chunking.isOpen) this.#chunking.abort();
    else if (this.hasTransaction) this.#conversation.reset();
    if (this.#state !== 'start') this.#state = 'ready';
  }

  #serve(command: Exclude<Command, { verb: 'BDAT' }>): Soon<Answer> {
    const { hostname, limits } = this.#settings;
    switch (command.verb) {
      case 'EHLO':
      case 'HELO':
        return this.#hello(command.verb, command.name);
      case 'MAIL':
        // RFC 8689 4.1: it is offered within TLS alone.
        if (command.parameters.requireTls === true && this.#view.tls === undefined) {
          return this.#wrong(replies.tlsRequired(), 'REQUIRETLS');
        }
        return this.#mail(command.reversePath, command.parameters);
      case 'RCPT':
        if (this.#recipients >= limits.recipients) {
          return this.#notTaken(replies.tooManyRecipients());
        }
        return this.#rcpt(command.recipient);
      case 'DATA':
        return this.#data();
      case 'RSET':
        this.endTransaction();
        return answer(replies.ok());
      case 'NOOP':
        return answer(replies.ok());
      case 'QUIT':
        return { reply: replies.bye(hostname), end: 'quit' };
      case 'STARTTLS':
        return this.#startTls();
      case 'VRFY':
        return answer(replies.vrfy());
      case 'HELP':
        return this.#conversation.help().then(answer);
      case 'AUTH':
        return this.#login(this.#auth.begin(command.mechanism, command.initial));
      case 'XCLIENT':
        return this.#xclient(command.argument);
      case 'ETRN':
        return this.#etrn(command.queue);
      case 'EXPN':
        return this.#wrong(replies.notImplemented(), command.verb);
      default:
        return command satisfies never;
    }
  }

  #hello(verb: 'EHLO' | 'HELO', said: string): Soon<Answer> {
    const name = this.#claimedHello ?? said;
    return this.#asked(this.#conversation.hello(verb, name), (refusal) => {
      // RFC 5321 4.1.1.1: a refused EHLO changes nothing.
      if (refusal !== undefined) return answer(refusal);
      this.endTransaction();
      this.#view.hello = { verb, name };
      return this.#done(
        verb,
        verb === 'HELO' ? replies.helo(this.#settings.hostname) : this.#ehlo(),
      );
    });
  }

  #ehlo(): Reply {
    const { mechanisms } = this.#auth;
    return ehloReply(this.#settings, this.#view, {
      startTls: this.#surroundings.tls === 'starttls',
      mechanisms,
      etrn: mechanisms.length > 0 || this.#conversation.mayEtrn(),
      xclient: this.#mayXclient,
    });
  }

  async #login(step: Promise<LoginStep>): Promise<Answer> {
    const { reply, isFailed } = await step;
    if (!isFailed) return answer(reply);
    this.#patience.loginFailed();
    return this.#answerWrong(reply, 'AUTH');
  }

  async #etrn(queue: QueueName): Promise<Answer> {
    const reply = await this.#conversation.etrn(queue);
    return isPositive(reply) ? answer(reply) : this.#wrong(reply, 'ETRN');
  }

  #mail(reversePath: ReversePath, parameters: MailParameters): Soon<Answer> {
    return this.#asked(this.#conversation.mail(reversePath, parameters), (reply) => {
      if (isPositive(reply)) {
        this.#counts.transactions += 1;
        this.#recipients = 0;
        this.#context.smtpUtf8 = parameters.smtpUtf8 ?? false;
      }
      return this.#done('MAIL', reply);
    });
  }

  #rcpt(recipient: Recipient): Soon<Answer> {
    return this.#asked(this.#conversation.rcpt(recipient), (reply) => {
      this.#counts.recipients.count(reply);
      const done = this.#done('RCPT', reply);
      if (!isPositive(reply)) return this.#notTaken(reply);
      this.#recipients += 1;
      return done;
    });
  }

  #notTaken(refusal: Reply): Answer {
    this.#patience.recipientNotTaken();
    return this.#patience.isOver ? this.#enough('RCPT again and again') : answer(refusal);
  }

  #data(): Soon<Answer> {
    return this.#asked(this.#conversation.data(), (taken) => {
      if ('write' in taken) {
        return { ...this.#done('DATA', replies.startContent()), content: taken };
      }
      // A refused DATA ends the transaction, and the conversation has to know.
      this.endTransaction();
      return answer(taken);
    });
  }

  /** Goes on with what the conversation says, which it mostly does at once. */
  #asked<T>(said: Soon<T>, next: (said: T) => Answer): Soon<Answer> {
    this.wasAsked = true;
    return whenKnown(said, next);
  }

  /** RFC 3030 2: whatever becomes of a chunk, its octets are read before it is answered. */
  #bdat(chunk: Chunk, denied: Reply | undefined): Soon<Answer> {
    // Behind a chunk that failed, others may have been sent without waiting.
    if (denied !== undefined && this.#state !== 'spoilt') this.#patience.error();
    if (chunk.octets === 0 && !chunk.isLast) this.#patience.ledToNothing();
    if (this.#patience.isOver) return this.#enough('BDAT');
    return denied === undefined ? this.#nextChunk(chunk) : this.#inVain(chunk, denied);
  }

  async #nextChunk(chunk: Chunk): Promise<Answer> {
    const taken = await this.#chunking.next(chunk);
    this.#state = 'take' in taken ? 'content' : 'ready';
    return 'take' in taken ? { chunk: taken } : this.#inVain(chunk, taken);
  }

  /** The message has failed; what follows of it is read and thrown away, within bounds. */
  #inVain(chunk: Chunk, refusal: Reply): Answer {
    this.endTransaction();
    this.#state = stateAfterChunk(this.#state, chunk.isLast, false);
    this.#patience.chunkInVain(chunk);
    if (this.#patience.isOver) return { reply: refusal, end: 'errors', what: 'overrun' };
    return { chunk: new ChunkInVain(chunk, refusal, this.#settings) };
  }

  /** The session begins anew, with the client that the proxy speaks for. */
  async #xclient(argument: string): Promise<Answer> {
    if (!this.#mayXclient) return this.#wrong(replies.notImplemented(), 'XCLIENT');
    const parsed = parseXclient(argument);
    if (!parsed.ok) return this.#wrong(parsed.reply, 'XCLIENT');
    const { hostname } = this.#settings;
    Object.assign(this.#view, claimedView(this.#view, parsed.claim));
    this.#claimedHello = parsed.claim.hello;
    this.#auth.binding = undefined; // the other end is the proxy
    this.#state = 'start';
    const refusal = this.#surroundings.admits(this.#view.remote.address)
      ? await this.#conversation.connect()
      : replies.tooManyConnections(hostname);
    if (refusal !== undefined) return { reply: refusal, end: 'refused' };
    return answer(replies.greeting(hostname));
  }

  #startTls(): Answer {
    if (this.#view.tls !== undefined) {
      return this.#wrong(replies.badSequence('TLS is active already'), 'STARTTLS');
    }
    if (this.#surroundings.tls !== 'starttls')
      return this.#wrong(replies.tlsNotOffered(), 'STARTTLS');
    return { reply: replies.startTls(), startsTls: true };
  }

  #done(verb: 'EHLO' | 'HELO' | 'MAIL' | 'RCPT' | 'DATA', reply: Reply): Said {
    this.#state = stateAfter(this.#state, verb, isPositive(reply));
    return answer(reply);
  }

  /** Answers a command that is wrong; too many of them end the session. */
  #wrong(problem: Reply, what: string): Answer {
    this.#patience.error();
    return this.#answerWrong(problem, what);
  }

  #answerWrong(problem: Reply, what: string): Answer {
    if (this.#patience.isOver) return this.#enough(what);
    return problem.closes === true ? { reply: problem, end: 'errors', what } : { reply: problem };
  }

  #enough(what: string): Answer {
    return { reply: replies.tooManyErrors(this.#settings.hostname), end: 'errors', what };
  }
}
