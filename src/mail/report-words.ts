/**
 * What a report says to people, in English and German: templates, one for each kind and language, that
 * an operator may replace. A template is a line `Subject: ...`, an empty line and the text, in which
 * names in braces stand for what only the moment knows. The choice of language is made here too.
 */
import { fieldValue, headerFields } from './header.ts';
import type { FilledTemplate } from './template.ts';
import { filledTemplate, templateFault } from './template.ts';

export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];
/** `auto`: by the message that is reported on. */
export type ReportLanguage = Language | 'both' | 'auto';

export const REPORT_KINDS = ['failed', 'delayed', 'relayed'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

/** Templates in place of ours. */
export type ReportTexts = Readonly<
  Partial<Record<ReportKind, { readonly [language in Language]?: string | undefined }>>
>;

const OURS: Readonly<Record<ReportKind, Readonly<Record<Language, string>>>> = {
  failed: {
    en: `Subject: Undelivered mail returned to sender

This is the mail gateway {gateway}.

Your message could not be delivered to the following recipients. It will not
be tried again.

{recipients}
`,
    de: `Subject: Ihre Nachricht konnte nicht zugestellt werden

Dies ist das Mail-Gateway {gateway}.

Ihre Nachricht konnte den folgenden Empfängern nicht zugestellt werden. Es
wird nicht noch einmal versucht.

{recipients}
`,
  },
  delayed: {
    en: `Subject: Mail is delayed (still being tried)

This is the mail gateway {gateway}.

Your message could not be delivered to the following recipients yet. It is
still being tried; you need not send it again.

It is tried until {until}.

{recipients}
`,
    de: `Subject: Ihre Nachricht verspätet sich (es wird weiter versucht)

Dies ist das Mail-Gateway {gateway}.

Ihre Nachricht konnte den folgenden Empfängern noch nicht zugestellt werden.
Es wird weiter versucht; Sie müssen sie nicht noch einmal senden.

Es wird versucht bis {until}.

{recipients}
`,
  },
  relayed: {
    en: `Subject: Mail was handed on

This is the mail gateway {gateway}.

Your message was taken by the mail server of the following recipients. That
server sends no reports of delivery: unless it returns the message to you,
you hear no more of it.

{recipients}
`,
    de: `Subject: Ihre Nachricht wurde weitergegeben

Dies ist das Mail-Gateway {gateway}.

Der Mailserver der folgenden Empfänger hat Ihre Nachricht angenommen. Er
sendet keine Zustellberichte: Wenn er die Nachricht nicht zurückschickt,
hören Sie nichts mehr davon.

{recipients}
`,
  },
};

const NOT_TAKEN: Readonly<Record<Language, string>> = {
  en: 'nobody took it in time',
  de: 'niemand hat sie rechtzeitig angenommen',
};
const NOT_TAKEN_YET: Readonly<Record<Language, string>> = {
  en: 'nobody has taken it yet',
  de: 'bisher hat sie niemand angenommen',
};

/** In place of an answer, for a recipient of whom nobody has said anything. */
export function withoutAnswer(kind: ReportKind, language: Language): string {
  return (kind === 'delayed' ? NOT_TAKEN_YET : NOT_TAKEN)[language];
}

const PLACES = ['gateway', 'recipients', 'until'] as const;
export type Place = (typeof PLACES)[number];

/** What keeps a text from being a template, in words; undefined: nothing. */
export function templateProblem(text: string): string | undefined {
  const fault = templateFault(text, PLACES);
  if (fault !== undefined || text.includes('{recipients}')) return fault;
  return 'must say {recipients}: of whom it speaks';
}

function isPlace(name: string): name is Place {
  return PLACES.some((place) => place === name);
}

/** `fill` has what stands for each place, as lines. */
export function reportWords(
  kind: ReportKind,
  language: Language,
  texts: ReportTexts,
  fill: (place: Place) => readonly string[],
): FilledTemplate {
  const template = texts[kind]?.[language] ?? OURS[kind][language];
  return filledTemplate(template, (name) => (isPlace(name) ? fill(name) : [`{${name}}`]));
}

/** The languages of a report, by the header of the message; all of them when that says nothing. */
export function languagesFor(wanted: ReportLanguage, header: Buffer): readonly Language[] {
  if (wanted === 'both') return LANGUAGES;
  if (wanted !== 'auto') return [wanted];
  const end = header.indexOf('\r\n\r\n');
  const bytes = end < 0 ? header : header.subarray(0, end + 2);
  const fields = headerFields(bytes);
  // What its author reads, else what he wrote in.
  for (const name of ['accept-language', 'content-language']) {
    const field = fields.find((one) => one.name === name);
    const found = field && preferred(fieldValue(bytes, field, MAX_VALUE));
    if (found !== undefined) return [found];
  }
  return LANGUAGES;
}

const MAX_VALUE = 200;

/** RFC 3282: tags in order, or by their `q`. */
function preferred(value: string): Language | undefined {
  const ranked = value.split(',').flatMap((item) => {
    const [tag = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const q = parameters.find((part) => part.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    const language = LANGUAGES.find((one) => tag === one || tag.startsWith(`${one}-`));
    return language === undefined || !(weight > 0) ? [] : [{ language, weight }];
  });
  return ranked.toSorted((a, b) => b.weight - a.weight)[0]?.language;
}
