/**
 * sender-auth: asks the DNS whether a message comes from whom it says: SPF, DKIM, DMARC and ARC.
 *
 * What it finds stands in one Authentication-Results field on top of the message, in the log and in
 * the trace. A domain whose DMARC record asks to refuse or to quarantine what is not from it is
 * obeyed; a mailing list or forwarder that changes mail may be trusted by its ARC seal
 * (`trusted_sealers`), a sender by name (`exceptions`). When a name server does not answer nothing is
 * refused: what could not be found out is no evidence; `temperror: defer` asks the client to come
 * again instead.
 *
 * Without a DMARC policy nobody forbids others to write as somebody of your own domains. `from_hosted`
 * makes points of it: as shipped two, which mark nothing alone, for mailing lists change what people of
 * your domains send to them and pass it on with the author as he was. Who may write so from elsewhere
 * signs for the domain, or is named in its SPF record or in `exceptions`.
 *
 * A sender whose domain names the client in its SPF record, or has signed the message, counts as
 * proven: to him, and to nobody else from outside, a report of failure may be sent. Mail of your own
 * accounts is not looked at. Nothing but the DNS is asked.
 */
import { Readable } from 'node:stream';
import type { DNSResolver } from 'mailauth';
import type { ContentView, OptionSchema, Plugin, PluginHost, Verdict } from 'sluice-mx/plugin';
import { boundedMail } from './sender-auth/bounded-mail.ts';
import { isException, listIdOf } from './shared/exceptions.ts';
import { hostedAuthor } from './sender-auth/hosted-author.ts';
import { judgement } from './sender-auth/judgement.ts';
import { questions } from './shared/mailauth-questions.ts';
import { resultsField } from './sender-auth/results-field.ts';

const OPTIONS = {
  dmarc: {
    type: 'string',
    oneOf: ['enforce', 'quarantine', 'mark'],
    default: 'enforce',
    doc: 'Obey the DMARC policy of the sender, hold what it wants refused, or only write down what was found.',
  },
  spf: {
    type: 'string',
    oneOf: ['mark', 'reject'],
    default: 'mark',
    doc: 'Refuse by SPF alone when the domain says that nobody else sends for it (-all). Breaks forwarding.',
  },
  from_hosted: {
    type: 'action',
    default: 2,
    doc: 'An author (From) of a domain served here whom neither SPF nor DKIM proves, with a sender elsewhere. Mailing lists write so.',
  },
  temperror: {
    type: 'string',
    oneOf: ['accept', 'defer'],
    default: 'accept',
    doc: 'When name servers do not answer: go on without, or ask the client to come again.',
  },
  exceptions: {
    type: 'strings',
    doc: 'Senders never refused and never given points here: addresses, domains with their subdomains, lists by their List-Id, client networks.',
  },
  trusted_sealers: {
    type: 'strings',
    doc: 'Domains whose valid ARC seal stands for mail that they have changed.',
  },
  min_key_bits: {
    type: 'number',
    min: 512,
    max: 4096,
    default: 1024,
    doc: 'DKIM keys shorter than this prove nothing.',
  },
  timeout: { type: 'duration', default: '60s', doc: 'Longest time for one message.' },
  max_concurrent: {
    type: 'number',
    min: 1,
    max: 1000,
    default: 100,
    doc: 'Messages looked at at the same time.',
  },
} as const satisfies OptionSchema;

/** Then no question is asked any more but for policies. */
const QUESTION_MS = 20_000;

type View = ContentView<typeof OPTIONS>;
type Authenticate = (typeof import('mailauth'))['authenticate'];

export default {
  name: 'sender-auth',
  options: OPTIONS,
  async setup(host) {
    // Loaded when it is used: it takes a while.
    const { authenticate } = await import('mailauth');
    return { hooks: { content: (view, signal) => judge(host, authenticate, view, signal) } };
  },
} satisfies Plugin<typeof OPTIONS>;

async function judge(
  host: PluginHost,
  authenticate: Authenticate,
  view: View,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  if (view.direction === 'out') return undefined;
  const { session, envelope, content, options } = view;
  const { reversePath } = envelope;
  const sender = reversePath === null ? '' : `${reversePath.local}@${reversePath.domain}`;
  const { ask, exhausted, keyUnanswered } = questions(host.dns, Date.now() + QUESTION_MS, signal);
  const found = await authenticate(Readable.from(boundedMail(content, signal), { signal }), {
    ip: session.remote.address,
    helo: session.hello?.name ?? '',
    sender,
    mta: host.hostname,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its type forgets MX, whose records are objects as in node:dns
    resolver: ask as DNSResolver,
    minBitLength: options.min_key_bits,
    trustReceived: false,
    // It would fetch pictures from the net.
    disableBimi: true,
    strict: true,
  });
  const lines = found.dkim.headers?.parsed.map(({ line }) => String(line)) ?? [];
  const claimed = {
    client: session.remote.address,
    addresses: [sender, ...found.dkim.headerFrom],
    listIds: lines.flatMap((line) => listIdOf(line) ?? []),
  };
  const { decision, proven, results } = judgement(found, options, {
    reversePath,
    isException: isException(options.exceptions ?? [], claimed),
    exhausted: exhausted(),
    keyUnanswered: keyUnanswered(),
    hostedAuthor: hostedAuthor(found, view),
  });
  const value = resultsField(host.hostname, found);
  const fields = [{ name: 'Authentication-Results', value }];
  return { ...decision, fields, results, senderProven: proven };
}
