/**
 * The real scheduler and its leases on a virtual clock, over the model of the spool or over the real
 * one with its group commit on a virtual disk, with destinations that come and go, a store that
 * fails now and then, stalls and crashes, all from one seed. Whatever happens: a message whose
 * commit resolved is delivered, held or still stored; only who holds its lease delivers it; a
 * duplicate needs a doubt of its own; in the end, with everything well again, nothing is left but
 * what a person must see. What is seen inside of a delivery is noted and judged in the end,
 * for the scheduler catches what is thrown there.
 */
import assert from 'node:assert/strict';
import { CodedError } from '../../src/base/errors.ts';
import type { DeliveryJob } from '../../src/delivery/courier.ts';
import { fanOutLane } from '../../src/delivery/route.ts';
import { formatAddress } from '../../src/mail/address.ts';
import type { Held, SpoolStore, Summary } from '../../src/store/spool-store.ts';
import { guard } from '../../src/store/leveldb/guard.ts';
import { LevelSpool } from '../../src/store/leveldb/spool.ts';
import { MemoryDisk, MemorySpool } from '../../src/store/memory/spool.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { FakeClock, settle, settlePromises } from './fake-clock.ts';
import type { Saying } from './fake-courier.ts';
import { RecordedLog } from './recorded-log.ts';
import { destination, MINUTE, SchedulerRig } from './scheduler-rig.ts';
import { seededRandom } from './seeded-random.ts';
import { NO_FILES, VirtualDisk, virtualDatabase } from './virtual-disk.ts';

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

/** A part is the same mail as the message that it was parted from. */
function copyOf(id: string, to: string): string {
  return `${id.replace(/-\d+$/, '')} ${to}`;
}

function recipientsOf({ envelope }: DeliveryJob): string[] {
  return envelope.recipients.map(({ address }) => formatAddress(address));
}

const isActive = (found: Summary | undefined): boolean => found?.active === true;

interface Life {
  readonly rig: SchedulerRig;
  isDead: boolean;
  /** Its store has failed: it takes nothing any more, and somebody has to start it again. */
  isFailed: boolean;
}

export type Engine = 'model' | 'leveldb';

/** Makes a spool break a promise, now and then. */
export type Sabotage = (spool: SpoolStore, random: () => number) => void;

export class DeliveryWorld {
  readonly clock = new FakeClock(undefined, settlePromises);
  readonly #modelDisk = new MemoryDisk();
  readonly #disk = new VirtualDisk();
  readonly #engine: Engine;
  readonly log = new RecordedLog();
  readonly #random: () => number;
  readonly #isCalm: boolean;
  readonly #moods = new Map<string, readonly Saying[]>();
  readonly #leases: { readonly id: string; readonly isHeld: Promise<boolean> }[] = [];
  /** Messages whose commit resolved, with their recipients. */
  readonly #promised = new Map<string, readonly string[]>();
  readonly #taken: { readonly id: string; readonly to: string }[] = [];
  /** Deliveries, with those who may have got it, that the store has not heard of yet. */
  readonly #unrecorded = new Map<DeliveryJob, { owner: Held | undefined; to: readonly string[] }>();
  /** Whose copy the destination may have while the spool cannot know. */
  readonly #doubted = new Set<string>();
  /** Seen where a throw would be caught by what is tested. */
  readonly #broken: string[] = [];
  readonly #sabotage: Sabotage;
  #faultRate = 0;
  #born: Life | undefined;
  #mails = 0;

  constructor(seed: number, engine: Engine, sabotage: Sabotage = () => undefined) {
    this.#random = seededRandom(seed);
    this.#engine = engine;
    this.#sabotage = sabotage;
    this.#isCalm = seed % 5 === 0;
  }

  get #life(): Life {
    assert.ok(this.#born !== undefined);
    return this.#born;
  }

