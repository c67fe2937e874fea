/**
 * What is wrong and who knows of it, a state machine per condition, without a clock or a target of its
 * own: a condition that lasts is raised once, one that is over for as long is cleared once, and what
 * goes on is reminded of. What comes and goes faster is told to nobody, so nothing can storm.
 */

export const ALERT_KINDS = [
  'destination_down',
  'destination_hinders',
  'queue_old',
  'queue_long',
  'disk_low',
  'store_damaged',
  'scanner_down',
  'signatures_old',
  'ldap_down',
  'held_old',
  'address_listed',
  'account_locked',
  'networks_lost',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** Something that is wrong now. */
export interface Condition {
  readonly kind: AlertKind;
  /** What it is about: a destination, a scanner; empty for the gateway as a whole. */
  readonly subject: string;
  readonly since: number;
  readonly text: string;
}

export interface Alert extends Condition {
  readonly state: 'raised' | 'reminder' | 'cleared';
}

export interface Standing extends Condition {
  /** When it was told of first; undefined while it may still pass. */
  readonly raisedAt: number | undefined;
  readonly remindedAt: number | undefined;
  /** Since when it is over, as long as that may pass. */
  readonly overSince: number | undefined;
}

export interface AlertTimes {
  /** How long a condition must last, and be over. */
  readonly afterMs: number;
  /** Null for never. */
  readonly remindMs: number | null;
}

/** More conditions at once than this are not told of one by one. */
const MAX_STANDING = 10_000;

export class AlertBook {
  readonly #standing = new Map<string, Standing>();

  /** Alerts that were raised before a restart: nobody is told of them anew. */
  restore(standing: readonly Standing[]): void {
    for (const one of standing) this.#standing.set(keyOf(one), one);
  }

  /** What has been told of, and is not over. */
  raised(): Standing[] {
    return [...this.#standing.values()].filter(({ raisedAt }) => raisedAt !== undefined);
  }

  /**
   * Everything that is wrong now, but of the `unknown` kinds, which stay as they are; answers what is
   * to be told.
   */
  see(
    conditions: readonly Condition[],
    now: number,
    times: AlertTimes,
    unknown: readonly AlertKind[] = [],
  ): Alert[] {
    const alerts: Alert[] = [];
    const present = new Map(conditions.slice(0, MAX_STANDING).map((one) => [keyOf(one), one]));
    for (const [key, condition] of present) {
      const before = this.#standing.get(key);
      const since = before?.since ?? condition.since;
      const { state, standing } = onward({ ...condition, since }, before, now, times);
      this.#standing.set(key, standing);
      if (state !== undefined) alerts.push({ ...condition, since, state });
    }
    for (const [key, standing] of this.#standing) {
      if (present.has(key) || unknown.includes(standing.kind)) continue;
      const overSince = standing.overSince ?? now;
      if (standing.raisedAt !== undefined && now - overSince < times.afterMs) {
        this.#standing.set(key, { ...standing, overSince });
        continue;
      }
      this.#standing.delete(key);
      const { kind, subject, since, text, raisedAt } = standing;
      if (raisedAt !== undefined) alerts.push({ kind, subject, since, text, state: 'cleared' });
    }
    return alerts;
  }
}

function onward(
  condition: Condition,
  before: Standing | undefined,
  now: number,
  { afterMs, remindMs }: AlertTimes,
): { state: Alert['state'] | undefined; standing: Standing } {
  const { raisedAt, remindedAt } = before ?? {};
  const known = { ...condition, raisedAt, remindedAt, overSince: undefined };
  if (raisedAt === undefined) {
    if (now - condition.since < afterMs) return { state: undefined, standing: known };
    return { state: 'raised', standing: { ...known, raisedAt: now } };
  }
  if (remindMs === null || now - (remindedAt ?? raisedAt) < remindMs)
    return { state: undefined, standing: known };
  return { state: 'reminder', standing: { ...known, remindedAt: now } };
}

export function keyOf({ kind, subject }: Pick<Condition, 'kind' | 'subject'>): string {
  return `${kind} ${subject}`;
}
