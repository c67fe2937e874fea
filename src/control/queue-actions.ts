/**
 * An operator's steps on messages of the queue: retry, hold, release, delete, requeue, expire. Each step is one
 * atomic step of the store and one line in the log with who did it. Deleting never makes a report to
 * the sender: with a forged sender that would be backscatter.
 */
import type { Log } from '../base/log.ts';
import { pathText } from '../mail/address.ts';
import type { Clock } from '../base/clock.ts';
import { sessionOf } from '../base/ids.ts';
import type { OtherHost } from '../mail/redirection.ts';
import { homeLane, redirected, redirectionOf } from '../mail/redirection.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { Unjudged } from '../mail/unjudged.ts';
import type { AdminStep } from '../store/spool-store.ts';
import { readMessage } from './queue-filter.ts';
import type { QueueView } from './queue-view.ts';
import type { QueueAction, Unfit } from './step-fit.ts';
import { fitsDamaged, unfitFor } from './step-fit.ts';

export type ActionResult =
  | 'retried'
  | 'held'
  | 'released'
  | 'deleted'
  | 'requeued'
  | 'expired'
  | 'not found'
  | 'busy'
  | 'damaged'
  | Unfit;

export interface ActionRequest {
  readonly action: QueueAction;
  readonly ids: readonly string[];
  readonly why: string;
  readonly by: string;
  /** With `release`: also what filters have still to judge, as it is. */
  readonly unscanned?: boolean;
  /** With `hold`: when it ends by itself; without it, when somebody releases it. */
  readonly until?: number;
  /** With `requeue`: the host that gets it; without it goes back to its own destination. */
  readonly to?: OtherHost;
}

export class QueueActions {
  readonly #queue: QueueView;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(queue: QueueView, clock: Clock, log: Log) {
    this.#queue = queue;
    this.#clock = clock;
    this.#log = log;
  }

  async *run(request: ActionRequest): AsyncGenerator<{ id: string; result: ActionResult }> {
    for (const id of request.ids) yield { id, result: await this.#one(id, request) };
  }

  async #one(id: string, request: ActionRequest): Promise<ActionResult> {
    const { action, why, by } = request;
    const { spool } = this.#queue;
    const found = await readMessage(spool, id);
    if (found === undefined) return 'not found';
    if (found === 'damaged') return this.#damaged(id, action, by, why);
    const { entry } = found;
    const step = { ...request, isBack: request.to === undefined };
    const unfit = unfitFor(step, entry, this.#queue.outage(entry.dest));
    if (unfit !== undefined) return unfit;
    const now = this.#clock.now();
    switch (action) {
      case 'retry': {
        if (!(await spool.administer(id, { kind: 'due', release: false }))) return 'busy';
        this.#note('queue.retry', id, by);
        this.#queue.wake(entry.dest);
        return 'retried';
      }
      case 'release': {
        // Its lifetime may be over: whoever releases it wants it to be tried.
        const expiresAt = Math.max(entry.expiresAt, now + this.#queue.lifetimeMs(entry.dest));
        const unjudged = entry.hold?.unjudged;
        const end = unjudged === undefined ? RELEASE : asItIs(entry, unjudged);
        if (!(await spool.administer(id, withEnd(end, expiresAt)))) return 'busy';
        const missing = unjudged && `not judged by ${unjudged.missing.join(', ')}`;
        this.#note('queue.release', id, by, missing);
        this.#queue.wake(entry.dest);
        return 'released';
      }
      case 'hold': {
        const { until } = request;
        const end = until === undefined ? {} : { until };
        const hold = { by, at: now, reason: 'by_hand', text: why, ...end } as const;
        if (!(await spool.administer(id, { kind: 'hold', hold }))) return 'busy';
        if (until !== undefined) this.#queue.holdEnds(until);
        this.#note('queue.hold', id, by, why, until);
        return 'held';
      }
      case 'requeue':
        return this.#requeue(entry, request);
      case 'expire': {
        const end = await this.#queue.expire(entry, { by, why });
        return end === 'held' && entry.hold !== undefined ? 'on hold' : end;
      }
      case 'delete': {
        if (!(await spool.administer(id, { kind: 'remove' }))) return 'busy';
        this.#note('queue.delete', id, by, why);
        const delay = Math.max(0, now - entry.queuedAt) / 1000;
        this.#log.emit('msg.done', {
          sid: sessionOf(id),
          id,
          from: pathText(entry.reversePath),
          size: entry.sizeBytes,
          res: 'deleted',
          delay,
          tries: entry.attempts,
        });
        return 'deleted';
      }
    }
  }

  /** Due at once, for another host or again for its own; its id and its lifetime stay. */
  async #requeue(
    { id, dest: before }: SpoolEntry,
    { to, by, why }: ActionRequest,
  ): Promise<ActionResult> {
    const dest = to === undefined ? homeLane(before) : redirected(before, to);
    const step = { kind: 'due', release: false, dest } as const;
    if (!(await this.#queue.spool.administer(id, step))) return 'busy';
    const via = redirectionOf(dest)?.place ?? dest;
    const text = why === '' ? undefined : why;
    this.#log.emit('queue.requeue', { sid: sessionOf(id), id, who: by, via, text });
    this.#queue.wake(dest);
    return 'requeued';
  }

  async #damaged(id: string, action: QueueAction, by: string, why: string): Promise<ActionResult> {
    if (!fitsDamaged({ action })) return 'damaged';
    if (!(await this.#queue.spool.administer(id, { kind: 'remove' }))) return 'busy';
    this.#note('queue.delete', id, by, why);
    return 'deleted';
  }

  #note(
    evt: 'queue.retry' | 'queue.release' | 'queue.hold' | 'queue.delete',
    id: string,
    who: string,
    text = '',
    until?: number,
  ): void {
    const sid = sessionOf(id);
    const end = until === undefined ? undefined : new Date(until).toISOString();
    this.#log.emit(evt, { sid, id, who, ...(text !== '' && { text }), until: end });
  }
}

const RELEASE = { kind: 'due', release: true } as const;
type Release = typeof RELEASE | Extract<AdminStep, { kind: 'judged' }>;

/** Its fields say that it was not judged. */
function asItIs({ sizeBytes }: SpoolEntry, { fields }: Unjudged): Release {
  const top = Buffer.from(fields);
  return { kind: 'judged', edit: { top, cuts: [] }, sizeBytes: sizeBytes + top.length };
}

function withEnd(step: Release, expiresAt: number): AdminStep {
  return step.kind === 'due' ? { ...step, expiresAt } : { ...step, changes: { expiresAt } };
}
