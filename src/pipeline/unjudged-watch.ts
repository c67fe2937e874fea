/**
 * Mail that was taken although filters could not judge it (`on_error: hold`): judged in the order it
 * came, a few at a time, when its filters answer again. What is clean is released to be delivered at
 * once; against what they have something goes into the quarantine, and nobody but the customer is
 * told; the rest stays and is tried again, each message later and later, so that one that no filter
 * can stomach keeps nobody back. Nothing is written down before a message is decided: after a crash
 * it is judged again.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import { sessionOf } from '../base/ids.ts';
import type { Domain } from '../directory/domain.ts';
import type { Reason } from '../mail/reason.ts';
import type { Hold, SpoolEntry } from '../mail/spool-entry.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { Unjudged } from '../mail/unjudged.ts';
import type { AdminStep, SpoolStore } from '../store/spool-store.ts';
import type { Generation } from './generation.ts';
import type { LateJudgement } from './late-judgement.ts';
import { isProven, judgeLate } from './late-judgement.ts';
import type { SignatureDeps } from './outgoing-signature.ts';
import { quarantineFacts } from './quarantine-facts.ts';
import { Rounds } from './rounds.ts';
import { UNVERIFIED_HOLD } from './unjudged-mail.ts';

export interface UnjudgedWatchDeps extends SignatureDeps {
  readonly store: Pick<SpoolStore, 'scan' | 'administer' | 'readContent'>;
  readonly generation: () => Generation;
  /** The daemon behind a filter did not answer when it was asked last. */
  readonly isDown: (filter: string) => boolean;
  /** How long delivery of a message that is released is tried. */
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  /** Mail of a customer is spam or infected after all. */
  readonly caught: (entry: SpoolEntry, unjudged: Unjudged, domain: Domain, why: Reason) => void;
  /** A message waits for its recipients to be verified. */
  readonly onUnverified: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** A promise that nobody waits for was rejected. */
  readonly onFault: (error: unknown) => void;
}

const FIRST_MS = 5000;
const SOON_MS = 200;
/** A filter may fail and no probe show it. */
const AGAIN_MS = 30_000;
const MAX_CONCURRENT = 4;
/** In a row within one look; then a filter is left alone until the next one. */
const MAX_FAILURES = 8;
const FIRST_WAIT_MS = 30_000;
const MAX_WAIT_MS = 30 * 60_000;
/** Messages whose failures are remembered; of the others none, so they are tried in each look. */
const MAX_REMEMBERED = 10_000;

interface Failures {
  readonly count: number;
  /** Not tried before, by the monotonic clock. */
  readonly until: number;
}

export class UnjudgedWatch {
  readonly #deps: UnjudgedWatchDeps;
  readonly #rounds: Rounds;
  readonly #failures = new Map<string, Failures>();
  /** Something may wait; without it nothing is read. */
  #isAny = true;

