/**
 * new-domains: has something against mail from domains that were registered a short time ago.
 *
 * Whether a domain is new is asked of DNS lists of new domains, such as the one of your feed or
 * `fresh15.spameatingmonkey.net`; none is asked unless it is named here, for whether you may ask is
 * between you and those who run it. The domains asked about are those of the envelope's sender and of
 * the field From. The lists know names as they are registered, so of `news.example.co.uk` the names
 * `example.co.uk` and `news.example.co.uk` are asked about. Domains that are hosted here are not asked
 * about when others claim to send from them.
 *
 *     - new-domains:
 *         lists: [{ zone: fresh.example.net }]
 *         action: score
 *
 * With `rdap` the registries themselves are asked when a domain was registered (RFC 9083), through the
 * file that says which registry has which names (RFC 9224), such as that of IANA:
 *
 *     - new-domains:
 *         rdap: https://data.iana.org/rdap/dns.json
 *         max_age: 1d
 *
 * A registry that does not answer rests for a minute; answers are remembered for a day.
 *
 * A domain of which nobody can say anything passes, and the trace says so (`new_domain=unknown`).
 * `refuse_new_domains: true` of an account refuses its mail from new domains whatever `action` is.
 */
import type { ContentView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import { namesToAsk } from './new-domains/names.ts';
import { Rdap } from './new-domains/rdap.ts';
import { authorDomains } from './shared/author-domains.ts';
import { readHeader } from './shared/header.ts';
import { ListQuestions } from './shared/list-questions.ts';
import { ON_ERROR } from './shared/on-error.ts';
import { CODES } from './shared/return-codes.ts';
import { ZONE } from './shared/zone.ts';

/** A file of a web server. */
const BOOTSTRAP = {
  pattern: /^https?:\/\/[^\s@?#/]+\/[^\s?#]*$/,
  hint: 'an address such as https://data.iana.org/rdap/dns.json',
};

const OPTIONS = {
  lists: {
    type: 'table',
    columns: {
      zone: { type: 'string', required: true, form: ZONE, doc: 'Below which name it is asked.' },
      codes: {
        type: 'strings',
        form: CODES,
        default: ['127.0.0.2-255'],
        doc: 'Answers that mean a new domain.',
      },
      timeout: { type: 'duration', default: '5s', doc: 'Then the list does not count.' },
    },
    doc: 'Lists of new domains.',
  },
  rdap: {
    type: 'string',
    form: BOOTSTRAP,
    doc: 'Where the bootstrap file of RDAP is; without it no registry is asked.',
  },
  rdap_timeout: { type: 'duration', default: '5s', doc: 'Then the registry does not count.' },
  max_age: { type: 'duration', default: '1d', doc: 'Younger domains are new, as registries say.' },
  action: {
    type: 'string',
    oneOf: ['reject', 'score', 'off'],
    default: 'score',
    doc: 'What happens to mail from a new domain.',
  },
  score: { type: 'number', min: 0, max: 100, default: 4, doc: 'What `score` adds.' },
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

export default {
  name: 'new-domains',
  service: 'spam',
  options: OPTIONS,
  setup(host) {
    const asked = { lists: new ListQuestions(host), rdap: new Rdap(host), now: () => host.now() };
    return { hooks: { content: (view, signal) => judge(asked, view, signal) } };
  },
} satisfies Plugin<typeof OPTIONS>;

interface Asked {
  readonly lists: ListQuestions;
  readonly rdap: Rdap;
  readonly now: () => number;
}

type View = ContentView<typeof OPTIONS>;

async function judge(
  sources: Asked,
  view: View,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { lists = [], rdap, action, score } = view.options;
  if (action === 'off' || (lists.length === 0 && rdap === undefined)) return undefined;
  const sender = view.envelope.reversePath?.domain;
  const authors = authorDomains(await readHeader(view.content));
  const domains = [...new Set([...(sender === undefined ? [] : [sender]), ...authors])];
  // A forger of a hosted domain tells nothing about it; a customer's own is what is asked about.
  const asked = domains.filter((domain) => view.direction === 'out' || !view.isHosted(domain));
  const [listed, registered] = await Promise.all([
    byLists(sources, view, asked, signal),
    byRegistries(sources, view, asked),
  ]);
  const isNew = typeof listed === 'object' ? listed : registered;
  if (typeof isNew !== 'object') {
    const isUnknown = asked.length > 0 && listed === 'unknown' && registered === 'unknown';
    return isUnknown ? { kind: 'pass', results: { new_domain: 'unknown' } } : undefined;
  }
  const { about } = isNew;
  const found = { tests: ['NEW_DOMAIN'], results: { new_domain: about } };
  if (action === 'score') return { kind: 'pass', score, ...found };
  const text = `The domain ${about} was registered a short time ago`;
  return { kind: 'refuse', reason: 'new_domain', text, ...found };
}

/** A new one of these domains, if there is one. */
type Found = { readonly about: string } | 'old' | 'unknown';

async function byLists(
  { lists: questions }: Asked,
  { options: { lists = [] } }: View,
  domains: readonly string[],
  signal: AbortSignal,
): Promise<Found> {
  const answers = await Promise.all(
    lists.flatMap((list) =>
      namesToAsk(domains).map((name) =>
        questions.ask({ ...list, action: 'score' }, name, name, signal),
      ),
    ),
  );
  const listed = answers.find(({ kind }) => kind === 'listed');
  return listed ?? (answers.every(({ kind }) => kind === 'failed') ? 'unknown' : 'old');
}

async function byRegistries(
  { rdap, now }: Asked,
  { options: { rdap: bootstrap, rdap_timeout: timeout, max_age: maxAge } }: View,
  domains: readonly string[],
): Promise<Found> {
  if (bootstrap === undefined) return 'unknown';
  const answers = await Promise.all(
    domains.map(async (domain): Promise<Found> => {
      // The shorter name may be what others are registered below.
      for (const name of namesToAsk([domain])) {
        const at = await rdap.registered(name, { bootstrap, timeout });
        if (at !== 'unknown') return now() - at < maxAge ? { about: name } : 'old';
      }
      return 'unknown';
    }),
  );
  const young = answers.find((answer) => typeof answer === 'object');
  return young ?? (answers.includes('old') ? 'old' : 'unknown');
}
