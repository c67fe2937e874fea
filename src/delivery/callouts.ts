/**
 * Callouts: asks a destination by MAIL and RCPT whether it takes a recipient, over the connections
 * that deliveries use as well. At most two at a time per destination, so that a harvester does not
 * take the connections that mail needs; who finds the line full is told `unsure`.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { Destination } from '../directory/domain.ts';
import type { SmtpClient } from '../smtp/client.ts';
import type { CalloutAnswer, Question } from './callout.ts';
import { askRecipient } from './callout.ts';
import type { Connections } from './connections.ts';
import { treatmentWithoutHost } from './treatment.ts';
import type { Observation } from './destination-health.ts';
import type { Treatment } from './hindrances.ts';
import { nameOf } from './host-walk.ts';
import { Permits } from './permits.ts';

/** The whole callout: a client waits meanwhile, for 5 minutes at most (RFC 5321 4.5.3.2.3). */
const CALLOUT_MS = 15_000;
const MAX_CALLOUTS = 2;
const MAX_WAITERS = 200;

const BUSY: CalloutAnswer = { kind: 'unsure', text: 'too many callouts', unreachable: false };

export interface CalloutDeps {
  readonly clock: Clock;
  readonly connections: Connections;
  readonly observe: (key: string, observation: Observation) => void;
  readonly noteTreatment: (key: string, seen: Treatment) => void;
}

export class Callouts {
  readonly #deps: CalloutDeps;
  readonly #gates = new Map<string, Permits>();

  constructor(deps: CalloutDeps) {
    this.#deps = deps;
  }

  async ask(
    destination: Destination,
    question: Question,
    outer: AbortSignal | undefined,
  ): Promise<CalloutAnswer> {
    const ended = new LinkedAbort(outer);
    const { signal } = ended;
    const timer = this.#deps.clock.timer(CALLOUT_MS, () => {
      ended.abort(new CodedError('DEADLINE', 'no answer in time'));
    });
    const gate = this.#gate(destination.key);
    const granted = await gate.take(signal);
    try {
      return granted ? await this.#askNow(destination, question, signal, outer) : BUSY;
    } finally {
      timer.stop();
      ended.release();
      if (granted) gate.give();
      if (gate.isIdle) {
        gate.stop();
        this.#gates.delete(destination.key);
      }
    }
  }

  stop(): void {
    for (const gate of this.#gates.values()) gate.stop();
  }

  async #askNow(
    destination: Destination,
    question: Question,
    signal: AbortSignal,
    outer: AbortSignal | undefined,
  ): Promise<CalloutAnswer> {
    const { clock, connections, observe, noteTreatment } = this.#deps;
    const startedAt = clock.mono();
    let envelopeMs: number | undefined;
    const attempt = await connections.use(
      destination,
      async (client) => {
        // We ask for ourselves, whoever the last client was.
        if (client.speaksFor !== undefined) return 'unfit';
        const askedAt = clock.mono();
        const value = await askRecipient(client, question);
        envelopeMs = value.lost ? undefined : clock.mono() - askedAt;
        return { value, gotNowhere: value.lost };
      },
      signal,
    );
    if (attempt.kind === 'busy') return BUSY;
    const stopped = outer?.aborted === true;
    if (attempt.kind === 'no-host') {
      const { text, unreachable, reply } = attempt.why;
      if (!stopped) {
        observe(destination.key, { kind: unreachable ? 'unreachable' : 'temporary', text });
        noteTreatment(destination.key, treatmentWithoutHost(attempt));
      }
      return { kind: 'unsure', text, unreachable, ...(reply && { reply }) };
    }
    const { answer, lost, putOff } = attempt.value;
    const ms = clock.mono() - startedAt;
    if (!stopped) {
      observe(destination.key, observationOf(attempt.client, answer, lost || putOff, ms));
      const isGood = answer.kind !== 'unsure';
      const refusals = answer.kind === 'known' || answer.reply === undefined ? [] : [answer.reply];
      noteTreatment(destination.key, { refusals, envelopeMs, isGood });
    }
    return answer;
  }

  #gate(key: string): Permits {
    const known = this.#gates.get(key);
    if (known !== undefined) return known;
    const gate = new Permits(this.#deps.clock, {
      permits: MAX_CALLOUTS,
      waiters: MAX_WAITERS,
      waitMs: CALLOUT_MS,
    });
    this.#gates.set(key, gate);
    return gate;
  }
}

function observationOf(
  client: SmtpClient,
  answer: CalloutAnswer,
  troubled: boolean,
  ms: number,
): Observation {
  if (!troubled || answer.kind !== 'unsure') return { kind: 'answered', ms };
  const text = `${nameOf(client)}: ${answer.text}`;
  return { kind: answer.unreachable ? 'unreachable' : 'temporary', text };
}
