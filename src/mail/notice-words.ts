/**
 * What notices about outgoing mail say, in English and German: that a relay limit is near or reached,
 * that an account or somebody behind it is locked. Templates that an operator may replace.
 */
import type { Language, ReportLanguage } from './report-words.ts';
import { LANGUAGES } from './report-words.ts';
import type { FilledTemplate } from './template.ts';
import { filledTemplate, templateFault } from './template.ts';

export const NOTICE_KINDS = [
  'limit_near',
  'limit_reached',
  'account_locked',
  'identity_locked',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Templates in place of ours. */
export type NoticeTexts = Readonly<
  Partial<Record<NoticeKind, { readonly [language in Language]?: string | undefined }>>
>;

const OF_LIMIT = [
  ...['gateway', 'domain', 'used', 'limit', 'until'],
  ...['senders', 'recipients', 'subjects', 'support'],
] as const;
const OF_LOCK = ['gateway', 'domain', 'account', 'identity', 'reason', 'until', 'support'] as const;
export type NoticePlace = (typeof OF_LIMIT)[number] | (typeof OF_LOCK)[number];

const PLACES: Readonly<Record<NoticeKind, readonly string[]>> = {
  limit_near: OF_LIMIT,
  limit_reached: OF_LIMIT,
  account_locked: OF_LOCK,
  identity_locked: OF_LOCK,
};

const BUSIEST = {
  en: `Most mail today came from:
{senders}

It went most often to:
{recipients}

with these subjects:
{subjects}

Usual causes: a newsletter sent through the employees' relay, a program that
sends the same mail again and again, or an account that others have got into.

Who helps: {support}
`,
  de: `Die meisten Mails kamen heute von:
{senders}

Am häufigsten gingen sie an:
{recipients}

mit diesen Betreffzeilen:
{subjects}

Übliche Ursachen: ein Newsletter über das Relay der Mitarbeiter, ein Programm,
das dieselbe Mail immer wieder sendet, oder ein Konto, in das Fremde
eingedrungen sind.

Hilfe gibt: {support}
`,
} as const;

const OURS: Readonly<Record<NoticeKind, Readonly<Record<Language, string>>>> = {
  limit_near: {
    en: `Subject: Relay limit nearly reached

This is the mail gateway {gateway}. {domain} has sent to {used} of {limit}
recipients that it may send to until {until}. After that its mail is put off
until then.

${BUSIEST.en}`,
    de: `Subject: Versandlimit fast erreicht

Dies ist das Mail-Gateway {gateway}. {domain} hat an {used} von {limit}
Empfängern gesendet, an die bis {until} gesendet werden darf. Danach werden
weitere Mails bis dahin zurückgestellt.

${BUSIEST.de}`,
  },
  limit_reached: {
    en: `Subject: Relay limit reached

This is the mail gateway {gateway}. {domain} has sent to {used} of {limit}
recipients a day. Mail to more is put off (452 4.7.1 Relay limit reached) until
{until}. Your server tries again by itself.

${BUSIEST.en}`,
    de: `Subject: Versandlimit erreicht

Dies ist das Mail-Gateway {gateway}. {domain} hat an {used} von {limit}
Empfängern am Tag gesendet. Weitere Mails werden zurückgestellt
(452 4.7.1 Relay limit reached) bis {until}.
Ihr Server versucht es von selbst wieder.

${BUSIEST.de}`,
  },
  account_locked: {
    en: `Subject: Account locked

This is the mail gateway {gateway}. The account {account} of {domain} may not
send mail {until}.

Why: {reason}

Please find out where this mail came from: often a password is known to others.
Who helps: {support}
`,
    de: `Subject: Konto gesperrt

Dies ist das Mail-Gateway {gateway}. Das Konto {account} von {domain} darf
keine Mails senden, {until}.

Grund: {reason}

Bitte klären Sie, woher diese Mails kamen: oft ist ein Kennwort anderen bekannt.
Hilfe gibt: {support}
`,
  },
  identity_locked: {
    en: `Subject: Sending locked

This is the mail gateway {gateway}. {identity}, which sends through the account
{account} of {domain}, may not send mail {until}.

Why: {reason}

Please find out where this mail came from: often a password is known to others.
Who helps: {support}
`,
    de: `Subject: Versand gesperrt

Dies ist das Mail-Gateway {gateway}. {identity} sendet über das Konto {account}
von {domain} und darf keine Mails senden, {until}.

Grund: {reason}

Bitte klären Sie, woher diese Mails kamen: oft ist ein Kennwort anderen bekannt.
Hilfe gibt: {support}
`,
  },
};

/** What an account, or somebody behind it, is locked for. */
export interface LockCause {
  readonly what: 'spam' | 'virus' | 'complaints';
  readonly moreThan: number;
  readonly withinMs: number;
}

const CAUSES = {
  en: {
    ...{ more: 'more than', within: 'within' },
    ...{ spam: 'spam messages', virus: 'virus messages', complaints: 'complaints' },
  },
  de: {
    ...{ more: 'mehr als', within: 'innerhalb von' },
    ...{ spam: 'Spam-Mails', virus: 'Mails mit Viren', complaints: 'Beschwerden' },
  },
} as const;

/** `more than 5 spam messages within 10 min` */
export function causeText({ what, moreThan, withinMs }: LockCause, language: Language): string {
  const words = CAUSES[language];
  const minutes = Math.max(1, Math.round(withinMs / 60_000));
  const time = minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
  return `${words.more} ${moreThan} ${words[what]} ${words.within} ${time}`;
}

/** What keeps a text from being a template of this kind, in words; undefined: nothing. */
export function noticeFault(kind: NoticeKind, text: string): string | undefined {
  return templateFault(text, PLACES[kind]);
}

export function noticeWords(
  kind: NoticeKind,
  wanted: ReportLanguage,
  texts: NoticeTexts,
  fill: (place: NoticePlace, language: Language) => readonly string[],
): FilledTemplate {
  return inLanguages(wanted, (language) =>
    filledTemplate(
      texts[kind]?.[language] ?? OURS[kind][language],
      (place) => fill(place as NoticePlace, language), // `noticeFault` lets no other one in
    ),
  );
}

/** In one language, or in both of them below each other. */
export function inLanguages(
  wanted: ReportLanguage,
  words: (language: Language) => FilledTemplate,
): FilledTemplate {
  const languages = wanted === 'en' || wanted === 'de' ? [wanted] : LANGUAGES;
  const filled = languages.map((language) => words(language));
  return {
    subject: filled.map(({ subject }) => subject).join(' / '),
    lines: filled.flatMap(({ lines }, index) => (index === 0 ? lines : ['', '---', '', ...lines])),
  };
}
