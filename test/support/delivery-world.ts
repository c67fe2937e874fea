/**
 * The real scheduler on a virtual clock, with destinations that come and go, a store that fails now
 * and then, stalls and crashes, all from one seed. Whatever happens: a message whose commit resolved
 * is delivered, held or still stored; only who holds its lease delivers it, and nobody twice at the
 * same time; a duplicate needs a doubt of its own; in the end, with everything well again, nothing is
 * left but what a person must see. What is seen inside of a delivery is noted and judged in the end,
 * for the scheduler catches what is thrown there.
 */
import assert from 'node:assert/strict';
import { CodedError } from '../../src/base/errors.ts';
import type { Summary } from '../../src/store/spool-store.ts';
import type { MemorySpool } from '../../src/store/memory/spool.ts';
import { MemoryDisk } from '../../src/store/memory/spool.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { FakeClock, settle } from './fake-clock.ts';
import type { Saying } from './fake-courier.ts';
import { RecordedLog } from './recorded-log.ts';
import { destination, MINUTE, SchedulerRig } from './scheduler-rig.ts';
import { seededRandom } from './seeded-random.ts';

const DOMAINS = { 'a.test': 'A', 'b.test': 'B', 'c.test': 'B', 'd.test': 'D' };
const MOODS: readonly (readonly Saying[])[] = [
  ['250'],
  ['250'],
  ['unreachable'],
  ['250', '450'],
  ['250', '250', '250', '550', 'lost'],
];
const CALM: readonly (readonly Saying[])[] = [['250'], ['unreachable'], ['250', '450']];
const STEPS = 60;
const MAILS = 40;

interface Life {
  readonly rig: SchedulerRig;
  isDead: boolean;
}

/** Makes a spool break a promise, now and then. */
export type Sabotage = (spool: MemorySpool, random: () => number) => void;

export class DeliveryWorld {
  readonly clock = new FakeClock();
  readonly disk = new MemoryDisk();
  readonly log = new RecordedLog();
  readonly #random: () => number;
  readonly #isCalm: boolean;
  readonly #moods = new Map<string, readonly Saying[]>();
  readonly #leases: { readonly id: string; readonly found: Promise<Summary | undefined> }[] = [];
  /** Messages whose commit resolved, with their recipients. */
  readonly #promised = new Map<string, readonly string[]>();
  readonly #taken: { readonly id: string; readonly to: string }[] = [];
  /** Messages with the destination that the store has not heard of yet. */
  readonly #unrecorded = new Set<string>();
  /** Messages that the destination may have while the spool cannot know. */
  readonly #doubted = new Set<string>();
  /** Seen where a throw would be caught by what is tested. */
  readonly #broken: string[] = [];
  readonly #sabotage: Sabotage;
  #faultRate = 0;
  #life: Life;
  #mails = 0;

