/**
 * The program behind an SMTP session, for tests of the protocol alone: writes down each call and
 * answers by the names in it, so that a dialog can ask for every kind of answer.
 */
import { formatPath } from '../../src/mail/address.ts';
import type { Reply } from '../../src/mail/reply.ts';
import { replies } from '../../src/mail/reply.ts';
import type { SessionView } from '../../src/mail/session-view.ts';
import type {
  ContentSink,
  Conversation,
  SessionSummary,
  StartConversation,
} from '../../src/smtp/conversation.ts';

const MAX_SHOWN = 300;

export class RecordingProgram {
  readonly calls: string[] = [];
  readonly contents: Buffer[] = [];
  readonly signals: AbortSignal[] = [];
  readonly views: SessionView[] = [];
  readonly summaries: SessionSummary[] = [];
  /** How a client is met: greeted, refused, or left waiting until the session ends. */
  meets: 'greet' | 'refuse' | 'hold' = 'greet';
  /** Called for each piece of content; a promise keeps the session waiting. */
  onPiece: (bytes: Uint8Array) => Promise<void> | undefined = () => undefined;
  /** Pieces of content that were given, for tests of cost. */
  pieces = 0;

  readonly begin: StartConversation = (view, { signal }) => {
    this.signals.push(signal);
    this.views.push(view);
    return this.#conversation(signal);
  };

  #conversation(signal: AbortSignal): Conversation {
    const note = (call: string) => this.calls.push(call);
    let sender = '';
    return {
      connect: async () => {
        if (this.meets === 'hold') await aborted(signal);
        return this.meets === 'refuse' ? replies.refused('5.7.1', 'Not you', 'rbl') : undefined;
      },
      hello: async (verb, name) => {
        note(`hello ${verb} ${name}`);
        await Promise.resolve();
        return name === 'refused.test' ? replies.refused('5.7.1', 'Not you', 'policy') : undefined;
      },
      takesProofs: () => false,
      saltOf: () => ({ salt: Buffer.from('salt'), iterations: 4096 }),
      authenticate: async (credentials) => {
        const { mechanism, user } = credentials;
        note(`login ${mechanism} ${user}`);
        await turns(user === 'slow' ? 5 : 0);
        if (user === 'blocked') return { reply: replies.authBlocked('mx.test') };
        const isRight = 'password' in credentials && credentials.password.toString() === 'secret';
        return { reply: isRight ? replies.authenticated() : replies.authFailed() };
      },
      help: async () => replies.help(),
      mayEtrn: () => false,
      etrn: async ({ name, subdomains }) => {
        note(`etrn ${name}${subdomains ? ' and below' : ''}`);
        return name === 'waits.test' ? replies.queueStarted(name, 2) : replies.queueDenied();
      },
      mail: async (path, parameters) => {
        note(`mail ${formatPath(path)}${shown(parameters)}`);
        sender = path?.local ?? '';
        return answerTo(sender) ?? replies.senderOk();
      },
      rcpt: async ({ address, parameters }) => {
        note(`rcpt ${formatPath(address)}${shown(parameters)}`);
        if (address.local === 'slow') await turns(5);
        return answerTo(address.local) ?? replies.recipientOk();
      },
      data: async () => {
        await turns(sender === 'slow' ? 5 : 0);
        if (sender === 'nodata') return replies.scannerDown();
        return this.#sink(sender);
      },
      reset: () => note('reset'),
      closed: (summary) => {
        this.summaries.push(summary);
        note(`closed ${summary.end}`);
      },
    };
  }

  #sink(sender: string): ContentSink {
    const pieces: Buffer[] = [];
    return {
      write: (bytes) => {
        this.pieces += 1;
        pieces.push(Buffer.from(bytes));
        return this.onPiece(bytes);
      },
      end: async (fault) => {
        const content = Buffer.concat(pieces);
        if (sender === 'slow') await turns(5);
        if (sender === 'crash-at-end') throw new Error('planted');
        if (fault !== undefined) this.calls.push(`content at fault: ${fault}`);
        else {
          this.contents.push(content);
          const text = content.toString('latin1');
          this.calls.push(
            text.length > MAX_SHOWN ? `content ${text.length}` : `content ${JSON.stringify(text)}`,
          );
        }
        if (fault === 'bare-line-end') return replies.bareLineEndInContent();
        return fault === 'too-large' ? replies.sizeExceeded(1000) : replies.queued('1');
      },
      abort: () => this.calls.push('abort'),
    };
  }
}

function answerTo(local: string): Reply | undefined {
  switch (local) {
    case 'unknown':
      return replies.unknownRecipient('unknown@example.test');
    case 'later':
      return replies.recipientUnverified();
    case 'harvest':
      return replies.harvesting('mx.test');
    case 'crash':
      throw new Error('planted');
    default:
      return undefined;
  }
}

function shown(parameters: object): string {
  return Object.keys(parameters).length === 0 ? '' : ` ${JSON.stringify(parameters)}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
