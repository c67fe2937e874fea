/**
 * Asks LDAP directories whether an address is one of their people, and keeps an eye on them: each is
 * asked now and then whether it answers, so that silence is noticed before mail is. "Unknown" needs a
 * clear word of a directory in which we see people; everything else is unsure.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { secondsSince } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import type { Log } from '../../base/log.ts';
import type { Address } from '../../mail/address.ts';
import { asciiDomain } from '../domain-name.ts';
import type { Directory } from '../domain.ts';
import { ldapFaultText } from './fault-words.ts';
import { filterFor } from './filter.ts';
import { isOfTheQuestion, LdapLink } from './link.ts';
import type { LdapSource } from './source.ts';

export type LdapAnswer =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unsure'; readonly text: string };

/** One directory and how it is. */
export interface LdapState {
  readonly key: string;
  readonly domains: readonly string[];
  /** Undefined: it answers, or nobody knows yet. */
  readonly down: { readonly since: number; readonly text: string } | undefined;
}

export interface LdapRecipientsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: () => Directory;
  /** A source stopped or began to answer: the clock of what is remembered of it. */
  readonly onChange: (key: string, isDown: boolean) => void;
}

/** All servers and attempts together, while a client waits. */
const ASK_MS = 15_000;
const LOOK_MS = 5000;
const FIRST_LOOK_MS = 500;
/** A name that hardly anybody has: what is asked to see whether it answers. */
const PROBE = { local: 'postmaster', domain: 'sluice.invalid' };
/** Parts of an Active Directory in which no people are, of which every search from the root tells. */
const WITHOUT_PEOPLE = /(?:DomainDnsZones|ForestDnsZones|CN=Configuration,)/i;

export class LdapRecipients {
  readonly #deps: LdapRecipientsDeps;
  readonly #links = new Map<string, LdapLink>();
  /** By key; bounded by the sources of the configuration. */
  readonly #states = new Map<string, LdapState['down']>();
  /** They answer, but not to what a client asked last: to be seen to, by a question of ours. */
  readonly #doubted = new Set<string>();
  #timer: Timer | undefined;
  #look: Promise<void> | undefined;
  #isStopped = false;

  constructor(deps: LdapRecipientsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#lookIn(FIRST_LOOK_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.stop();
    for (const link of this.#links.values()) link.stop();
    await this.#look;
  }

  async ask(source: LdapSource, { local, domain }: Address): Promise<LdapAnswer> {
    return this.#ask(source, { local, domain: asciiDomain(domain) }, 'client');
  }

  states(): LdapState[] {
    return [...this.#sources()].map(([key, { domains }]) => ({
      key,
      domains,
      down: this.#states.get(key),
    }));
  }

  async #ask(source: LdapSource, address: Address, by: 'client' | 'us'): Promise<LdapAnswer> {
    const { clock } = this.#deps;
    const filter = filterFor(source.filter, address);
    // Whatever goes wrong with a server is the same to who asks: nobody knows.
    try {
      const work = () => this.#link(source).find(source, filter, by);
      const { isThere, references } = await withDeadline(clock, ASK_MS, 'ldap', work);
      this.#saw(source.key, undefined);
      if (isThere) return { kind: 'known' };
      const elsewhere = references.find((reference) => !WITHOUT_PEOPLE.test(reference));
      if (elsewhere === undefined) return { kind: 'unknown' };
      return { kind: 'unsure', text: `not here, but perhaps at ${elsewhere.slice(0, 200)}` };
    } catch (error) {
      const text = ldapFaultText(error);
      // A client must not stop a directory that answers others by an address it has trouble with.
      if (by === 'client' && this.#isUp(source.key) && isOfTheQuestion(error))
        this.#doubted.add(source.key);
      else this.#saw(source.key, text);
      return { kind: 'unsure', text };
    }
  }

  /** It has answered, and was not silent since. */
  #isUp(key: string): boolean {
    return this.#states.has(key) && this.#states.get(key) === undefined;
  }

  #link(source: LdapSource): LdapLink {
    const known = this.#links.get(source.connectionKey);
    if (known !== undefined) return known;
    const link = new LdapLink(this.#deps.clock);
    if (this.#isStopped) link.stop();
    this.#links.set(source.connectionKey, link);
    return link;
  }

  /** `fault` is undefined when it answered. */
  #saw(key: string, fault: string | undefined): void {
    const { clock, log, onChange } = this.#deps;
    const before = this.#states.get(key);
    if (
      this.#isStopped ||
      (this.#states.has(key) && (before === undefined) === (fault === undefined))
    )
      return;
    const domains = this.#sources().get(key)?.domains ?? [];
    if (fault === undefined) {
      this.#states.set(key, undefined);
      if (before !== undefined) {
        const down = Math.round(secondsSince(before.since, clock.now()));
        log.emit('ldap.up', { ldap: key, domains: domains.slice(0, NAMED_DOMAINS), down });
      }
      onChange(key, false);
      return;
    }
    this.#states.set(key, { since: clock.now(), text: fault });
    log.emit('ldap.down', { ldap: key, domains: domains.slice(0, NAMED_DOMAINS), text: fault });
    onChange(key, true);
  }

  #sources(): Map<string, { readonly source: LdapSource; readonly domains: string[] }> {
    const sources = new Map<string, { readonly source: LdapSource; readonly domains: string[] }>();
    for (const { name, recipients } of this.#deps.directory().domains) {
      if (recipients.kind !== 'ldap') continue;
      const known = sources.get(recipients.key);
      if (known === undefined) sources.set(recipients.key, { source: recipients, domains: [name] });
      else known.domains.push(name);
    }
    return sources;
  }

  #lookIn(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#deps.clock.timer(ms, () => {
      this.#look = this.#lookNow().finally(() => this.#lookIn(LOOK_MS));
    });
  }

  /** Those that are silent or in doubt, and those that nobody has asked yet. Never rejects. */
  async #lookNow(): Promise<void> {
    const sources = this.#sources();
    for (const key of this.#states.keys()) if (!sources.has(key)) this.#states.delete(key);
    const used = new Set([...sources.values()].map(({ source }) => source.connectionKey));
    for (const [key, link] of this.#links) {
      if (used.has(key)) link.rest();
      else {
        link.stop();
        this.#links.delete(key);
      }
    }
    const doubted = new Set(this.#doubted);
    this.#doubted.clear();
    const wanted = [...sources.values()].filter(({ source }) => {
      // Busy with questions is not silent: what becomes of those says how it is.
      return !this.#isUp(source.key) || (doubted.has(source.key) && !this.#link(source).isFull);
    });
    for (const { source } of wanted) {
      if (this.#isStopped) return;
      await this.#ask(source, PROBE, 'us');
    }
  }
}

/** The rest is in the configuration. */
const NAMED_DOMAINS = 20;