  constructor(seed: number, sabotage: Sabotage = () => undefined) {
    this.#random = seededRandom(seed);
    this.#sabotage = sabotage;
    this.#isCalm = seed % 5 === 0;
    this.#life = this.#born();
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.#happen();
      await this.clock.advance(Math.floor(this.#random() * 3 * MINUTE));
    }
    await this.#allWell();
    await this.#check();
  }

  async #happen(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.5 && this.#mails < MAILS) return this.#mail();
    if (dice < 0.8) {
      const moods = this.#isCalm ? CALM : MOODS;
      this.#moods.set(this.#pick(['A', 'B', 'D']), this.#pick(moods));
      return;
    }
    if (this.#isCalm) return;
    if (dice < 0.85) this.#faultRate = this.#random() < 0.5 ? 0 : 0.2;
    else if (dice < 0.9) this.#crash();
    else if (dice < 0.95) this.clock.stall(Math.floor(this.#random() * 70_000));
    else await this.#restart();
  }

  async #mail(): Promise<void> {
    const { rig } = this.#life;
    const domain = this.#pick(Object.keys(DOMAINS));
    const to = ['x', 'y', 'z']
      .slice(0, 1 + Math.floor(this.#random() * 3))
      .map((l) => `${l}@${domain}`);
    this.#mails += 1;
    const id = `${String(this.#mails).padStart(10, '0')}.1`;
    const { entry, bytes } = rig.entry(to, { id });
    try {
      await rig.spool.commit(entry, this.clock.now(), memoryContent([bytes]));
    } catch {
      return; // the client heard 452
    }
    this.#promised.set(id, to);
    rig.scheduler.wake(domain);
  }

  #born(): Life {
    const inFlight = new Set<string>();
    const rig: SchedulerRig = new SchedulerRig({
      clock: this.clock,
      disk: this.disk,
      log: this.log,
      domains: DOMAINS,
      maxConnections: 1 + Math.floor(this.#random() * 5),
      policy: { lifetimeMs: 30 * MINUTE },
      fault: (_, when) => {
        if (life.isDead) return new Promise(() => undefined);
        if (this.#random() >= this.#faultRate) return undefined;
        throw new CodedError('DEADLINE', `store fault ${when}`);
      },
      scheduler: {
        spread: () => 0.9 + this.#random() * 0.2,
        destinations: () =>
          ['A', 'B', 'D'].map((key) => destination(key, 1)).filter((one) => one !== undefined),
      },
    });
    const life: Life = { rig, isDead: false };
    const { courier, spool } = rig;
    this.#sabotage(spool, this.#random);
    this.#watchSteps(spool);
    courier.says = (key) => this.#pick(this.#moods.get(key) ?? ['250']);
    const deliver = courier.deliver.bind(courier);
    courier.deliver = async (job, signal) => {
      if (inFlight.has(job.id)) this.#broken.push(`${job.id} is delivered twice at the same time`);
      inFlight.add(job.id);
      courier.takesMs = Math.floor(this.#random() ** 4 * 10 * MINUTE);
      const report = await deliver(job, signal);
      inFlight.delete(job.id);
      const isLost = report.outcomes.some((one) => one.kind === 'deferred' && one.maybeDelivered);
      if (isLost) this.#doubted.add(job.id);
      return report;
    };
    courier.beforeDot = ({ id }) => {
      this.#leases.push({ id, found: spool.get(id) });
      this.#unrecorded.add(id);
    };
    rig.scheduler.start();
    return life;
  }

  /** A step that failed, or came too late, leaves a doubt about what was delivered. */
  #watchSteps(spool: MemorySpool): void {
    const watch = async (ids: readonly string[], step: Promise<boolean[]>) => {
      try {
        const results = await step;
        ids.forEach((id, index) => {
          if (results[index] === true) this.#unrecorded.delete(id);
          else this.#doubt(id);
        });
        return results;
      } catch (error) {
        ids.forEach((id) => this.#doubt(id));
        throw error;
      }
    };
    const complete = spool.complete.bind(spool);
    const reschedule = spool.reschedule.bind(spool);
    spool.complete = (held) =>
      watch(
        held.map(({ id }) => id),
        complete(held),
      );
    spool.reschedule = (steps) =>
      watch(
        steps.map(({ held }) => held.id),
        reschedule(steps),
      );
  }

  #doubt(id: string): void {
    if (this.#unrecorded.delete(id)) this.#doubted.add(id);
  }

  /** Nothing of the old process is heard of again; what it had on disk is all there is. */
  #crash(): void {
    this.#bury();
    this.#life = this.#born();
  }

  #bury(): void {
    const { rig } = this.#life;
    this.#life.isDead = true;
    rig.courier.isDead = true;
    this.#taken.push(...rig.courier.taken);
    for (const id of this.#unrecorded) this.#doubt(id);
  }

  async #restart(): Promise<void> {
    let isStopped = false;
    const stopped = this.#life.rig.scheduler.stop().then(() => {
      isStopped = true;
    });
    for (let second = 0; second < 60 && !isStopped; second++) await this.clock.advance(1000);
    assert.ok(isStopped, 'a stop ends within its time');
    await stopped;
    this.#crash();
  }

  async #allWell(): Promise<void> {
    this.#faultRate = 0;
    this.#moods.clear();
    for (let hour = 0; hour < 4; hour++) await this.clock.advance(60 * MINUTE);
    await settle();
    this.#bury();
  }

  async #check(): Promise<void> {
    assert.deepEqual(this.#broken, []);
    const surprises = this.log.of('crash').filter(({ err }) => !/^store fault/.test(String(err)));
    assert.deepEqual(surprises, [], 'nothing but the store trips the scheduler up');
    for (const { id, found } of this.#leases) {
      assert.equal((await found)?.active, true, `${id} was delivered without a lease`);
    }
    const stored = [...this.disk.messages.values()];
    const has = new Set(
      stored.flatMap(({ entry }) =>
        entry.recipients.map(({ address }) => `${entry.id} ${address.local}@${address.domain}`),
      ),
    );
    const counts = new Map<string, number>();
    for (const { id, to } of this.#taken)
      counts.set(`${id} ${to}`, (counts.get(`${id} ${to}`) ?? 0) + 1);
    for (const [id, recipients] of this.#promised) {
      for (const to of recipients) {
        const count = counts.get(`${id} ${to}`) ?? 0;
        assert.ok(count > 0 || has.has(`${id} ${to}`), `${id} for ${to} is lost`);
        assert.ok(
          count <= 1 || this.#doubted.has(id),
          `${id} for ${to} came ${count} times without a doubt`,
        );
      }
    }
    for (const { entry, dueAt } of stored) {
      assert.ok(entry.hold !== undefined && dueAt === undefined, `${entry.id} is left waiting`);
    }
    assert.equal(this.log.of('dsn.out').length, 0, 'nobody is proven, nobody is told');
  }

  #pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.#random() * list.length)];
    assert.ok(picked !== undefined);
    return picked;
  }
}
