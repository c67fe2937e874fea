/**
 * Log events as lines for people: `sluice tail`, `sluice start --log-pretty`. One line per message
 * that is queued or done, per refusal and per delivery that did not work; so the facts that an event does not
 * repeat (sender, size) are kept until the message is done, within a bound. What is not about mail is
 * shown when it is of level warn and above, or says that something begins or ends.
 */
import type { Row } from '../control/rows.ts';
import { textOf, timeOf } from './row-reader.ts';
import type { LineStyle } from './tail-line.ts';
import {
  destinationText,
  holdText,
  mailLine,
  nextTryText,
  otherLine,
  plainLine,
  refusalText,
  replyText,
} from './tail-line.ts';

const MAX_MESSAGES = 10_000;
/** Events of one message that wait; more are shown without sender and size. */
const MAX_WAITING = 100;
/**
 * Mail is relayed before its `msg.in` is written, so what happened to it waits for that. When it does
 * not come, the message came in before we looked: then it is shown with what is known.
 */
const PATIENCE_MS = 2000;
/** Events of level info that are shown as they are; what comes into the quarantine has its QUAR line. */
const NOTED = /^(?:srv|cfg|queue|quar|scanner|ldap|plugin|dsn)\.(?!add$|load$)/;

/** What is said of a message, per recipient. */
const RECIPIENT_VERBS: Readonly<Record<string, string>> = {
  'rcpt.defer': 'DEFER',
  'rcpt.fail': 'FAIL',
  'rcpt.hold': 'HOLD',
  'rcpt.expire': 'EXPIRE',
};
/** Results of `msg.in` that are the end of it. */
const REFUSED: Readonly<Record<string, string>> = {
  reject: 'REJECT',
  tempfail: 'TEMPF',
  discard: 'DISC',
};

/** Sees all that is known of what a line is about, and the verb of one about mail. */
export type IsMeant = (facts: Row, verb?: string) => boolean;

interface Message {
  /** Its `msg.in`, or nothing in it when that will not come. */
  came?: Row;
  /** The newest delivery to one of its recipients. */
  sent: Row;
  /** Its refusal was shown already. */
  told: boolean;
  /** What happened before its `msg.in`. */
  waiting: Row[];
}

export class TailFormat {
  readonly #style: LineStyle;
  readonly #isMeant: IsMeant;
  readonly #messages = new Map<string, Message>();
  /** Messages with something waiting, oldest first. */
  readonly #early = new Set<string>();

  constructor(style: LineStyle, isMeant: IsMeant = () => true) {
    this.#style = style;
    this.#isMeant = isMeant;
  }

