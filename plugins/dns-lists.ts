/**
 * dns-lists: asks DNS lists of addresses (`clients`) and of domain names (`domains`) about the client.
 *
 * Nothing is listed here: which lists may be asked, and on which terms, is between you and those who
 * run them. An entry says what its answer means: `score` adds to the score of the mail, `reject`
 * refuses at RCPT, `allow` means that no list of either kind speaks against this client. Several
 * answers of one list may weigh differently: name the zone several times with other `codes`; it is
 * asked once.
 *
 *     - dns-lists:
 *         clients:
 *           - { zone: zen.spamhaus.org, codes: 127.0.0.2-11, action: reject }
 *           - { zone: bl.spamcop.net, score: 3 }
 *           - { zone: list.dnswl.org, codes: "127.0.*.2-3", action: allow }
 *         domains:
 *           - { zone: dbl.spamhaus.org, codes: 127.0.1.2-99, names: [helo, sender, ptr], score: 4 }
 *
 * Terms, in short: Spamhaus (zen, dbl) is free for small use from a resolver of your own, by key for
 * all else; SpamCop is free; dnswl.org is free below 100,000 questions a day. None of them answers
 * public resolvers such as 8.8.8.8 usefully: set `dns.servers` to a resolver of your own.
 *
 * A list that answers 127.255.255.x (you may not ask) or an address outside 127.0.0.0/8 (the list has
 * ended) has failed: it never counts, and the log says so once. A list that is late or silent does not
 * count either, and after three times in a row it is left alone for a minute. Private addresses, hosted
 * domains and your own accounts are never asked about. `postmaster` and `abuse` are always taken, so
 * that who is listed by mistake can ask.
 */
import type { OptionSchema, Plugin, RcptView, Verdict } from 'sluice-mx/plugin';
import { judged } from './dns-lists/judged.ts';
import { LIST_WEIGHT } from './shared/list-answers.ts';
import { ListQuestions } from './shared/list-questions.ts';
import { namesOf } from './dns-lists/names.ts';
import { ON_ERROR } from './shared/on-error.ts';
import { isPublic, reversed } from './shared/public-address.ts';
import { CODES } from './shared/return-codes.ts';
import { ZONE } from './shared/zone.ts';

const LIST = {
  zone: { type: 'string', required: true, form: ZONE, doc: 'Below which name the list is asked.' },
  codes: {
    type: 'strings',
    form: CODES,
    default: ['127.0.0.2-255'],
    doc: 'Answers that count: each part a number, a range, `*`, or `&N` for any bit of N.',
  },
  action: {
    type: 'string',
    oneOf: ['score', 'reject', 'allow'],
    default: 'score',
    doc: 'What an answer means.',
  },
  ...LIST_WEIGHT,
} as const;

const OPTIONS = {
  clients: { type: 'table', columns: LIST, doc: "Lists of addresses, asked about the client's." },
  domains: {
    type: 'table',
    columns: {
      ...LIST,
      names: {
        type: 'strings',
        oneOf: ['helo', 'sender', 'ptr'],
        default: ['helo', 'sender'],
        doc: "Which names it is asked about: in HELO, the sender's domain, the client's names in the DNS.",
      },
    },
    doc: 'Lists of domain names.',
  },
  always_taken: {
    type: 'strings',
    default: ['postmaster', 'abuse'],
    doc: 'Local parts of recipients whose mail no list refuses.',
  },
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

export default {
  name: 'dns-lists',
  service: 'spam',
  options: OPTIONS,
  setup(host) {
    const questions = new ListQuestions(host);
    const rcpt = async (
      view: RcptView<typeof OPTIONS>,
      signal: AbortSignal,
    ): Promise<Verdict | undefined> => {
      if (view.direction === 'out') return undefined;
      const { clients = [], domains = [], always_taken: alwaysTaken } = view.options;
      const { address } = view.session.remote;
      const aboutClient = isPublic(address)
        ? clients.map((list) => questions.ask(list, reversed(address), address, signal))
        : [];
      const names = await namesOf(view, new Set(domains.flatMap((list) => list.names)), host.dns);
      const aboutNames = domains.flatMap((list) =>
        names
          .filter(({ kind }) => list.names.includes(kind))
          .map(({ name }) => questions.ask(list, name, name, signal)),
      );
      const answers = await Promise.all([...aboutClient, ...aboutNames]);
      const isExempt = alwaysTaken.includes(view.recipient.address.local.toLowerCase());
      return judged(answers, isExempt);
    };
    return { hooks: { rcpt } };
  },
} satisfies Plugin<typeof OPTIONS>;
