/**
 * spamassassin: asks spamd how much a message looks like spam.
 *
 * The score and the names of the rules that matched go into the verdict, and as X-Spam-Score and
 * X-Spam-Tests on top of the message (with rspamd beside it once, of all filters together); what a
 * score leads to is each domain's own choice (`spam: tag, quarantine, reject`). The content goes to
 * spamd as it came, with our Received field on top, so that rules see who sent it; the client's name
 * stands in it if the DNS confirms it. Content above `max_size` is not judged, for spam is small and
 * spamd slow: the trace says `skipped`. Whatever is not a whole, clear answer is a failure, and
 * `on_error` decides. With several addresses the next one is asked when one fails.
 *
 * What a person says of a message in quarantine goes to spamd's Bayes classifier with `learn: true`
 * (`sluice quarantine release|delete --learn`); spamd must run with --allow-tell.
 *
 * Give `max_concurrent` the number of spamd's children: more at a time only wait inside spamd.
 */
import type {
  ContentView,
  Options,
  OptionSchema,
  Plugin,
  PluginHost,
  Verdict,
} from 'sluice-mx/plugin';
import { clientName } from './shared/client-name.ts';
import { wholeOf } from './shared/whole-content.ts';
import { namedReceived } from './spamassassin/named-received.ts';
import { ping } from './spamassassin/ping.ts';
import { symbols } from './spamassassin/symbols.ts';
import { tell } from './spamassassin/tell.ts';

const OPTIONS = {
  address: {
    type: 'endpoints',
    port: 783,
    default: ['127.0.0.1:783'],
    doc: 'Where spamd listens: a socket file or host:port, one or several.',
  },
  max_size: { type: 'size', default: '512KiB', doc: 'Larger content is not judged.' },
  user: { type: 'string', doc: 'Whose settings spamd uses; left out: its own.' },
  compress: {
    type: 'string',
    oneOf: ['auto', 'always', 'never'],
    default: 'auto',
    doc: 'Compress what goes to spamd; auto: over the network, not on this machine.',
  },
  learn: { type: 'boolean', default: false, doc: 'Teach spamd what people say of mail.' },
  header: { type: 'boolean', default: true, doc: 'Put X-Spam-Score and X-Spam-Tests on mail.' },
  timeout: { type: 'duration', default: '60s', doc: 'Longest time for one message.' },
  max_concurrent: {
    type: 'number',
    min: 1,
    max: 1000,
    default: 5,
    doc: "Messages judged at the same time; spamd's --max-children.",
  },
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

/** A field stays well below the 998 octets of RFC 5322 2.1.1. */
const MAX_TESTS_TEXT = 600;
/** Rules that match in one message; spamd has some two thousand in all. */
const MAX_TESTS = 300;

export default {
  name: 'spamassassin',
  service: 'spam',
  options: OPTIONS,
  setup(host, options: Options<typeof OPTIONS>) {
    return {
      hooks: { content: (view, signal) => judge(host, view, signal) },
      async probe(signal) {
        const text = await host.firstAnswer(options.address, signal, ping);
        return { state: 'ok', text };
      },
      async learn(
        { as, options: { learn, address, user, compress, max_size: maxSize }, content },
        signal,
      ) {
        if (!learn) return false;
        if (content.sizeBytes > maxSize) throw new Error('larger than max_size');
        const bytes = await wholeOf(content);
        await host.firstAnswer(address, signal, (endpoint, own) =>
          tell(endpoint, bytes, { as, user, compress }, own),
        );
        return true;
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;

async function judge(host: PluginHost, view: View, signal: AbortSignal): Promise<Verdict> {
  const { address, max_size: maxSize, user, compress, header } = view.options;
  if (view.content.sizeBytes > maxSize) return { kind: 'pass', results: { spamd: 'skipped' } };
  const startedAt = performance.now();
  const name = await clientName(host.dns, view.session.remote.address);
  const parts = [namedReceived(view.received, name), ...(await wholeOf(view.content))];
  const { score, tests } = await host.firstAnswer(address, signal, (endpoint, own) =>
    symbols(endpoint, parts, { user, compress }, own),
  );
  const spamd_ms = Math.round(performance.now() - startedAt);
  const fields = [
    { name: 'X-Spam-Score', value: score.toFixed(1) },
    { name: 'X-Spam-Tests', value: testsText(tests) },
  ];
  return {
    kind: 'pass',
    score,
    tests: tests.slice(0, MAX_TESTS),
    fields: header ? fields : [],
    results: { spamd: 'judged', spamd_ms },
  };
}

function testsText(tests: readonly string[]): string {
  const text = tests.join(', ');
  if (text.length <= MAX_TESTS_TEXT) return text === '' ? 'none' : text;
  return `${text.slice(0, text.lastIndexOf(',', MAX_TESTS_TEXT))}, ...`;
}
