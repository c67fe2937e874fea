/**
 * link-checks: looks at the links of a mail for what hides where they lead. Asks nobody.
 *
 * Links are found and read as for `uri-lists`. Each rule gives points, refuses (`reject`) or is `off`,
 * and counts once in a mail. As shipped nothing refuses by itself: points add to the score of the mail.
 * Tests are named after the rules (`LINK_LOOKALIKE`); the trace says what was found
 * (`link=lookalike(paypal.com>paypa1.com)`).
 *
 * `brands` and the domains of the recipients are what others want to pass for: in letters that look
 * alike (`paypa1.com`, `rnicrosoft.com`, `аррӏе.com` in Cyrillic), with one letter off (names of seven
 * letters and more), or with the whole name in front of another (`paypal.com.example.net`). A list of
 * your own takes the place of the shipped one: name in it the banks, authorities and suppliers that
 * your users know.
 *
 * A link that shows one place and leads to another is fine when it leads there by a redirector that
 * names it (`example.net/?to=https://shop.example`; what shows a brand counts as `shown_elsewhere`
 * then), by one of `redirectors`, or to the same name under another ending. Links to domains served
 * here, to `brands`, to `exempt` and to private addresses are never looked at. A link is hidden when
 * its element, one around it or all its text says so: not displayed, without size, or white on
 * nothing dark; what has a class is taken as seen, for a style sheet may show it.
 *
 * When there was more text, or more in it, than is looked at, the trace says `uri_cut=true`.
 */
