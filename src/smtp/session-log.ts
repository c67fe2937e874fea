/**
 * The lines that one SMTP session writes into the log, each with the client's address and the
 * session's id in front. One method per event, so that no two places word the same thing.
 */
import { CodedError, errorText } from '../base/errors.ts';
import type { EventName, Fields, Log } from '../base/log.ts';
import type { Reply } from '../mail/reply.ts';
import { formatReply, isIntermediate } from '../mail/reply.ts';
import type { SessionView, TlsView } from '../mail/session-view.ts';
import type { SessionSummary } from './conversation.ts';
import type { SessionState } from './session-state.ts';

/** To DATA (RFC 5321 4.3.2); the other replies that ask for more are a login's. */
const GO_AHEAD = 354;

export class SessionLog {
  readonly #log: Log;
  readonly #view: SessionView;
  readonly #state: () => SessionState;

  constructor(log: Log, view: SessionView, state: () => SessionState) {
    this.#log = log;
    this.#view = view;
    this.#state = state;
  }

  opened(): void {
    const { listener, remote, sid, via } = this.#view;
    this.#log.emit('smtp.open', { ip: remote.address, sid, listener, port: remote.port, via });
  }

  secured({ protocol, cipher }: TlsView): void {
    this.#emit('smtp.tls', { proto: protocol, cipher });
  }

  spokeEarly(): void {
    this.#emit('smtp.early', { state: this.#state() });
  }

  brokeProtocol(what: string): void {
    this.#emit('smtp.proto', { what, state: this.#state() });
  }

  lost(error: Error | undefined): void {
    const isTls = error instanceof CodedError && error.code === 'TLS_FAILED';
    const why = isTls ? 'tls' : undefined;
    const text = error === undefined ? {} : { msg: errorText(error) };
    this.#emit('smtp.lost', { state: this.#state(), why, ...text });
  }

  /** The dialogue, for somebody who has asked for it. */
  heard(line: { readonly text: string }): void {
    if (this.#isFollowed) this.#emit('smtp.line', { by: 'client', text: line.text });
  }
  said(reply: Reply): void {
    if (!this.#isFollowed) return;
    // What a login is asked may hold what it has said.
    const isLogin = isIntermediate(reply) && reply.code !== GO_AHEAD;
    const text = isLogin ? `${reply.code} (login)` : formatReply(reply).trimEnd();
    this.#emit('smtp.line', { by: 'gateway', text: text.replaceAll('\r\n', ' | ') });
  }

  crashed(error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    this.#emit('crash', { state: this.#state(), msg: errorText(error), stack }, 'error');
  }

  closed(summary: SessionSummary, ms: number): void {
    const { end, errors, transactions, recipients, messages, bytesRead: bytes } = summary;
    const { remote, sid, tls } = this.#view;
    const fields = {
      ip: remote.address,
      sid,
      end,
      errors,
      transactions,
      rcpts: recipients.text,
      msgs: messages.text,
      bytes,
      ms,
      tls: tls?.protocol ?? '-',
    };
    const isClean = errors === 0 && recipients.areAllAccepted && messages.areAllAccepted;
    this.#log.emit('smtp.close', fields, isClean ? undefined : 'info');
  }

  get #isFollowed(): boolean {
    return this.#log.enabled('trace', this.#view.remote.address);
  }

  #emit(evt: EventName, fields: Fields, level?: 'error'): void {
    const { remote, sid } = this.#view;
    this.#log.emit(evt, { ip: remote.address, sid, ...fields }, level);
  }
}
