/**
 * Mail for recipients whom nobody could verify while their destination was down (`outage: hold`): it
 * is looked at again when the destination is back. With a recipient who is known it is released; the
 * destination refuses the others itself, and they wait for a person as any late refusal does. With
 * none it stays held, as mail for unknown recipients, and nobody is ever told. Doubt is for later.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import { sessionOf } from '../base/ids.ts';
import type { Directory } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import { isPermanent } from '../mail/reply.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { RecipientVerifier } from './recipients.ts';
import { Rounds } from './rounds.ts';

export interface OutageHoldsDeps {
  readonly store: Pick<SpoolStore, 'scan' | 'administer' | 'totals'>;
  readonly verifier: Pick<RecipientVerifier, 'verify'>;
  readonly directory: () => Pick<Directory, 'find'>;
  /** Nobody can be asked now. */
  readonly isClosed: (lane: string) => boolean;
  /** How long delivery of a message that is released is tried. */
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** A promise that nobody waits for was rejected. */
  readonly onFault: (error: unknown) => void;
}

const FIRST_MS = 5000;
/** A destination that is back may bring its recipients a little later. */
const SOON_MS = 1000;
const AGAIN_MS = 5 * 60_000;

export class OutageHolds {
  readonly #deps: OutageHoldsDeps;
  readonly #rounds: Rounds;

  constructor(deps: OutageHoldsDeps) {
    this.#deps = deps;
    this.#rounds = new Rounds({
      look: (signal) => this.#look(signal),
      ...{ firstMs: FIRST_MS, soonMs: SOON_MS, againMs: AGAIN_MS },
      ...{ clock: deps.clock, onFault: deps.onFault },
    });
  }

  start(): void {
    this.#rounds.start();
  }

  /** A destination is back. */
  look(): void {
    this.#rounds.soon();
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  /** Whether something is left that a later look may decide. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { store } = this.#deps;
    if (store.totals().held === 0) return false;
    let isLeft = false;
    const held = paged(
      (page) => store.scan({ ...page, only: 'held' }),
      ({ entry }) => entry.id,
    );
    for await (const { entry } of held) {
      if (signal.aborted) break;
      // The end of the outage brings the next look.
      if (entry.hold?.reason !== 'outage' || this.#deps.isClosed(entry.dest)) continue;
      isLeft = !(await this.#decide(entry)) || isLeft;
    }
    return isLeft;
  }

  async #decide(entry: SpoolEntry): Promise<boolean> {
    const { store, clock, log, lifetimeMs, wake } = this.#deps;
    const { id, dest } = entry;
    const sid = sessionOf(id);
    const answers = await Promise.all(
      entry.recipients.map(({ address }) => this.#ask(address, id)),
    );
    if (answers.includes('known')) {
      // Nobody tried it so far: its time begins now.
      const expiresAt = Math.max(entry.expiresAt, clock.now() + lifetimeMs(dest));
      const step = { kind: 'due', release: true, expiresAt, seen: entry } as const;
      if (!(await store.administer(id, step))) return false;
      log.emit('queue.release', { sid, id, who: 'gateway', text: 'its recipient is known' });
      wake(dest);
      return true;
    }
    if (answers.includes('unsure')) return false;
    const text = 'no recipient is known to the destination, which was down when it came';
    const hold = { by: 'gateway', at: clock.now(), reason: 'unknown_rcpt', text } as const;
    // Asking takes its time: somebody may have let it go meanwhile.
    if (!(await store.administer(id, { kind: 'hold', hold, seen: entry }))) return false;
    log.emit('queue.hold', { sid, id, who: 'gateway', why: hold.reason, text });
    return true;
  }

  async #ask(address: Address, of: string): Promise<Answer> {
    const domain = this.#deps.directory().find(address.domain);
    if (domain === undefined) return 'unsure';
    const question = { address, reversePath: null, standing: 'good', of } as const;
    const found = await this.#deps.verifier.verify(domain, question);
    if (found.kind === 'known') return 'known';
    return found.kind === 'refused' && isPermanent(found.reply) ? 'unknown' : 'unsure';
  }
}

type Answer = 'known' | 'unknown' | 'unsure';
