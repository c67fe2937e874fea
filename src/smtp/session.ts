/**
 * One SMTP session: a connection, its input, its one timer and its end. Works off the input at hand
 * in one loop, one command at a time and without recursion, and answers all of it in one write. What
 * is answered is decided in server-protocol.ts. Whatever the conversation throws ends here as a
 * temporary failure, and the conversation hears of the end exactly once, never while it is at work.
 */
import type { Socket } from 'node:net';
import { CodedError } from '../base/errors.ts';
import { LazyAbort } from '../base/lazy-abort.ts';
import type { Soon } from '../base/soon.ts';
import { whenKnown } from '../base/soon.ts';
import type { Reply } from '../mail/reply.ts';
import { formatReply, isPositive, replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { Answer } from './answer.ts';
import type { ContentInput } from './content-phase.ts';
import { ContentPhase } from './content-phase.ts';
import type { Conversation, SessionSummary } from './conversation.ts';
import { LineReader } from './line-reader.ts';
import { ServerProtocol } from './server-protocol.ts';
import { SessionLog } from './session-log.ts';
import type { SessionOptions } from './session-settings.ts';
import type { Wait } from './session-timer.ts';
import { SessionTimer } from './session-timer.ts';
import type { WireListener } from './wire.ts';
import { Wire } from './wire.ts';

type End = SessionSummary['end'];

/** One for all sessions: making an error, with its stack, costs more than the end of a session. */
const SESSION_OVER = new CodedError('CLIENT_GONE', 'the session is over');

export class Session implements WireListener {
  readonly #options: SessionOptions;
  readonly view: SessionView;
  readonly #wire: Wire;
  readonly #reader: LineReader;
  readonly #timer: SessionTimer;
  readonly #log: SessionLog;
  readonly #over = new LazyAbort();
  readonly #conversation: Conversation;
  readonly #protocol: ServerProtocol;
  /** What the session is at: asking whether it may open, waiting for input, working it off. */
  #activity: 'opening' | 'waiting' | 'working' | 'over' = 'opening';
  /** How it ends, from the moment that this is certain. */
  #end: End | undefined;
  #stopping = false;
  #content: ContentInput | undefined;
  #bytesRead = 0;

  constructor(socket: Socket, view: SessionView, options: SessionOptions) {
    const { settings, tls, clock, log, begin, turnEnd } = options;
    this.#options = options;
    this.view = view;
    this.#reader = new LineReader(settings.limits.line);
    this.#conversation = begin(view, this.#over);
    const admits = (address: string) => options.admits(this, address);
    this.#protocol = new ServerProtocol(this.#conversation, view, { settings, tls, admits });
    this.#timer = new SessionTimer(clock, settings.timeouts, 'command', (wait) =>
      this.#timedOut(wait),
    );
    this.#log = new SessionLog(log, view, () => this.#protocol.state);
    this.#wire = new Wire(socket, this, turnEnd);
  }

  /** Greets the client; resolves when that is done, never rejects. */
  async open(): Promise<void> {
    this.#log.opened();
    try {
      if (this.#options.tls === 'implicit') await this.#secure();
      if (this.#end === undefined) {
        const asked = this.#conversation.connect();
        const refusal = asked instanceof Promise ? await asked : asked;
        if (refusal === undefined) this.#say(replies.greeting(this.#hostname));
        else this.#close('refused', refusal);
      }
    } catch (error) {
      this.#crash(error);
    }
    this.#settle();
  }

  /** An idle session hears 421 now, one with an open transaction when that is over. */
  stop(): void {
    this.#stopping = true;
    if (this.#activity === 'waiting') this.#settle();
  }

  destroy(): void {
    this.#finish('stopped');
    this.#wire.destroy();
  }

  input(chunk: Buffer): void {
    this.#bytesRead += chunk.length;
    if (this.#activity === 'over') return;
    if (this.#activity === 'opening') {
      // RFC 5321 4.3.1: the client waits for the greeting.
      this.#log.spokeEarly();
      this.#close('refused', replies.earlyTalker());
      return;
    }
    this.#reader.push(chunk);
    if (this.#activity === 'waiting') this.#work();
    else if (this.#reader.isFull) this.#wire.pause();
  }

  inputEnded(): void {
    if (this.#activity === 'waiting') this.#settle();
  }

  gone(error: Error | undefined): void {
    this.#lost(error);
    this.#timer.stop();
    this.#options.onClosed(this);
  }

  /** Works off the input at hand, and goes on behind what has to be waited for; never throws. */
  #work(): void {
    this.#activity = 'working';
    try {
      while (this.#end === undefined && !this.#mayStop()) {
        const step = this.#step();
        if (step === 'no-input') break;
        if (step instanceof Promise) {
          // Replies already given do not wait for what takes longer.
          this.#wire.flushSoon();
          void step.catch((error: unknown) => this.#crash(error)).then(() => this.#work());
          return;
        }
      }
    } catch (error) {
      this.#crash(error);
    }
    this.#settle();
  }

  /** One line or one piece of content. */
  #step(): Soon<'no-input' | void> {
    if (this.#wire.hasUnread) return this.#untilRead();
    if (this.#content !== undefined) {
      const chunk = this.#reader.takeChunk();
      return chunk === undefined ? 'no-input' : this.#takeContent(this.#content, chunk);
    }
    const line = this.#reader.next();
    if (line === undefined) return 'no-input';
    // Only a whole command earns more time, not a byte of one.
    if (!this.#timer.begin()) {
      this.#close('timeout', replies.idleTimeout(this.#hostname));
      return undefined;
    }
    const answer = this.#protocol.obey(line);
    this.#log.heard(this.#protocol.heard);
    const wasAsked = answer instanceof Promise || this.#protocol.wasAsked;
    return whenKnown(answer, (said) => this.#give(said, wasAsked));
  }

  /** Nothing is being worked off: what is left is to wait or to end. */
  #settle(): void {
    this.#wire.flushSoon();
    if (this.#end === undefined) {
      if (this.#mayStop()) this.#close('stopped', replies.shuttingDown(this.#hostname));
      else if (this.#wire.isInputEnded) this.#lost(undefined);
      else {
        this.#activity = 'waiting';
        this.#wire.resume();
        return;
      }
    }
    this.#conclude();
  }

  #mayStop(): boolean {
    return this.#stopping && !this.#protocol.hasTransaction;
  }

  #give(answer: Answer, wasAsked: boolean): Promise<void> | undefined {
    const { onCommand } = this.#options;
    if (wasAsked) onCommand?.(this.#protocol.heard.verb, this.#timer.sinceCommand());
    if ('chunk' in answer) {
      this.#content = answer.chunk;
      this.#arm('content');
      return this.#takeContent(answer.chunk, Buffer.alloc(0)); // there are chunks without octets
    }
    if (answer.end !== undefined) {
      if (answer.end === 'errors') this.#log.brokeProtocol(answer.what ?? '');
      this.#close(answer.end, answer.reply);
      return undefined;
    }
    // RFC 3207 6: what was pipelined in the clear may be an attacker's; none of it is ever run.
    if (answer.startsTls === true && !this.#reader.isEmpty) {
      this.#log.brokeProtocol('pipelined STARTTLS');
      this.#close('errors', replies.pipelinedStartTls());
      return undefined;
    }
    this.#say(answer.reply);
    if (answer.content !== undefined) {
      const { settings, clock } = this.#options;
      this.#content = new ContentPhase(answer.content, settings, clock.mono());
      this.#arm('content');
    }
    return answer.startsTls === true ? this.#secure() : undefined;
  }

  async #secure(): Promise<void> {
    this.#arm('handshake');
    const secured = await this.#wire.secure(this.#options.secureContext());
    if (secured === undefined) return;
    this.#protocol.tlsBegan(secured.tls, secured.binding);
    this.#log.secured(secured.tls);
    this.#arm('command');
  }

  #takeContent(content: ContentInput, chunk: Buffer): Promise<void> | undefined {
    this.#arm();
    const now = this.#options.clock.mono();
    const step = content.take(chunk, now);
    switch (step.kind) {
      case 'more':
        return step.busy;
      case 'end':
        this.#reader.giveBack(step.rest);
        return this.#endContent(content, step.busy, now);
      case 'overrun':
        this.#log.brokeProtocol('overrun');
        this.#close('errors', step.reply);
        return undefined;
      default:
        return step satisfies never;
    }
  }

  async #endContent(
    content: ContentInput,
    busy: Promise<void> | undefined,
    endedAt: number,
  ): Promise<void> {
    if (busy !== undefined) await busy;
    if (this.#end !== undefined) return;
    // From here on the conversation knows that the content is whole: no abort any more.
    this.#content = undefined;
    const { reply, end } = this.#protocol.contentEnded(await content.end());
    this.#options.onCommand?.('content', this.#options.clock.mono() - endedAt);
    if (isPositive(reply) && !this.#protocol.hasTransaction) this.#timer.messageTaken();
    this.#arm('command');
    if (end === undefined) this.#say(reply);
    else this.#close(end, reply);
  }

  /** A client that does not read gets nothing more to read. */
  async #untilRead(): Promise<void> {
    this.#arm('writing');
    await this.#wire.drained();
    this.#arm(this.#content === undefined ? 'command' : 'content');
  }

  #say(reply: Reply): void {
    if (this.#end !== undefined) return;
    this.#log.said(reply);
    this.#wire.write(formatReply(reply));
  }

  #close(end: End, reply: Reply): void {
    if (this.#end !== undefined) return;
    this.#say(reply);
    this.#wire.end(end === 'quit' && this.#reader.isEmpty ? 'close' : 'half');
    this.#finish(end);
  }

  #lost(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#log.lost(error);
    this.#wire.end();
    this.#finish('lost');
  }

  #crash(error: unknown): void {
    // A call that fails because the session is over is no surprise.
    if (this.#end !== undefined && error instanceof CodedError) return;
    this.#log.crashed(error);
    this.#close('fault', replies.sessionFault(this.#hostname));
  }

  /** From here on nothing more is answered; whoever still works for this client may stop. */
  #finish(end: End): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#timer.arm('linger');
    this.#over.abort(SESSION_OVER);
    if (this.#activity === 'waiting') this.#conclude();
  }

  #conclude(): void {
    if (this.#activity === 'over' || this.#end === undefined) return;
    this.#activity = 'over';
    const summary = this.#protocol.summary(this.#bytesRead, this.#end);
    try {
      if (this.#content !== undefined) this.#content.abort();
      else if (this.#protocol.state !== 'content') this.#protocol.endTransaction();
      this.#conversation.closed(summary);
    } catch (error) {
      this.#crash(error);
    }
    this.#content = undefined;
    this.#log.closed(summary, this.#options.clock.now() - this.view.openedAt);
  }

  /** The deadline of the last reply is never put off. */
  #arm(wait?: Wait): void {
    if (this.#end === undefined) this.#timer.arm(wait);
  }

  #timedOut(wait: Wait): void {
    if (wait !== 'command' && wait !== 'content') {
      this.#finish('timeout');
      this.#wire.destroy();
    } else if (this.#activity === 'waiting') {
      this.#close('timeout', replies.idleTimeout(this.#hostname));
    } else {
      // While the conversation is at work, nobody waits for the client.
      this.#arm();
    }
  }

  get #hostname(): string {
    return this.#options.settings.hostname;
  }
}
