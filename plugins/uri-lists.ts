/**
 * uri-lists: asks DNS lists about the domains and addresses that a mail leads to.
 *
 * What leads somewhere is found in text (with `http://`, with `www.`, as a bare name under a known
 * ending) and in HTML (links, forms, pictures, styles, refresh, `base`, pages in `data:`), in every
 * part that is text, in attached mails and in attached HTML files, whatever the charset or transfer
 * encoding. It is read as a browser reads it: character references, percent signs, control characters,
 * international names, numbers in place of an address. Addresses within addresses (redirectors, link
 * rewriters) count too.
 *
 * Nothing is listed here: which lists may be asked, and on which terms, is between you and those who
 * run them. Several answers of one list may weigh differently: name the zone several times with other
 * `codes` (`&N` for lists that answer with bits); it is asked once. A list counts once in a mail.
 *
 *     - uri-lists:
 *         lists:
 *           - { zone: dbl.spamhaus.org, codes: 127.0.1.2-99, about: host, score: 5 }
 *           - { zone: multi.surbl.org, codes: 127.0.0.&8, about: [domain, address], score: 5 }
 *           - { zone: multi.surbl.org, codes: 127.0.0.&208, about: [domain, address], score: 4 }
 *           - { zone: multi.uribl.com, codes: 127.0.0.&2, about: [domain, address], score: 3 }
 *
 * The lists above do not answer public resolvers such as 8.8.8.8 usefully: set `dns.servers` to a
 * resolver of your own. Their answers for that, and their silence, never count. Spamhaus DBL must not
 * be asked about addresses: leave `address` out. Domains of hosters with customers below them
 * (`blogspot.com`) count as many domains.
 *
 * At most `max_names` names and addresses of a mail are asked about: links first and most often, but
 * every kind in its turn, the first and the last ones. Of a domain the first host stands for all.
 * When there was more text, or more in it, than is looked at, the trace says `uri_cut=true`.
 * Domains served here, those of `exempt` and private addresses are never asked about.
 */
import type { ContentView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import { LIST_WEIGHT } from './shared/list-answers.ts';
import { ListQuestions } from './shared/list-questions.ts';
import { ON_ERROR } from './shared/on-error.ts';
import { CODES } from './shared/return-codes.ts';
import { ZONE } from './shared/zone.ts';
import { answersOf, judgedByLists } from './uri-lists/answers.ts';
import { chosen } from './uri-lists/chosen.ts';
import { toldWhenCut } from './shared/uris/cut.ts';
import { isBelow, isOwn } from './shared/uris/known-names.ts';
import { linksOf, MAX_TEXT } from './shared/uris/mail-links.ts';

const OPTIONS = {
  lists: {
    type: 'table',
    columns: {
      zone: {
        type: 'string',
        required: true,
        form: ZONE,
        doc: 'Below which name the list is asked.',
      },
      codes: {
        type: 'strings',
        form: CODES,
        default: ['127.0.0.2-255'],
        doc: 'Answers that count: each part a number, a range, `*`, or `&N` for any bit of N.',
      },
      about: {
        type: 'strings',
        oneOf: ['domain', 'host', 'address'],
        default: ['domain'],
        doc: 'What it is asked about: registered domains, full host names, IP addresses.',
      },
      action: {
        type: 'string',
        oneOf: ['score', 'reject'],
        default: 'score',
        doc: 'What an answer means.',
      },
      ...LIST_WEIGHT,
    },
    doc: 'Lists of domains, hosts and addresses.',
  },
  exempt: {
    type: 'strings',
    default: [
      ...['w3.org', 'google.com', 'gmail.com', 'youtube.com', 'microsoft.com', 'office.com'],
      ...['outlook.com', 'apple.com', 'icloud.com', 'facebook.com', 'instagram.com', 'x.com'],
      ...['twitter.com', 'linkedin.com', 'amazon.com', 'amazon.de', 'paypal.com', 'ebay.com'],
      ...['wikipedia.org', 'github.com', 'mozilla.org', 'yahoo.com', 'gmx.de', 'web.de'],
    ],
    doc: 'Domains, with all below them, that no list is asked about.',
  },
  max_names: {
    type: 'number',
    min: 1,
    max: 100,
    default: 20,
    doc: 'Domains and addresses of one mail that each list is asked about.',
  },
  max_text: MAX_TEXT,
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

export default {
  name: 'uri-lists',
  service: 'spam',
  options: OPTIONS,
  setup(host) {
    const questions = new ListQuestions(host);
    const content = async (view: View, signal: AbortSignal): Promise<Verdict | undefined> => {
      const { options } = view;
      const { mentions, isCut } = await linksOf(view.content, options.max_text, signal);
      const isKnown = (name: string) =>
        isBelow(name, options.exempt) || isOwn(name, (domain) => view.isHosted(domain));
      const { asked } = chosen(mentions, options.max_names, isKnown);
      const answers = await answersOf(options.lists ?? [], asked, questions, signal);
      return toldWhenCut(judgedByLists(answers), isCut);
    };
    return { hooks: { content } };
  },
} satisfies Plugin<typeof OPTIONS>;
