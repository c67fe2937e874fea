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
 * A domain of which no list can say anything passes, and the trace says so (`new_domain=unknown`).
 * `refuse_new_domains: true` of an account refuses its mail from new domains whatever `action` is.
 */
import type { ContentView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import { namesToAsk } from './new-domains/names.ts';
import { authorDomains } from './shared/author-domains.ts';
import { readHeader } from './shared/header.ts';
import { ListQuestions } from './shared/list-questions.ts';
import { CODES } from './shared/return-codes.ts';
import { ZONE } from './shared/zone.ts';

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
  action: {
    type: 'string',
    oneOf: ['reject', 'score', 'off'],
    default: 'score',
    doc: 'What happens to mail from a new domain.',
  },
  score: { type: 'number', min: 0, max: 100, default: 4, doc: 'What `score` adds.' },
  on_error: {
    type: 'string',
    oneOf: ['defer', 'accept', 'reject'],
    default: 'accept',
    doc: 'What happens to mail that the plugin could not judge.',
  },
} as const satisfies OptionSchema;

export default {
  name: 'new-domains',
  service: 'spam',
  options: OPTIONS,
  setup(host) {
    const questions = new ListQuestions(host);
    return { hooks: { content: (view, signal) => judge(questions, view, signal) } };
  },
} satisfies Plugin<typeof OPTIONS>;

async function judge(
  questions: ListQuestions,
  view: ContentView<typeof OPTIONS>,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { lists = [], action, score } = view.options;
  if (action === 'off' || lists.length === 0) return undefined;
  const sender = view.envelope.reversePath?.domain;
  const authors = authorDomains(await readHeader(view.content));
  const domains = [...new Set([...(sender === undefined ? [] : [sender]), ...authors])];
  // A forger of a hosted domain tells nothing about it; a customer's own is what is asked about.
  const asked = domains.filter((domain) => view.direction === 'out' || !view.isHosted(domain));
  const answers = await Promise.all(
    lists.flatMap((list) =>
      namesToAsk(asked).map((name) =>
        questions.ask({ ...list, action: 'score' }, name, name, signal),
      ),
    ),
  );
  const listed = answers.find(({ kind }) => kind === 'listed');
  if (listed === undefined) {
    const isUnknown = answers.length > 0 && answers.every(({ kind }) => kind === 'failed');
    return isUnknown ? { kind: 'pass', results: { new_domain: 'unknown' } } : undefined;
  }
  const found = { tests: ['NEW_DOMAIN'], results: { new_domain: listed.about } };
  if (action === 'score') return { kind: 'pass', score, ...found };
  const text = `The domain ${listed.about} was registered a short time ago`;
  return { kind: 'refuse', reason: 'new_domain', text, ...found };
}
