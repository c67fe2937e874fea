/**
 * Examinations of destinations on request of an operator: of hosted domains only, and one in five
 * minutes for each destination, so that nobody makes a harvester of it.
 */
import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import type { ExaminationWish, StartedExamination } from '../control/examination-view.ts';
import { AddressHistory } from '../delivery/address-history.ts';
import type { HealthBook } from '../delivery/destination-health.ts';
import { examine } from '../delivery/examination.ts';
import type { Hindrances } from '../delivery/hindrances.ts';
import type { ExaminationStep } from '../delivery/examination-row.ts';
import type { Scheduler } from '../delivery/scheduler.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import type { Resolver } from '../dns/resolver.ts';
import type { DestinationHabits } from '../pipeline/destination-habits.ts';
import type { TtlMap } from '../store/ttl-map.ts';

export interface ExaminationsOptions {
  readonly config: () => Config;
  readonly directory: () => Directory;
  readonly health: HealthBook;
  readonly habits: DestinationHabits;
  readonly scheduler: Pick<Scheduler, 'retryNow'>;
  readonly hindrances: Pick<Hindrances, 'of'>;
  readonly resolver: Pick<Resolver, 'addresses'>;
  readonly ttl: TtlMap;
  readonly clock: Clock;
  /** When the gateway began to watch. */
  readonly startedAt: number;
}

const REST_MS = 5 * 60_000;
/** Of destinations; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

export class Examinations {
  readonly #options: ExaminationsOptions;
  readonly #addresses: AddressHistory;
  readonly #lastAt = new Map<string, number>();

  constructor(options: ExaminationsOptions) {
    this.#options = options;
    const { ttl: map, resolver, clock } = options;
    this.#addresses = new AddressHistory({ map, resolver, clock });
  }

  begin(
    { domain: name, known, sendTests }: ExaminationWish,
    signal: AbortSignal,
  ): StartedExamination {
    const directory = this.#options.directory();
    const domain = directory.find(name);
    if (domain === undefined) return { kind: 'not-hosted' };
    if (known !== undefined && directory.find(known.domain)?.name !== domain.name)
      return { kind: 'not-his' };
    const servers = domain.split ?? [domain];
    const waitMs = Math.max(...servers.map(({ destination }) => this.#waitMs(destination.key)));
    if (waitMs > 0) return { kind: 'too-soon', waitMs };
    for (const { destination } of servers) this.#noteBegin(destination.key);
    return {
      kind: 'begun',
      domain: domain.name,
      servers: servers.map((server) => ({
        dest: server.destination.key,
        steps: this.#examine(server, { known, sendTests }, signal),
      })),
    };
  }

  /** `domain` as one server of it is seen. */
  #examine(
    domain: Domain,
    { known, sendTests }: Pick<ExaminationWish, 'known' | 'sendTests'>,
    signal: AbortSignal,
  ): AsyncIterable<ExaminationStep> {
    const { config, health, habits, hindrances, clock, startedAt } = this.#options;
    const { destination } = domain;
    const seen = habits.of(domain);
    const options = {
      hostname: config().hostname,
      clock,
      destination,
      domain: domain.name,
      known,
      sendTests,
      declared: {
        takesAll: domain.recipients.kind === 'any',
        refusesLate: seen.some(({ habit }) => habit === 'refuses_late'),
      },
      atWork: Object.fromEntries(
        hindrances.of(destination.key).map(({ habit, evidence }) => [habit, evidence]),
      ),
      health: health.note(destination.key),
      watchedSince: startedAt,
      addresses: this.#addresses,
    };
    return this.#noting(domain, examine(options, signal));
  }

  /** What it finds counts at once, not only at the next look of the day. */
  async *#noting(
    domain: Domain,
    steps: AsyncIterable<ExaminationStep>,
  ): AsyncGenerator<ExaminationStep> {
    const { habits, health, scheduler } = this.#options;
    const isAsked = domain.recipients.kind === 'callout';
    for await (const step of steps) {
      if (isReached(step) && health.isDown(domain.destination.key)) {
        // By a probe, which knows what a delivery needs.
        scheduler.retryNow(domain.lane);
      }
      if (isAsked && step.kind === 'row' && step.row.test === 'unknown-rcpt') {
        const { status } = step.row;
        if (status === 'PASS' || status === 'FAIL') await habits.found(domain, status === 'FAIL');
      }
      yield step;
    }
  }

  #waitMs(key: string): number {
    const now = this.#options.clock.mono();
    return (this.#lastAt.get(key) ?? -Infinity) + REST_MS - now;
  }

  #noteBegin(key: string): void {
    this.#lastAt.delete(key);
    const oldest =
      this.#lastAt.size < MAX_REMEMBERED ? undefined : this.#lastAt.keys().next().value;
    if (oldest !== undefined) this.#lastAt.delete(oldest);
    this.#lastAt.set(key, this.#options.clock.mono());
  }
}

/** One of its hosts answered, at least. */
function isReached(step: ExaminationStep): boolean {
  if (step.kind !== 'row' || step.row.test !== 'reach') return false;
  return step.row.status === 'PASS' || step.row.status === 'WARN';
}
