/**
 * rspamd: asks rspamd how much a message looks like spam; the faster alternative to SpamAssassin.
 *
 * The score and the names of the symbols that weigh go into the verdict, and as X-Spam-Score and
 * X-Spam-Tests on top of the message (with spamd beside it once, of all filters together); what a
 * score leads to is each domain's own choice (`spam: tag, quarantine, reject`). rspamd by itself
 * marks at 6 and refuses at 15: choose a domain's thresholds for its scale, or turn to its own word
 * with `refuse` and `soft_reject`. It is told of the client (address, name if the DNS confirms it,
 * HELO, login), the envelope and the message's id here, so its own checks of sender and client work.
 * Content above `max_size` is not judged: the trace says `skipped`, as it does when rspamd has been
 * told not to look. Whatever is not a whole, clear answer is a failure, and `on_error` decides. With
 * several addresses the next one is asked when one fails; one that takes long is waited for as long as it
 * answers `/ping` within two seconds.
 *
 * What a person says of a message in quarantine goes to rspamd's classifiers when `controller` is
 * given (`sluice quarantine release|delete --learn`).
 */
import type {
  ContentView,
  Endpoint,
  Options,
  OptionSchema,
  Plugin,
  PluginHost,
  Verdict,
} from 'sluice-mx/plugin';
import { ask } from './rspamd/ask.ts';
import type { Judgement } from './rspamd/judgement.ts';
import { readJudgement } from './rspamd/judgement.ts';
import { clientName } from './shared/client-name.ts';
import { formatEndpoint } from './shared/words.ts';
import { wholeOf } from './shared/whole-content.ts';
import { learn } from './rspamd/learn.ts';
import { describe } from './rspamd/description.ts';

const OPTIONS = {
  address: {
    type: 'endpoints',
    port: 11_333,
    default: ['127.0.0.1:11333'],
    doc: "Where rspamd's normal worker listens: a socket file or host:port, one or several.",
  },
  max_size: { type: 'size', default: '10MiB', doc: 'Larger content is not judged.' },
  refuse: {
    type: 'boolean',
    default: false,
    doc: "Refuse what rspamd's own action is to reject, whatever the domain's thresholds say.",
  },
  soft_reject: {
    type: 'boolean',
    default: false,
    doc: 'Put off (451) what rspamd wants to come again: its greylisting and rate limits.',
  },
  settings: { type: 'string', doc: "Name of settings in rspamd's configuration (Settings-ID)." },
  controller: {
    type: 'endpoints',
    port: 11_334,
    doc: "Where rspamd's controller listens: it is taught what people say of mail.",
  },
  password: { type: 'string', doc: 'Of the controller.' },
  header: { type: 'boolean', default: true, doc: 'Put X-Spam-Score and X-Spam-Tests on mail.' },
  max_concurrent: {
    type: 'number',
    min: 1,
    max: 1000,
    default: 20,
    doc: 'Messages judged at the same time.',
  },
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

/** A field stays well below the 998 octets of RFC 5322 2.1.1. */
const MAX_TESTS_TEXT = 600;
const MAX_TESTS = 300;

export default {
  name: 'rspamd',
  service: 'spam',
  options: OPTIONS,
  setup(host, options: Options<typeof OPTIONS>) {
    return {
      hooks: { content: (view, signal) => judge(host, view, signal) },
      async probe(signal) {
        return { state: 'ok', text: await host.firstAnswer(options.address, signal, ping, ping) };
      },
      async learn({ as, options: own, content }, signal) {
        if (own.controller === undefined) return false;
        if (content.sizeBytes > own.max_size) throw new Error('larger than max_size');
        const bytes = await wholeOf(content);
        await host.firstAnswer(own.controller, signal, (endpoint, soon) =>
          learn(endpoint, bytes, { as, password: own.password }, soon),
        );
        return true;
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;

async function judge(host: PluginHost, view: View, signal: AbortSignal): Promise<Verdict> {
  const { address, max_size: maxSize, settings } = view.options;
  if (view.content.sizeBytes > maxSize) return { kind: 'pass', results: { rspamd: 'skipped' } };
  const startedAt = performance.now();
  const parts = [view.received, ...(await wholeOf(view.content))];
  const name = await clientName(host.dns, view.session.remote.address);
  const headers = describe(view, { hostname: host.hostname, clientName: name, settings });
  const request = { method: 'POST', path: '/checkv2', headers } as const;
  const question = async (endpoint: Endpoint, own: AbortSignal) => {
    const reply = await ask(endpoint, request, parts, own);
    try {
      return readJudgement(reply);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`rspamd at ${formatEndpoint(endpoint)}: ${cause}`, { cause: error });
    }
  };
  const judgement = await host.firstAnswer(address, signal, question, ping);
  return verdictOf(judgement, view.options, Math.round(performance.now() - startedAt));
}

/** Its workers answer it beside their work. */
async function ping(endpoint: Endpoint, signal: AbortSignal): Promise<string> {
  const reply = await ask(endpoint, { method: 'GET', path: '/ping' }, [], signal);
  if (reply.trim() !== 'pong') throw new Error(`${formatEndpoint(endpoint)}: no pong`);
  return `rspamd at ${formatEndpoint(endpoint)}`;
}

/** `tookMs`: from the first byte read to the answer. */
function verdictOf(judged: Judgement, options: View['options'], tookMs: number): Verdict {
  if (judged.action === undefined) return { kind: 'pass', results: { rspamd: 'skipped' } };
  const { score, tests, action } = judged;
  const evidence = {
    score,
    tests: tests.slice(0, MAX_TESTS),
    fields: options.header
      ? [
          { name: 'X-Spam-Score', value: score.toFixed(1) },
          { name: 'X-Spam-Tests', value: shortened(tests) },
        ]
      : [],
    results: { rspamd: action, rspamd_ms: tookMs },
  };
  if (action === 'reject' && options.refuse) {
    const text = `Message looks like spam, score ${score.toFixed(1)}`;
    return { kind: 'refuse', reason: 'spam', text, ...evidence };
  }
  if ((action === 'soft reject' || action === 'greylist') && options.soft_reject) {
    return { kind: 'defer', reason: 'plugin:rspamd', text: 'Please try again later', ...evidence };
  }
  return { kind: 'pass', ...evidence };
}

function shortened(tests: readonly string[]): string {
  let text = '';
  for (const test of tests) {
    const longer = text === '' ? test : `${text}, ${test}`;
    if (longer.length > MAX_TESTS_TEXT) return `${text}, ...`;
    text = longer;
  }
  return text === '' ? 'none' : text;
}
