/**
 * The lists of operator, domain and mailbox together. What is closer to the recipient wins: an entry
 * for single mailboxes before one of the domain's file, that before one of the operator. On one level
 * a block wins.
 */
import type { Asked, Entry, Known } from './entries.ts';
import { known } from './entries.ts';

export interface Lists {
  readonly block: readonly Entry[] | undefined;
  readonly allow: readonly Entry[] | undefined;
}

export interface Found {
  readonly list: 'block' | 'allow';
  readonly known: Known;
}

/** From the closest level to the farthest, blocks first in each. */
export type Levels = readonly Found[];

const PERSONAL = 0;
const DOMAIN = 1;
const OPERATOR = 2;

/** `own`: the options with the overrides of the domain, which take the place of the operator's. */
export function levelsOf(operator: Lists, own: Lists): Levels {
  const all = (['block', 'allow'] as const).flatMap((list) => {
    const given = operator[list] ?? [];
    const ofOperator = new Set(given.map((entry) => JSON.stringify(entry)));
    const ofDomain = (own[list] ?? []).filter((entry) => !ofOperator.has(JSON.stringify(entry)));
    const found = (entry: Entry, level: number) => {
      const one = known(entry);
      return { list, known: one, level: one.isPersonal ? PERSONAL : level };
    };
    return [
      ...ofDomain.map((entry) => found(entry, DOMAIN)),
      ...given.map((entry) => found(entry, OPERATOR)),
    ];
  });
  // The order within a level stays: blocks come before.
  return all.toSorted((a, b) => a.level - b.level);
}

export function find(levels: Levels, asked: Asked): Found | undefined {
  return levels.find((one) => one.known.matches(asked));
}
