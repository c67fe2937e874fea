/**
 * The lists of operator, domain and mailbox together. What is closer to the recipient wins: an entry
 * for single mailboxes before one of the domain, that before one of the operator. On one level a block
 * wins. What was added by command stands on the level that it was added for, beside the files.
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
  readonly level: number;
}

/** As it was added by command. */
export interface Added extends Omit<Entry, 'only_for'> {
  readonly list: 'block' | 'allow';
  /** For this hosted domain alone. */
  readonly domain: string | undefined;
  readonly only_for: string | undefined;
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

export function levelsOfAdded(added: readonly Added[]): Levels {
  const all = added.map(({ list, domain, only_for: mailbox, ...entry }) => {
    const one = known({ ...entry, only_for: mailbox === undefined ? undefined : [mailbox] });
    const level = one.isPersonal ? PERSONAL : domain === undefined ? OPERATOR : DOMAIN;
    const matches = (asked: Asked) =>
      (domain === undefined || domain === asked.domain) && one.matches(asked);
    return { list, known: { ...one, matches }, level };
  });
  return all.toSorted((a, b) => rank(a) - rank(b));
}

/** The closest that matches of all that are in force. */
export function find(asked: Asked, ...all: readonly Levels[]): Found | undefined {
  const found = all.flatMap((levels) => levels.find((one) => one.known.matches(asked)) ?? []);
  return found.toSorted((a, b) => rank(a) - rank(b))[0];
}

function rank({ level, list }: Found): number {
  return 2 * level + (list === 'block' ? 0 : 1);
}
