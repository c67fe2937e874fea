/**
 * A courier whose destinations answer what the test says. Like the real one it never rejects, tells
 * the destination's health what it saw, and breaks off when its signal aborts.
 */
import type { Clock } from '../../src/base/clock.ts';
import { errorText } from '../../src/base/errors.ts';
import type { Courier, DeliveryJob, DeliveryReport } from '../../src/delivery/courier.ts';
import type { HealthBook } from '../../src/delivery/destination-health.ts';
import type { Destination } from '../../src/directory/domain.ts';
import { formatAddress } from '../../src/mail/address.ts';
import type { Outcome } from '../../src/mail/outcome.ts';
import { outcomeOf } from '../../src/mail/outcome.ts';

/** What a destination says to one recipient; `lost`: nothing after the final dot. */
export type Saying = '250' | '450' | '550' | 'unreachable' | 'lost';

export interface Delivery {
  readonly id: string;
  readonly key: string;
  readonly at: number;
  readonly to: readonly string[];
}

export class FakeCourier implements Pick<Courier, 'deliver' | 'probe'> {
  /** By destination key and address; may be changed at any time. */
  says: (key: string, address: string) => Saying = () => '250';
  /** How long a delivery takes. */
  takesMs = 0;
  /** Destinations send reports themselves. */
  takesDsn = false;
  readonly begun: Delivery[] = [];
  /** What the destinations have taken, one entry for each recipient. */
  readonly taken: { readonly id: string; readonly to: string; readonly at: number }[] = [];
  readonly probes: { readonly key: string; readonly at: number }[] = [];
  readonly running = new Map<string, number>();
  readonly most = new Map<string, number>();
  /** Its process has died: whatever was under way never ends. */
  isDead = false;
  /** Called right before content would be final. */
  beforeDot: (job: DeliveryJob) => void = () => undefined;
  readonly #clock: Clock;
  readonly #health: HealthBook;

  constructor(clock: Clock, health: HealthBook) {
    this.#clock = clock;
    this.#health = health;
  }

  async deliver(job: DeliveryJob, signal?: AbortSignal): Promise<DeliveryReport> {
    const { id, destination, envelope } = job;
    const { key } = destination;
    const to = envelope.recipients.map(({ address }) => formatAddress(address));
    this.begun.push({ id, key, at: this.#clock.now(), to });
    this.#count(key, 1);
    try {
      if (this.takesMs > 0) await this.#clock.sleep(this.takesMs, signal);
      if (this.isDead) await new Promise(() => undefined);
      signal?.throwIfAborted();
      if (job.mayFinish?.() === false) throw new Error('not ours any more');
    } catch (error) {
      const text = errorText(error);
      return report(
        to.map(() => ({ kind: 'deferred', text })),
        this.takesDsn,
      );
    } finally {
      this.#count(key, -1);
    }
    const said = to.map((address) => this.says(key, address));
    if (said.some((saying) => saying === '250' || saying === 'lost')) this.beforeDot(job);
    said.forEach((saying, index) => {
      const at = this.#clock.now();
      if (saying === '250' || saying === 'lost') this.taken.push({ id, to: to[index] ?? '', at });
    });
    this.#observe(key, said);
    return report(said.map(outcomeFor), this.takesDsn);
  }

  async probe({ key }: Destination): Promise<boolean> {
    this.probes.push({ key, at: this.#clock.now() });
    const saying = this.says(key, '');
    this.#observe(key, [saying]);
    return saying !== 'unreachable';
  }

  #observe(key: string, said: readonly Saying[]): void {
    if (said.includes('unreachable')) this.#health.observe(key, { kind: 'unreachable', text: 'x' });
    else if (said.includes('450')) this.#health.observe(key, { kind: 'temporary', text: '450' });
    else this.#health.observe(key, { kind: 'answered', ms: 5 });
  }

  #count(key: string, by: number): void {
    const running = (this.running.get(key) ?? 0) + by;
    this.running.set(key, running);
    this.most.set(key, Math.max(running, this.most.get(key) ?? 0));
  }
}

function outcomeFor(saying: Saying): Outcome {
  switch (saying) {
    case '250':
      return outcomeOf({ code: 250, enhanced: '2.0.0', lines: ['taken'] });
    case '450':
      return outcomeOf({ code: 450, enhanced: '4.2.0', lines: ['not now'] });
    case '550':
      return outcomeOf({ code: 550, enhanced: '5.1.1', lines: ['no such user'] });
    case 'unreachable':
      return { kind: 'deferred', text: 'connection refused', unreachable: true };
    case 'lost':
      return { kind: 'deferred', text: 'no final reply', maybeDelivered: true };
  }
}

function report(outcomes: readonly Outcome[], takesDsn: boolean): DeliveryReport {
  return { outcomes, host: 'mail.inside', tls: '-', takesDsn, connectMs: 1, transferMs: 1 };
}
