/**
 * Alerts: looks now and then at what is wrong, and tells of it by log and by whatever targets are
 * configured. A target that fails is tried again a few times and then given up for this alert, with
 * a line in the log; targets do not wait for each other. What was told of survives a restart.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { MIN_FREE_BYTES } from '../base/disk-room.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { Alert, AlertTimes, Standing } from './alert-book.ts';
import { ALERT_KINDS, AlertBook, keyOf } from './alert-book.ts';
import type { Present, Thresholds } from './conditions.ts';
import { conditionsOf, unknownKinds } from './conditions.ts';
import type { Message, Target } from './targets.ts';

export interface AlertsOptions {
  readonly map: Pick<TtlMap, 'list' | 'put' | 'delete'>;
  readonly present: () => Promise<Present>;
  /** As configured now. */
  readonly settings: () => AlertTimes & Thresholds;
  readonly targets: () => readonly Target[];
  readonly node: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TestResult {
  readonly target: Target['name'] | 'log';
  /** Undefined when it was taken. */
  readonly problem: string | undefined;
}

const NAMESPACE = 'alert';
const KEEP_MS = 400 * 24 * 3600 * 1000;
/** As long as anything raised is kept, more is not read. */
const MAX_NOTES = 10_000;
const LOOK_MS = 5000;
/** Waits before the second and the third try of a target. */
const RETRY_MS: readonly number[] = [10_000, 60_000];
/** On their way to one target; more are given up. */
const MAX_ON_THE_WAY = 50;
/** Then the gateway stops without those that are on their way: all else waits for it. */
const STOP_MS = 3000;
const LOGGED = { raised: 'alert.raise', reminder: 'alert.remind', cleared: 'alert.clear' } as const;

export class Alerts {
  readonly #options: AlertsOptions;
  readonly #book = new AlertBook();
  readonly #stopped = new AbortController();
  /** Whoever has not heard by now does not. */
  readonly #cut = new AbortController();
  readonly #work = new Set<Promise<void>>();
  readonly #onTheWay = new Map<Target['name'], number>();
  #timer: Timer | undefined;
  /** Of alerts that are over, to go from the store. */
  readonly #over = new Set<string>();
  /** What people know has changed since it was stored last. */
  #isBehind = false;

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const notes = await this.#options.map.list(NAMESPACE, { limit: MAX_NOTES });
    this.#book.restore(notes.flatMap(({ entry }) => decode(entry.value) ?? []));
    this.#later();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.stop();
    const cut = this.#options.clock.timer(STOP_MS, () =>
      this.#cut.abort(new CodedError('STOPPING', 'the gateway is going down')),
    );
    await Promise.allSettled(this.#work);
    cut.stop();
  }

  /** What people have been told of and is not over. */
  raised(): Standing[] {
    return this.#book.raised();
  }

  /** One try at each target, so that somebody can see whether it works. */
  async test(): Promise<TestResult[]> {
    const { node, clock, log, targets } = this.#options;
    const at = new Date(clock.now()).toISOString();
    const text = 'this is a test: nothing is wrong';
    const message: Message = {
      ...{ v: 1, kind: 'alert', alert: 'test', state: 'test', subject: '', text },
      ...{ since: at, at, node: node() },
    };
    log.emit('alert.raise', { alert: 'test', text });
    const sent = targets().map(async (target) => ({
      target: target.name,
      problem: await target.send(message),
    }));
    return [{ target: 'log', problem: undefined }, ...(await Promise.all(sent))];
  }

  #later(): void {
    this.#timer = this.#options.clock.timer(LOOK_MS, () => this.#supervise(this.#round()));
  }

  async #round(): Promise<void> {
    try {
      await this.#look();
    } finally {
      if (!this.#stopped.signal.aborted) this.#later();
    }
  }

  async #look(): Promise<void> {
    const { present, settings, log } = this.#options;
    const now = await present();
    const conditions = conditionsOf(now, settings());
    const alerts = this.#book.see(conditions, now.now, settings(), unknownKinds(now));
    for (const alert of alerts) {
      const { kind, subject, text, since } = alert;
      const age = Math.round((now.now - since) / 1000);
      log.emit(LOGGED[alert.state], { alert: kind, subject, text, age });
      for (const target of this.#options.targets()) this.#supervise(this.#tell(target, alert));
    }
    if (alerts.length > 0) this.#isBehind = true;
    for (const { state, ...alert } of alerts) if (state === 'cleared') this.#over.add(keyOf(alert));
    // A write that the disk does not take ends the store; these can wait until it speaks and has room.
    const free = now.disk?.freeBytes ?? 0;
    if (this.#isBehind && free >= MIN_FREE_BYTES) await this.#note();
  }

  /** A note that is lost tells people twice. */
  async #note(): Promise<void> {
    const { map } = this.#options;
    this.#isBehind = false;
    const standing = this.#book.raised();
    for (const one of standing) this.#over.delete(keyOf(one));
    for (const key of this.#over) await map.delete(NAMESPACE, key);
    this.#over.clear();
    for (const one of standing)
      await map.put(NAMESPACE, keyOf(one), Buffer.from(JSON.stringify(one)), KEEP_MS);
  }

  async #tell(target: Target, alert: Alert): Promise<void> {
    const { clock, log } = this.#options;
    const { name } = target;
    const ahead = this.#onTheWay.get(name) ?? 0;
    const message = this.#messageOf(alert);
    let problem: string | undefined = 'too many alerts are on their way';
    if (ahead < MAX_ON_THE_WAY) {
      this.#onTheWay.set(name, ahead + 1);
      problem = await target.send(message, this.#cut.signal);
      for (const waitMs of RETRY_MS) {
        if (problem === undefined) break;
        await clock.sleep(waitMs, this.#stopped.signal).catch(() => undefined);
        if (this.#stopped.signal.aborted) break;
        problem = await target.send(message, this.#cut.signal);
      }
      this.#onTheWay.set(name, (this.#onTheWay.get(name) ?? 1) - 1);
    }
    if (problem === undefined) return;
    log.emit('alert.fail', {
      target: name,
      alert: alert.kind,
      subject: alert.subject,
      err: problem,
    });
  }

  #messageOf({ kind, state, subject, text, since }: Alert): Message {
    const { node, clock } = this.#options;
    return {
      ...{ v: 1, kind: 'alert', alert: kind, state, subject, text },
      since: new Date(since).toISOString(),
      at: new Date(clock.now()).toISOString(),
      node: node(),
    };
  }

  #supervise(work: Promise<void>): void {
    const watched: Promise<void> = work
      .catch((error: unknown) => this.#options.log.emit('alert.fail', { err: errorText(error) }))
      .finally(() => this.#work.delete(watched));
    this.#work.add(watched);
  }
}

function decode(bytes: Uint8Array): Standing | undefined {
  try {
    const note = JSON.parse(Buffer.from(bytes).toString()) as Partial<Standing>; // stored by us
    const kind = ALERT_KINDS.find((known) => known === note.kind);
    const { subject, since, text, raisedAt, remindedAt } = note;
    if (kind === undefined || typeof subject !== 'string' || typeof text !== 'string')
      return undefined;
    if (typeof since !== 'number' || typeof raisedAt !== 'number') return undefined;
    const reminded = typeof remindedAt === 'number' ? remindedAt : undefined;
    return { kind, subject, since, text, raisedAt, remindedAt: reminded, overSince: undefined };
  } catch {
    return undefined; // a damaged note tells people twice
  }
}