  constructor(deps: UnjudgedWatchDeps) {
    this.#deps = deps;
    this.#rounds = new Rounds({
      look: async (signal) => {
        await this.#look(signal);
        return true; // more may have come
      },
      ...{ firstMs: FIRST_MS, soonMs: SOON_MS, againMs: AGAIN_MS },
      clock: deps.clock,
      onFault: (error) => {
        this.#isAny = true; // of what was not read nobody knows
        deps.onFault(error);
      },
    });
  }

  start(): void {
    this.#rounds.start();
  }

  /** A message has come that filters could not judge. */
  note(): void {
    this.#isAny = true;
  }

  /** A filter answers again, other filters are in force. What failed before is tried again too. */
  look(): void {
    this.#failures.clear();
    this.#rounds.soon();
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { store, isDown, clock } = this.#deps;
    if (!this.#isAny) return;
    this.#isAny = false;
    const failing = new Map<string, number>();
    const isHopeless = (name: string) => isDown(name) || (failing.get(name) ?? 0) >= MAX_FAILURES;
    const running = new Set<Promise<void>>();
    const faults: unknown[] = [];
    const held = paged(
      (page) => store.scan({ ...page, only: 'held' }),
      ({ entry }) => entry.id,
    );
    for await (const { entry } of held) {
      if (signal.aborted || faults.length > 0) break;
      const unjudged = entry.hold?.unjudged;
      if (unjudged === undefined) continue;
      this.#isAny = true;
      if (unjudged.missing.some(isHopeless)) continue;
      if ((this.#failures.get(entry.id)?.until ?? 0) > clock.mono()) continue;
      const work = this.#decide(entry, unjudged, signal)
        .then(({ failed, by }) => {
          for (const name of by) failing.delete(name);
          for (const name of failed) failing.set(name, (failing.get(name) ?? 0) + 1);
        })
        .catch((error: unknown) => void faults.push(error))
        .finally(() => running.delete(work));
      running.add(work);
      if (running.size >= MAX_CONCURRENT) await Promise.race(running);
    }
    await Promise.all(running);
    if (!this.#isAny) this.#failures.clear();
    if (faults.length > 0) throw faults[0];
  }

  async #decide(
    entry: SpoolEntry,
    unjudged: Unjudged,
    signal: AbortSignal,
  ): Promise<{ readonly failed: readonly string[]; readonly by: readonly string[] }> {
    const generation = this.#deps.generation().enter();
    let late: LateJudgement;
    try {
      const deps = this.#deps;
      late = await judgeLate({ deps, generation, entry, unjudged }, signal);
    } finally {
      generation.leave();
    }
    switch (late.kind) {
      case 'left':
        if (!signal.aborted) this.#failed(entry.id);
        return { failed: late.failed, by: [] };
      case 'damaged':
        await this.#damaged(entry);
        return { failed: [], by: [] };
      case 'judged':
        await this.#judged(entry, unjudged, late);
        return { failed: [], by: late.by };
    }
  }

  async #judged(
    entry: SpoolEntry,
    unjudged: Unjudged,
    late: Extract<LateJudgement, { kind: 'judged' }>,
  ): Promise<void> {
    const { store, log, clock, lifetimeMs, wake, onUnverified } = this.#deps;
    const { id, dest } = entry;
    const { edit, sizeBytes, judgement, verdict, facts, by, gone } = late;
    const mailClass = verdict.results?.['class'];
    const changes = {
      senderProven: isProven(entry, verdict),
      ...(typeof mailClass === 'string' && { mailClass }),
      // Nobody tried it so far: its time begins now.
      expiresAt: Math.max(entry.expiresAt, clock.now() + lifetimeMs(dest)),
    };
    const hold = this.#holdFor(unjudged, late);
    // Somebody may have decided meanwhile.
    const judged = { kind: 'judged', seen: entry, edit, sizeBytes, changes } as const;
    const step: AdminStep = hold === undefined ? judged : { ...judged, hold };
    if (!(await store.administer(id, step))) return;
    this.#failures.delete(id);
    const told = { sid: sessionOf(id), id };
    for (const engine of gone) log.emit('scan.gone', { ...told, engine });
    if (judgement.kind === 'quarantine') {
      const { reason, text } = judgement;
      const { score } = verdict;
      log.emit('quar.add', {
        ...told,
        dest: domainOfLane(dest),
        why: reason,
        text,
        score,
        late: true,
      });
      if (entry.direction === 'out') this.#deps.caught(entry, unjudged, late.domain, reason);
      return;
    }
    const text = wordsFor(by, gone);
    if (unjudged.isUnverified === true) {
      log.emit('queue.hold', { ...told, who: 'gateway', text: `${text}; ${UNVERIFIED_HOLD.text}` });
      onUnverified();
      return;
    }
    log.emit('queue.release', { ...told, who: 'gateway', text, ...facts });
    wake(dest);
  }

  #holdFor(
    { account, isUnverified }: Unjudged,
    { judgement, header, ...findings }: Extract<LateJudgement, { kind: 'judged' }>,
  ): Hold | undefined {
    const base = { by: 'gateway', at: this.#deps.clock.now() };
    if (judgement.kind === 'quarantine') {
      const { reason, text } = judgement;
      const facts = quarantineFacts(header, findings, account);
      return { ...base, reason, text, quarantine: { ...facts, isLate: true } };
    }
    return isUnverified === true ? { ...base, ...UNVERIFIED_HOLD } : undefined;
  }

  async #damaged(seen: SpoolEntry): Promise<void> {
    const { id } = seen;
    const { store, clock, log } = this.#deps;
    const text = 'its stored content is damaged';
    const hold = { by: 'gateway', at: clock.now(), reason: 'damaged', text } as const;
    if (!(await store.administer(id, { kind: 'hold', hold, seen }))) return;
    log.emit('queue.hold', { sid: sessionOf(id), id, who: 'gateway', text });
  }

  #failed(id: string): void {
    const count = (this.#failures.get(id)?.count ?? 0) + 1;
    if (!this.#failures.has(id) && this.#failures.size >= MAX_REMEMBERED) return;
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (count - 1), MAX_WAIT_MS);
    this.#failures.set(id, { count, until: this.#deps.clock.mono() + waitMs });
  }
}

function wordsFor(by: readonly string[], gone: readonly string[]): string {
  const judged = by.length === 0 ? [] : [`judged by ${by.join(', ')}`];
  const without = gone.length === 0 ? [] : [`without ${gone.join(', ')}, no longer in force`];
  return [...judged, ...without].join(', ');
}