  /** The lines that are due with this event, without line ends. */
  lines(event: Row): string[] {
    const at = timeOf(event, 'time');
    const due = at === undefined ? [] : this.flush(at - PATIENCE_MS);
    return [...due, ...this.#linesOf(event)];
  }

  /** Shows what waits since before `until`; without it, everything that waits. */
  flush(until = Infinity): string[] {
    const lines: string[] = [];
    for (const id of this.#early) {
      const message = this.#message(id);
      const [first] = message.waiting;
      if (first !== undefined && (timeOf(first, 'time') ?? 0) > until) break;
      lines.push(...this.#came(id, message, {}));
    }
    return lines;
  }

  #linesOf(event: Row): string[] {
    const id = textOf(event, 'id');
    const evt = textOf(event, 'evt');
    if (evt === 'msg.in') return this.#came(id, this.#message(id), event);
    if (evt === 'rcpt.sent' || evt === 'msg.done' || evt in RECIPIENT_VERBS) {
      const message = this.#message(id);
      if (message.came !== undefined || message.waiting.length >= MAX_WAITING) {
        return this.#happened(id, message, event);
      }
      message.waiting.push(event);
      this.#early.add(id);
      return [];
    }
    if (evt.startsWith('smtp.reject.')) {
      if (id !== '') this.#message(id).told = true;
      const verb = Number(event['code']) >= 500 ? 'REJECT' : 'TEMPF';
      return this.#mail(verb, event, refusalText(event));
    }
    if (evt === 'dest.down' || evt === 'dest.up') {
      if (!this.#isMeant(event)) return [];
      const verb = evt === 'dest.up' ? 'UP' : 'DOWN';
      return [otherLine(this.#style, verb, event, destinationText(event))];
    }
    const level = textOf(event, 'level');
    const isShown = level === 'info' ? NOTED.test(evt) : level !== 'debug' && level !== 'trace';
    return isShown && this.#isMeant(event) ? [plainLine(this.#style, event)] : [];
  }

  #mail(verb: string, facts: Row, text: string): string[] {
    return this.#isMeant(facts, verb) ? [mailLine(this.#style, verb, facts, text)] : [];
  }

  /** Its `msg.in` is there, or will not come: what waited for it can be shown. */
  #came(id: string, message: Message, came: Row): string[] {
    this.#early.delete(id);
    const verb = REFUSED[textOf(came, 'res')];
    if (verb !== undefined || textOf(came, 'res') === 'abort') {
      // It never became ours: the refusal says it all, what a delivery came to does not count.
      this.#messages.delete(id);
      if (message.told || verb === undefined) return [];
      return this.#mail(verb, came, refusalText(came));
    }
    message.came = came;
    const waiting = message.waiting.splice(0);
    if (textOf(came, 'how') === 'queued') return this.#queued(message, came, waiting);
    const isQuarantined = textOf(came, 'res') === 'quarantine';
    const lines = waiting.flatMap((event) => this.#happened(id, message, event));
    return isQuarantined ? [...this.#mail('QUAR', came, refusalText(came)), ...lines] : lines;
  }

  /** What the first attempt came to, if there was one, is told with the fact that it waits now. */
  #queued(message: Message, came: Row, tried: readonly Row[]): string[] {
    const isSent = ({ evt }: Row) => evt === 'rcpt.sent';
    const sent = tried.filter(isSent);
    const left = tried.filter((event) => !isSent(event));
    const [first] = left;
    const text = first === undefined ? textOf(came, 'why') : replyText(first);
    if (sent.length === 0) return this.#mail('QUEUE', came, text);
    // Some have it already: from here on the message is that of the others.
    const waits = { ...came, to: left.map(({ to }) => to).join(','), rcpts: undefined };
    message.came = waits;
    const lines = sent.flatMap((event) =>
      this.#mail('SENT', { ...came, rcpts: undefined, ms: undefined, ...event }, replyText(event)),
    );
    return [...lines, ...this.#mail('QUEUE', waits, text)];
  }

  #happened(id: string, message: Message, event: Row): string[] {
    const evt = textOf(event, 'evt');
    const { came = {}, sent } = message;
    const verb = RECIPIENT_VERBS[evt];
    if (verb !== undefined) {
      // The line of one recipient counts one recipient.
      const facts = { ...came, rcpts: undefined, ms: undefined, ...event };
      const next = evt === 'rcpt.defer' ? nextTryText(event) : '';
      const text = evt === 'rcpt.hold' ? holdText(event) : replyText(event);
      return this.#mail(verb, facts, text + next);
    }
    if (evt === 'rcpt.sent') {
      message.sent = event;
      return [];
    }
    this.#messages.delete(id);
    const facts = { ...sent, ...came, ...event };
    switch (textOf(event, 'res')) {
      case 'delivered':
      case 'partial':
        return this.#mail('SENT', facts, replyText(sent));
      case 'deleted':
        return this.#mail('DEL', facts, '');
      default:
        return []; // what failed or expired was shown per recipient
    }
  }

  #message(id: string): Message {
    const known = this.#messages.get(id);
    if (known !== undefined) return known;
    const message: Message = { sent: {}, told: false, waiting: [] };
    this.#messages.set(id, message);
    const [oldest] = this.#messages.keys();
    if (this.#messages.size > MAX_MESSAGES && oldest !== undefined) {
      this.#messages.delete(oldest);
      this.#early.delete(oldest);
    }
    return message;
  }
}