import type { ContentView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import type { Finding, Surroundings } from './link-checks/findings.ts';
import { findings } from './link-checks/findings.ts';
import type { Model } from './link-checks/lookalike.ts';
import { modelsOf } from './link-checks/lookalike.ts';
import { authorDomains } from './shared/author-domains.ts';
import { judgedByActions } from './shared/by-actions.ts';
import { dnsName } from './shared/dns-name.ts';
import type { Header } from './shared/header.ts';
import { readHeader } from './shared/header.ts';
import { ON_ERROR } from './shared/on-error.ts';
import { toldWhenCut } from './shared/uris/cut.ts';
import { isBelow, isOwn } from './shared/uris/known-names.ts';
import { linksOf, MAX_TEXT } from './shared/uris/mail-links.ts';
import { registeredDomain } from './shared/uris/place.ts';
import { Turn } from './shared/uris/turn.ts';

const OPTIONS = {
  shown_brand: {
    type: 'action',
    default: 3,
    doc: 'The text of a link shows one of `brands` or a domain served here; it leads elsewhere.',
  },
  shown_elsewhere: {
    type: 'action',
    default: 1,
    doc: 'The text of a link shows another domain than it leads to.',
  },
  lookalike: {
    type: 'action',
    default: 3,
    doc: "A name that looks like one of `brands` or a recipient's domain, or begins with it.",
  },
  misspelt: { type: 'action', default: 1, doc: 'Such a name with one letter off.' },
  mixed_scripts: { type: 'action', default: 3, doc: 'A name in letters of several alphabets.' },
  userinfo: {
    type: 'action',
    default: 3,
    doc: 'What looks like another place before an @: `http://bank.example@example.net`.',
  },
  address: { type: 'action', default: 1.5, doc: 'An IP address in place of a name.' },
  odd_address: {
    type: 'action',
    default: 3,
    doc: 'An IPv4 address in other numbers: `http://3405803785/`, `http://0xcb.0x0.0x71.0x9/`.',
  },
  hidden: { type: 'action', default: 1, doc: 'A link that a reader does not see.' },
  script: {
    type: 'action',
    default: 2,
    doc: 'A link that leads on by a script (`javascript:`) or holds a page (`data:`).',
  },
  made_file: {
    type: 'action',
    default: 2,
    doc: 'A script that makes a file out of itself and hands it to the reader (HTML smuggling).',
  },
  form: {
    type: 'action',
    default: 0.5,
    doc: 'A form in the mail that goes to another domain than that of its sender or author.',
  },
  password: { type: 'action', default: 2, doc: 'A field to fill in a password.' },
  shortener: { type: 'action', default: 0.5, doc: 'A link to one of `shorteners`.' },
  brands: {
    type: 'strings',
    default: [
      ...['paypal.com', 'amazon.com', 'amazon.de', 'ebay.com', 'ebay.de'],
      ...['apple.com', 'icloud.com'],
      ...['microsoft.com', 'microsoftonline.com', 'office.com', 'outlook.com', 'live.com'],
      ...['google.com', 'gmail.com', 'facebook.com', 'instagram.com', 'whatsapp.com'],
      ...['linkedin.com', 'netflix.com', 'dropbox.com', 'docusign.com', 'docusign.net'],
      ...['adobe.com', 'dhl.de', 'dhl.com', 'fedex.com', 'ups.com', 'usps.com', 'gls-group.com'],
      ...['sparkasse.de', 'vr.de', 'commerzbank.de', 'postbank.de', 'deutsche-bank.de', 'ing.de'],
      ...['dkb.de', 'comdirect.de', 'gmx.de', 'web.de', 't-online.de', 'ionos.de', 'strato.de'],
      ...['chase.com', 'wellsfargo.com', 'bankofamerica.com', 'hsbc.com', 'coinbase.com'],
    ],
    doc: 'Domains that others want to pass for.',
  },
  redirectors: {
    type: 'strings',
    default: [
      ...['list-manage.com', 'mandrillapp.com', 'sendgrid.net', 'mailgun.org', 'awstrack.me'],
      ...['mailjet.com', 'sendinblue.com', 'brevo.com', 'rs6.net', 'exacttarget.com'],
      ...['hubspotlinks.com', 'cleverreach.com', 'rapidmail.de', 'createsend.com'],
    ],
    doc: 'Domains whose links lead on to what is shown, without naming it.',
  },
  shorteners: {
    type: 'strings',
    default: [
      ...['bit.ly', 'tinyurl.com', 'goo.gl', 'ow.ly', 'is.gd', 'v.gd', 'buff.ly', 'rebrand.ly'],
      ...['cutt.ly', 't.ly', 'rb.gy', 'shorturl.at', 'tiny.cc', 's.id', 'qrco.de', 'bl.ink'],
    ],
    doc: 'Domains whose links do not say where they lead.',
  },
  exempt: { type: 'strings', doc: 'Domains, with all below them, that are never looked at.' },
  max_text: MAX_TEXT,
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

export default {
  name: 'link-checks',
  service: 'spam',
  options: OPTIONS,
  setup() {
    /** Of the lists in the configuration. */
    const known = new WeakMap<readonly string[], readonly Model[]>();
    const modelsFor = (brands: readonly string[]) => {
      const models = known.get(brands) ?? modelsOf(brands.map((name) => name.toLowerCase()));
      known.set(brands, models);
      return models;
    };
    const content = async (view: View, signal: AbortSignal): Promise<Verdict | undefined> => {
      const { options } = view;
      const links = await linksOf(view.content, options.max_text, signal);
      if (links.mentions.length + links.signs.length === 0) {
        return toldWhenCut(undefined, links.isCut);
      }
      const around = surroundings(view, await readHeader(view.content), modelsFor(options.brands));
      const found = await findings(links, around, new Turn(signal));
      return toldWhenCut(verdictOf(found, options), links.isCut);
    };
    return { hooks: { content } };
  },
} satisfies Plugin<typeof OPTIONS>;

function surroundings(view: View, header: Header, brandModels: readonly Model[]): Surroundings {
  const { options, envelope, domain } = view;
  const { brands, redirectors, shorteners, exempt = [] } = options;
  const isServed = (host: string) => isOwn(host, (name) => view.isHosted(name));
  const served = [domain, ...envelope.recipients.map(({ address }) => address.domain)];
  const own = new Set(served.flatMap((name) => dnsName(name) ?? []).filter(isServed));
  const senders = [dnsName(envelope.reversePath?.domain ?? ''), ...authorDomains(header)];
  return {
    isKnown: (host) => isBelow(host, brands) || isBelow(host, exempt) || isServed(host),
    isModel: (host) => isBelow(host, brands) || isServed(host),
    models: [...brandModels, ...modelsOf([...own])],
    ...{ redirectors, shorteners },
    senders: new Set(senders.flatMap((name) => registeredDomain(name ?? '') ?? [])),
  };
}

function verdictOf(found: readonly Finding[], options: View['options']): Verdict | undefined {
  const verdict = judgedByActions(found, options, { prefix: 'LINK_' });
  if (verdict === undefined) return undefined;
  const told = found.filter(({ rule }) => options[rule] !== 'off');
  return {
    ...verdict,
    results: { link: told.map(({ rule, about }) => `${rule}(${about})`).join(' ') },
  };
}
