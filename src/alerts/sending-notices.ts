/**
 * Notices about outgoing mail to those it concerns: a relay limit that is near or reached, once a
 * day for each, to the contact of the domain, with who sent most; and a lock, to whoever is locked
 * when that is an address of the customer's, and to the contact. Of identities, which a client may
 * make up, so many in an hour; the log has all. Nobody waits for them.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { LeakyBuckets } from '../base/leaky-buckets.ts';
import { localTime } from '../base/local-time.ts';
import type { Log } from '../base/log.ts';
import type { OwnMail } from '../delivery/own-mail.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import { parseAddress } from '../mail/address.ts';
import type { LockCause, NoticeKind, NoticePlace, NoticeTexts } from '../mail/notice-words.ts';
import { causeText, noticeWords } from '../mail/notice-words.ts';
import type { Language } from '../mail/report-words.ts';
import type { Lock } from '../store/counter-store.ts';
import type { TtlMap } from '../store/ttl-map.ts';

/** What a domain has sent most today: each with how often. */
export interface Busiest {
  readonly senders: readonly string[];
  readonly recipients: readonly string[];
  readonly subjects: readonly string[];
}

export interface LimitNews {
  readonly domain: string;
  readonly event: 'near' | 'reached';
  readonly used: number;
  readonly limit: number;
  readonly endsAt: number;
}

export interface LockNews {
  readonly account: { readonly name: string; readonly domain: string };
  readonly identity: string | undefined;
  readonly lock: Lock;
  readonly cause: LockCause;
}

export interface SendingNoticesOptions {
  readonly own: Pick<OwnMail, 'send'>;
  readonly map: Pick<TtlMap, 'get' | 'put'>;
  readonly busiest: (domain: Domain) => Promise<Busiest>;
  readonly directory: () => Pick<Directory, 'find'>;
  readonly texts: () => NoticeTexts;
  readonly hostname: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

const NAMESPACE = 'limit-notice';
const KEEP_MS = 2 * 86_400_000;
/** At once; what comes beyond is only in the log. */
const MAX_UNDER_WAY = 50;
/** Notices about locked identities of one domain. */
const PER_HOUR = 30;
const MAX_DOMAINS = 10_000;

export class SendingNotices {
  readonly #options: SendingNoticesOptions;
  readonly #underWay = new Set<Promise<void>>();
  /** Of the limits whose notices are being made. */
  readonly #telling = new Set<string>();
  readonly #told: LeakyBuckets;

  constructor(options: SendingNoticesOptions) {
    this.#options = options;
    this.#told = new LeakyBuckets(options.clock, MAX_DOMAINS);
  }

  limit(news: LimitNews): void {
    this.#begin(() => this.#tellOfLimit(news));
  }

  locked(news: LockNews): void {
    const { domain } = news.account;
    if (news.identity !== undefined) {
      if (!this.#told.hasRoom(domain, PER_HOUR, PER_HOUR)) return;
      this.#told.add(domain, PER_HOUR, PER_HOUR);
    }
    this.#begin(() => this.#tellOfLock(news));
  }

  /** Waits for those that are under way. */
  async stop(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #begin(tell: () => Promise<void>): void {
    if (this.#underWay.size >= MAX_UNDER_WAY) return;
    const telling = tell()
      .catch((error: unknown) => this.#options.log.emit('alert.fail', { err: errorText(error) }))
      .finally(() => this.#underWay.delete(telling));
    this.#underWay.add(telling);
  }

  async #tellOfLimit(news: LimitNews): Promise<void> {
    const { map, directory } = this.#options;
    const domain = directory().find(news.domain);
    if (domain?.contact === undefined) return;
    const key = `${domain.name} ${news.event}`;
    if (this.#telling.has(key)) return;
    this.#telling.add(key);
    try {
      const told = await map.get(NAMESPACE, key);
      const day = String(news.endsAt);
      if (told !== undefined && Buffer.from(told.value).toString() === day) return;
      // Noted when it is stored: a crash tells twice rather than never, and without room it is told next time.
      if (await this.#sendLimit(domain, domain.contact, news))
        await map.put(NAMESPACE, key, Buffer.from(day), KEEP_MS);
    } finally {
      this.#telling.delete(key);
    }
  }

  async #sendLimit(
    domain: Domain,
    contact: string,
    { event, used, limit, endsAt }: LimitNews,
  ): Promise<boolean> {
    const { busiest } = this.#options;
    const most = await busiest(domain);
    const until = localTime(endsAt, domain.outgoing.timeZone);
    return this.#send([contact], domain, event === 'near' ? 'limit_near' : 'limit_reached', {
      used: [String(used)],
      limit: [String(limit)],
      until: { en: [until], de: [until] },
      senders: indented(most.senders),
      recipients: indented(most.recipients),
      subjects: indented(most.subjects),
    });
  }

  async #tellOfLock({ account, identity, lock, cause }: LockNews): Promise<void> {
    const { directory } = this.#options;
    const domain = directory().find(account.domain);
    if (domain === undefined) return;
    const isOwn = (text: string) => {
      const parsed = parseAddress(text);
      return parsed.ok && directory().find(parsed.value.domain)?.name === domain.name;
    };
    const locked = [identity ?? account.name].filter(isOwn);
    const to = [...new Set([...locked, ...(domain.contact === undefined ? [] : [domain.contact])])];
    const at =
      lock.until === undefined ? undefined : localTime(lock.until, domain.outgoing.timeZone);
    await this.#send(to, domain, identity === undefined ? 'account_locked' : 'identity_locked', {
      account: [account.name],
      identity: [identity ?? ''],
      reason: { en: [causeText(cause, 'en')], de: [causeText(cause, 'de')] },
      until: {
        en: [at === undefined ? 'until somebody unlocks it' : `until ${at}`],
        de: [at === undefined ? 'bis sie jemand entsperrt' : `bis ${at}`],
      },
    });
  }

  /** Whether all of them are in the spool. */
  async #send(
    to: readonly string[],
    domain: Domain,
    kind: NoticeKind,
    facts: Partial<Record<NoticePlace, readonly string[] | Record<Language, readonly string[]>>>,
  ): Promise<boolean> {
    const { own, texts, hostname } = this.#options;
    const fill = (place: NoticePlace, language: Language): readonly string[] => {
      if (place === 'gateway') return [hostname()];
      if (place === 'domain') return [domain.name];
      if (place === 'support') return [supportText(domain, language)];
      const fact = facts[place] ?? [];
      return 'en' in fact ? fact[language] : fact;
    };
    const words = noticeWords(kind, domain.reportLanguage, texts(), fill);
    let areStored = true;
    for (const text of to) {
      const parsed = parseAddress(text);
      if (parsed.ok && !(await own.send({ to: parsed.value, ...words }))) areStored = false;
    }
    return areStored;
  }
}

function supportText({ support }: Domain, language: Language): string {
  const named = [support?.name, support?.email].filter((one) => one !== undefined).join(', ');
  if (named !== '') return named;
  return language === 'de' ? 'der Betreiber des Gateways' : 'the operator of the gateway';
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ['  -'] : lines.map((line) => `  ${line}`);
}
