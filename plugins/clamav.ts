/**
 * clamav: asks clamd whether a message carries a virus.
 *
 * The content goes to clamd as it came (command INSTREAM), with our Received field on top. Only the
 * answer "OK" to the whole content lets it pass; a name that clamd gives refuses it (554, or
 * quarantine where the domain says `virus: quarantine`). Everything else, be it an error, silence, a
 * broken connection or rubbish, is a failure, and `on_error` decides. With several addresses the next
 * one is asked when one fails; one that has failed is asked last until it answers a question that is
 * put to it half a minute later, and the log tells of both. A scan that takes long is waited for as long
 * as its clamd answers a PING within two seconds; from one that does not the mail goes to the next. The
 * last one is waited for until the `timeout`; then `on_error` decides. Connections are kept for some
 * seconds and serve one message after another (IDSESSION).
 *
 * Old signatures find no new viruses: with every sign of life clamd is asked of which day its own are,
 * and from `signatures_age` on this is told. Mail goes on as before. Of several addresses it is the
 * clamd that answers.
 *
 * clamd's own limits count as well: give its StreamMaxLength, MaxScanSize and MaxFileSize at least
 * `max_size`, and that at least `limits.message_size`. Debian's clamd has 25M. Beyond StreamMaxLength
 * it says so, and `oversize` decides. Beyond its other limits (size, number and depth of what is in
 * archives, time) it says OK without having looked, unless its AlertExceedsMax is on: set
 * `AlertExceedsMax yes` in clamd.conf, and `oversize` decides there too. `sluice doctor` looks at it.
 *
 * What is too large stays too large until somebody raises the limit. By `oversize: error` it is like any
 * other failure: with `on_error: defer` the sender's server tries again for days, and only then hears its
 * sender of it; with `hold` it waits until a person releases it. `reject` tells the sender at once why.
 */
import type {
  ContentView,
  Options,
  OptionSchema,
  Plugin,
  PluginHost,
  Verdict,
} from 'sluice-mx/plugin';
import { instream } from './clamav/instream.ts';
import { ping } from './clamav/ping.ts';
import { Sessions } from './clamav/sessions.ts';
import { signaturesOf } from './clamav/signatures.ts';
import { version } from './clamav/version.ts';

const OPTIONS = {
  address: {
    type: 'endpoints',
    port: 3310,
    default: ['/run/clamav/clamd.ctl'],
    doc: 'Where clamd listens: a socket file or host:port, one or several.',
  },
  max_size: {
    type: 'size',
    default: '100MiB',
    doc: 'Larger content is not given to clamd.',
  },
  oversize: {
    type: 'string',
    oneOf: ['error', 'accept', 'reject'],
    default: 'error',
    doc: 'What happens to content beyond this limit or one of clamd; error: `on_error`, which for `defer` means days of waiting; reject: refused at once.',
  },
  signatures_age: {
    type: 'duration',
    default: '7d',
    doc: 'Signatures of this age are old: log, alerts, `sluice status` and `sluice doctor` say so.',
  },
  header: { type: 'boolean', default: true, doc: 'Put X-Virus-Status on mail that is clean.' },
  max_concurrent: {
    type: 'number',
    min: 1,
    max: 1000,
    default: 10,
    doc: "Scans at the same time; clamd's MaxThreads.",
  },
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

export default {
  name: 'clamav',
  service: 'virus',
  options: OPTIONS,
  setup(host, options: Options<typeof OPTIONS>) {
    const sessions = new Sessions();
    return {
      hooks: { content: (view, signal) => judge(host, sessions, view, signal) },
      async probe(signal) {
        const text = await host.firstAnswer(options.address, signal, version, ping);
        const signatures = signaturesOf(text, host.now(), options.signatures_age);
        return { state: 'ok', text, signatures };
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;

async function judge(
  host: PluginHost,
  sessions: Sessions,
  view: View,
  signal: AbortSignal,
): Promise<Verdict> {
  const { address, max_size: maxSize, header } = view.options;
  if (view.received.length + view.content.sizeBytes > maxSize) {
    return tooLarge(view, 'content is larger than max_size');
  }
  const startedAt = performance.now();
  const scan = await host.firstAnswer(
    address,
    signal,
    (endpoint, own) => instream(sessions, endpoint, view.received, view.content, own),
    ping,
  );
  const clamd_ms = Math.round(performance.now() - startedAt);
  switch (scan.kind) {
    case 'clean': {
      const fields = header ? [{ name: 'X-Virus-Status', value: 'Clean' }] : [];
      return { kind: 'pass', fields, results: { clamd: 'clean', clamd_ms } };
    }
    case 'found': {
      const results = { virus: scan.name, clamd: 'found', clamd_ms };
      return { kind: 'refuse', reason: 'virus', text: scan.name, detail: '7.1', results };
    }
    case 'too-large':
      return tooLarge(view, `content is beyond a limit of clamd's: ${scan.limit}`);
  }
}

function tooLarge({ options: { oversize, header } }: View, problem: string): Verdict {
  const results = { clamd: 'too-large' };
  switch (oversize) {
    case 'error':
      throw new Error(problem);
    case 'reject': {
      const text = 'Message is too large to be checked';
      return { kind: 'refuse', reason: 'size', text, detail: '3.4', results };
    }
    case 'accept': {
      const fields = header ? [{ name: 'X-Virus-Status', value: 'Not checked, too large' }] : [];
      return { kind: 'pass', fields, results };
    }
  }
}
