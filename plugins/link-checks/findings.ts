/**
 * What can be said against the links of a mail, as facts; what they weigh is for the rules. Each rule
 * finds one thing in a mail, the first.
 */
import { domainToUnicode } from 'node:url';
import type { RuleFinding } from '../shared/by-actions.ts';
import { isPublic } from '../shared/public-address.ts';
import type { PageSign } from '../shared/uris/html-links.ts';
import { isBelow } from '../shared/uris/known-names.ts';
import type { MailLinks } from '../shared/uris/mail-links.ts';
import type { Mention } from '../shared/uris/mention.ts';
import { nestedPlaces } from '../shared/uris/nested.ts';
import type { Place } from '../shared/uris/place.ts';
import { ownLabel } from '../shared/uris/place.ts';
import type { Turn } from '../shared/uris/turn.ts';
import type { Model } from './lookalike.ts';
import { likenessOf } from './lookalike.ts';
import { isOneWriting } from './scripts.ts';
import { shownPlaces } from './shown.ts';

export type Rule =
  | 'shown_elsewhere'
  | 'shown_brand'
  | 'lookalike'
  | 'misspelt'
  | 'mixed_scripts'
  | 'userinfo'
  | 'address'
  | 'odd_address'
  | 'hidden'
  | 'script'
  | 'made_file'
  | 'form'
  | 'password'
  | 'shortener';

export interface Finding extends RuleFinding<Rule> {
  /** What it is about, for log and trace. */
  readonly about: string;
}

/** What somebody has said of names, and whose mail it is. */
export interface Surroundings {
  /** Nobody needs to be warned of a host. */
  readonly isKnown: (host: string) => boolean;
  /** A name that others want to pass for. */
  readonly isModel: (host: string) => boolean;
  readonly models: readonly Model[];
  readonly redirectors: readonly string[];
  readonly shorteners: readonly string[];
  /** Registered domains of the envelope's sender and of the authors. */
  readonly senders: ReadonlySet<string | undefined>;
}

export async function findings(
  { mentions, signs }: MailLinks,
  around: Surroundings,
  turn: Turn,
): Promise<readonly Finding[]> {
  const search = new Search(around);
  for (const mention of mentions) {
    search.look(mention);
    if (turn.isOver) await turn.next();
  }
  for (const sign of signs) search.sign(sign);
  return search.found;
}

class Search {
  readonly #around: Surroundings;
  readonly #found = new Map<Rule, Finding>();
  /** Hosts whose names have been looked at. */
  readonly #named = new Set<string>();
  readonly #known = new Map<string, boolean>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get found(): readonly Finding[] {
    return [...this.#found.values()];
  }

  #note(rule: Rule, about: string, text: string): void {
    if (this.#found.has(rule)) return;
    this.#found.set(rule, { rule, reason: 'uri', detail: '7.1', about, text });
  }

  sign(sign: PageSign): void {
    if (sign === 'password') this.#note('password', 'field', 'The mail asks for a password');
    else if (sign === 'file')
      this.#note('made_file', 'script', 'A script of the mail makes a file');
    else if (sign === 'data') this.#note('script', sign, 'A link of the mail holds a page');
    else this.#note('script', sign, 'A link of the mail runs a script');
  }

  look({ kind, place, shown, isHidden }: Mention): void {
    // Pictures deceive nobody about where he goes, and a bare name may be none.
    if (kind === 'image' || kind === 'bare') return;
    if (shown !== undefined) this.#shows(place, shown);
    if (this.#isHarmless(place)) return;
    const { host } = place;
    if (!this.#named.has(host)) {
      this.#named.add(host);
      this.#isNamed(place);
    }
    if (beginsAsAnother(place.url)) {
      this.#note('userinfo', host, `A link to ${host} begins like one to another place`);
    }
    if (place.address !== 'none' && kind !== 'nested') {
      this.#note('address', host, `A link leads to ${host}, which has no name`);
    }
    if (place.address === 'odd') {
      this.#note('odd_address', host, `A link leads to ${host} and hides it in other numbers`);
    }
    if (isHidden === true) this.#note('hidden', host, `A link to ${host} is hidden`);
    if (kind === 'form' && !this.#around.senders.has(place.domain ?? host)) {
      this.#note('form', host, `A form of the mail sends what is filled in to ${host}`);
    }
  }

  #shows(place: Place, text: string): void {
    const shown = shownPlaces(text);
    const [first] = shown;
    if (first === undefined || shown.some((one) => isOneParty(one, place))) return;
    const within = nestedPlaces(place);
    if ([place, ...within].every((one) => this.#isHarmless(one))) return;
    const end = within.at(-1);
    const isRedirector = isBelow(place.host, this.#around.redirectors);
    const isNamed = end !== undefined && shown.some((one) => isOneParty(one, end));
    if (isRedirector && (end === undefined || isNamed)) return;
    const model = shown.find(({ host }) => this.#around.isModel(host));
    // Whoever wants to can write the name of a bank behind a question mark.
    if (model === undefined && (isNamed || shown.some((one) => isOneLabel(one, place)))) return;
    const rule = model === undefined || isNamed ? 'shown_elsewhere' : 'shown_brand';
    const name = (model ?? first).host;
    this.#note(rule, `${name}>${place.host}`, `A link shows ${name} and leads to ${place.host}`);
  }

  /** What its name says. */
  #isNamed(place: Place): void {
    const { host } = place;
    const likeness = likenessOf(place, this.#around.models);
    if (likeness !== undefined) {
      const { rule, of } = likeness;
      this.#note(rule, `${of}>${host}`, `A link leads to ${host}, which looks like ${of}`);
    }
    const labels = host.includes('xn--') ? domainToUnicode(host).split('.') : [];
    if (!labels.every((label) => isOneWriting(label))) {
      this.#note('mixed_scripts', host, `A link leads to ${host}, a name in several alphabets`);
    }
    if (isBelow(host, this.#around.shorteners)) {
      this.#note('shortener', host, `A link to ${host} does not say where it leads`);
    }
  }

  #isHarmless({ host, address }: Place): boolean {
    const isHarmless =
      this.#known.get(host) ?? (address === 'none' ? this.#around.isKnown(host) : !isPublic(host));
    this.#known.set(host, isHarmless);
    return isHarmless;
  }
}

function isOneParty(one: Place, other: Place): boolean {
  return one.host === other.host || (one.domain !== undefined && one.domain === other.domain);
}

/** `shop.com` and `shop.de`: mostly of one owner. */
function isOneLabel(one: Place, other: Place): boolean {
  return other.domain !== undefined && ownLabel(one.domain ?? '') === ownLabel(other.domain);
}

/** Accounts at web servers have plain names; what has dots or is in code stands there to deceive. */
function beginsAsAnother({ protocol, username }: URL): boolean {
  return protocol !== 'ftp:' && /[.%]/.test(username);
}
