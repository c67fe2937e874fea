/**
 * Which of many names and addresses lists are asked about. Somebody who wants his own to be overlooked
 * can fill a mail with others: so the kinds of mention take turns, links most often, what is seen
 * before what is hidden, and of each kind the first and the last alternate.
 */
import { isPublic, plainAddress, reversed } from '../shared/public-address.ts';
import type { Mention } from '../shared/uris/mention.ts';

export interface Asked {
  /** The host as it stands in the mail, for lists of hosts; for an address itself. */
  readonly host: string;
  /** Registered domain; undefined for an address. */
  readonly domain: string | undefined;
  /** What a list of addresses is asked. */
  readonly label: string | undefined;
}

/** So many of each in one round. */
const TURNS = { link: 3, form: 1, nested: 1, text: 2, image: 1, bare: 1 } as const;

/** At most `most`; `isKnown`: nobody needs to be asked about this name. */
export function chosen(
  mentions: readonly Mention[],
  most: number,
  isKnown: (name: string) => boolean,
): { readonly asked: readonly Asked[]; readonly total: number } {
  const all = new Map<string, Asked>();
  const rows = kindsOf(mentions).map(({ turns, ones }) => {
    const names = new Map<string, Asked>();
    for (const mention of ones) {
      const one = askedOf(mention, isKnown);
      if (one !== undefined) names.set(keyOf(one), names.get(keyOf(one)) ?? one);
    }
    for (const [key, one] of names) all.set(key, one);
    return { turns, names: fromBothEnds([...names.values()]) };
  });
  const picked = new Map<string, Asked>();
  while (picked.size < most && picked.size < all.size) {
    for (const { turns, names } of rows) {
      for (let turn = 0; turn < turns && picked.size < most;) {
        const next = names.shift();
        if (next === undefined) break;
        if (picked.has(keyOf(next))) continue;
        picked.set(keyOf(next), next);
        turn++;
      }
    }
  }
  return { asked: [...picked.values()], total: all.size };
}

function kindsOf(mentions: readonly Mention[]): { turns: number; ones: readonly Mention[] }[] {
  const seen = mentions.filter(({ isHidden }) => isHidden !== true);
  const hidden = mentions.filter(({ isHidden }) => isHidden === true);
  return [
    ...Object.entries(TURNS).map(([kind, turns]) => ({
      turns,
      ones: seen.filter((one) => one.kind === kind),
    })),
    { turns: 1, ones: hidden },
  ];
}

function askedOf({ place }: Mention, isKnown: (name: string) => boolean): Asked | undefined {
  const { host, domain, address } = place;
  if (address !== 'none') {
    if (!isPublic(host)) return undefined;
    return { host: plainAddress(host), domain: undefined, label: reversed(host) };
  }
  return domain === undefined || isKnown(host) ? undefined : { host, domain, label: undefined };
}

/** Hosts of one domain are one: a wildcard in the DNS costs nothing. */
function keyOf({ host, domain }: Asked): string {
  return domain ?? host;
}

function fromBothEnds<T>(all: readonly T[]): T[] {
  return all.map((_, at) => (at % 2 === 0 ? all[at / 2] : all.at(-(at + 1) / 2))) as T[]; // each once
}