  async run(): Promise<void> {
    await this.#bear();
    for (let step = 0; step < STEPS; step++) {
      if (this.#life.isFailed) await this.#crash();
      await this.#happen();
      await this.clock.advance(Math.floor(this.#random() * 3 * MINUTE));
    }
    await this.#allWell();
    await this.#check();
  }

  async #happen(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.5) {
      for (let burst = this.#random() * 3; burst > 0 && this.#mails < MAILS; burst--) this.#mail();
      return;
    }
    if (dice < 0.8) {
      const moods = this.#isCalm ? CALM : MOODS;
      this.#moods.set(this.#pick(['A', 'B', 'D']), this.#pick(moods));
      return;
    }
    if (this.#isCalm) return;
    if (dice < 0.85) this.#faultRate = this.#random() < 0.5 ? 0 : 0.2;
    else if (dice < 0.9) await this.#crash();
    else if (dice < 0.95) this.clock.stall(Math.floor(this.#random() * 150_000));
    else await this.#restart();
  }

  /** A client sends; what it hears counts when it hears it. */
  #mail(): void {
    const { rig } = this.#life;
    const domains = Object.keys(DOMAINS);
    const domain = this.#pick(domains);
    // One in four goes to people of several destinations.
    const isSpread = this.#random() < 0.25;
    const to = ['x', 'y', 'z']
      .slice(0, 1 + Math.floor(this.#random() * 3))
      .map((l) => `${l}@${isSpread ? this.#pick(domains) : domain}`);
    const dest = isSpread ? fanOutLane() : domain;
    this.#mails += 1;
    const id = `${String(this.#mails).padStart(10, '0')}.1`;
    const { entry, bytes } = rig.entry(to, { id, dest });
    rig.spool.commit(entry, this.clock.now(), memoryContent([bytes])).then(
      () => {
        this.#promised.set(id, to);
        rig.scheduler.wake(dest);
      },
      () => undefined, // the client heard 452
    );
  }

  #spool(life: () => Life | undefined): SpoolStore {
    const fault = (_: unknown, when: 'before' | 'after') => {
      if (life()?.isDead === true) return new Promise<void>(() => undefined);
      if (this.#random() >= this.#faultRate) return undefined;
      throw new CodedError('DEADLINE', `store fault ${when}`);
    };
    const { clock, log } = this;
    if (this.#engine === 'model') return new MemorySpool({ clock, disk: this.#modelDisk, fault });
    const takesMs = () => (this.#random() < 0.5 ? 0 : Math.floor(this.#random() ** 4 * 20_000));
    const disk = virtualDatabase({
      disk: this.#disk,
      clock,
      takesMs,
      fault: (when) => {
        // A real disk fails rarely, and a store that failed is at its end. But the dead never write.
        const isSpared = life()?.isDead !== true && when === 'before' && this.#random() < 0.5;
        return isSpared ? undefined : fault(0, when);
      },
    });
    const onFailure = () => {
      const now = life();
      if (now !== undefined) now.isFailed = true;
    };
    const database = guard(disk, { clock, onFailure });
    const watermark = { admit: async () => undefined };
    return new LevelSpool({ database, clock, log, watermark, folder: '', access: NO_FILES });
  }

  async #bear(): Promise<void> {
    /** Who was given a message last: a delivery that began for somebody before may not end. */
    const owners = new Map<string, Held>();
    const faultRate = this.#faultRate;
    this.#faultRate = 0;
    let born: Life | undefined;
    const spool = this.#spool(() => born);
    const opened = spool.start();
    for (let isOpen = false; !isOpen;) {
      opened.then(
        () => (isOpen = true),
        () => (isOpen = true),
      );
      await this.clock.advance(1000);
    }
    await opened;
    this.#faultRate = faultRate;
    const rig: SchedulerRig = new SchedulerRig({
      clock: this.clock,
      spool,
      log: this.log,
      domains: DOMAINS,
      maxConnections: 1 + Math.floor(this.#random() * 5),
      policy: { lifetimeMs: 30 * MINUTE },
      scheduler: {
        spread: () => 0.9 + this.#random() * 0.2,
        destinations: () =>
          ['A', 'B', 'D'].map((key) => destination(key, 1)).filter((one) => one !== undefined),
      },
    });
    born = { rig, isDead: false, isFailed: false };
    const { courier } = rig;
    const begun = new Map<DeliveryJob, Held | undefined>();
    const claim = spool.claim.bind(spool);
    spool.claim = async (options) => {
      const leases = await claim(options);
      for (const lease of leases) owners.set(lease.id, lease);
      return leases;
    };
    this.#sabotage(spool, this.#random);
    this.#watchSteps(spool);
    courier.says = (key) => this.#pick(this.#moods.get(key) ?? ['250']);
    const deliver = courier.deliver.bind(courier);
    courier.deliver = async (job, signal) => {
      const owner = owners.get(job.id);
      courier.takesMs = Math.floor(this.#random() ** 4 * 10 * MINUTE);
      begun.set(job, owner);
      const report = await deliver(job, signal);
      const to = recipientsOf(job);
      report.outcomes.forEach((one, index) => {
        const isLost = one.kind === 'deferred' && one.maybeDelivered === true;
        if (isLost) this.#doubted.add(copyOf(job.id, to[index] ?? ''));
      });
      // Who was refused is in no doubt whatever becomes of the step.
      const given = to.filter((_, index) => report.outcomes[index]?.kind === 'delivered');
      if (this.#unrecorded.has(job)) this.#unrecorded.set(job, { owner, to: given });
      return report;
    };
    courier.beforeDot = (job) => {
      const { id } = job;
      if (owners.get(id) !== begun.get(job))
        this.#broken.push(`${id} is delivered by somebody who lost it`);
      // A store that failed meanwhile says nothing about the lease.
      this.#leases.push({ id, isHeld: spool.get(id).then(isActive, () => true) });
      this.#unrecorded.set(job, { owner: begun.get(job), to: recipientsOf(job) });
    };
    rig.scheduler.start();
    this.#born = born;
  }

  /** A step that failed, or came too late, leaves a doubt about what was delivered. */
  #watchSteps(spool: SpoolStore): void {
    const watch = async (held: readonly Held[], step: Promise<boolean[]>) => {
      const settle = (one: Held, isDoubted: boolean) =>
        this.#settled((owner) => owner?.id === one.id && owner.token === one.token, isDoubted);
      try {
        const results = await step;
        held.forEach((one, index) => settle(one, results[index] !== true));
        return results;
      } catch (error) {
        for (const one of held) settle(one, true);
        throw error;
      }
    };
    const complete = spool.complete.bind(spool);
    const reschedule = spool.reschedule.bind(spool);
    spool.complete = (held) => watch(held, complete(held));
    spool.reschedule = (steps) =>
      watch(
        steps.map(({ held }) => held),
        reschedule(steps),
      );
  }

  /** Deliveries under a lease are settled: with a doubt about them, or without. */
  #settled(isMeant: (owner: Held | undefined) => boolean, isDoubted: boolean): void {
    for (const [job, { owner, to }] of this.#unrecorded) {
      if (!isMeant(owner)) continue;
      this.#unrecorded.delete(job);
      if (isDoubted) for (const one of to) this.#doubted.add(copyOf(job.id, one));
    }
  }

  /** Nothing of the old process is heard of again; what it had on disk is all there is. */
  async #crash(): Promise<void> {
    this.#bury();
    await this.#bear();
  }

  #bury(): void {
    const { rig } = this.#life;
    this.#life.isDead = true;
    rig.courier.isDead = true;
    this.clock.forget();
    this.#taken.push(...rig.courier.taken);
    this.#settled(() => true, true);
  }

  async #restart(): Promise<void> {
    let isStopped = false;
    const stopped = this.#life.rig.scheduler.stop().then(() => {
      isStopped = true;
    });
    for (let second = 0; second < 60 && !isStopped; second++) await this.clock.advance(1000);
    assert.ok(isStopped, 'a stop ends within its time');
    await stopped;
    await this.#crash();
  }

  async #allWell(): Promise<void> {
    this.#faultRate = 0;
    this.#moods.clear();
    if (this.#life.isFailed) await this.#crash();
    for (let hour = 0; hour < 4; hour++) await this.clock.advance(60 * MINUTE);
    await settle();
    this.#bury();
  }

  async #check(): Promise<void> {
    assert.deepEqual(this.#broken, []);
    const surprises = this.log.of('crash').filter(({ err }) => !/^store fault/.test(String(err)));
    assert.deepEqual(surprises, [], 'nothing but the store trips the scheduler up');
    for (const { id, isHeld } of this.#leases)
      assert.ok(await isHeld, `${id} was delivered without a lease`);
    const spool = this.#spool(() => undefined);
    const opened = spool.start();
    await this.clock.advance(60_000);
    await opened;
    const stored = await spool.scan({ limit: 1000 });
    const has = new Set(
      stored.flatMap(({ entry }) =>
        entry.recipients.map(({ address }) => copyOf(entry.id, formatAddress(address))),
      ),
    );
    const counts = new Map<string, number>();
    for (const { id, to } of this.#taken)
      counts.set(copyOf(id, to), (counts.get(copyOf(id, to)) ?? 0) + 1);
    for (const [id, recipients] of this.#promised) {
      for (const to of recipients) {
        const copy = copyOf(id, to);
        const count = counts.get(copy) ?? 0;
        assert.ok(count > 0 || has.has(copy), `${id} for ${to} is lost`);
        assert.ok(
          count <= 1 || this.#doubted.has(copy),
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
