/**
 * clamav: asks clamd whether a message carries a virus.
 *
 * The content goes to clamd as it came (command INSTREAM), with our Received field on top. Only the
 * answer "OK" to the whole content lets it pass; a name that clamd gives refuses it (554, or
 * quarantine where the domain says `virus: quarantine`). Everything else, be it an error, silence, a
 * broken connection or rubbish, is a failure, and `on_error` decides. With several addresses the next
 * one is asked when one fails; one that has failed is asked last for half a minute.
 *
 * clamd's own limits count as well: give its StreamMaxLength, MaxScanSize and MaxFileSize at least
 * `max_size`, and that at least `limits.message_size`. Debian's clamd has 25M.
 */
import type { ContentView, Options, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import { AddressBook } from './clamav/address-book.ts';
import { instream, TooLarge } from './clamav/instream.ts';
import { firstVersion } from './clamav/version.ts';

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
    doc: 'What happens to larger content, by this limit or by that of clamd; error: `on_error`.',
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
  setup(_host, options: Options<typeof OPTIONS>) {
    const book = new AddressBook();
    return {
      hooks: { content: (view, signal) => scan(book, view, signal) },
      async probe(signal) {
        return { state: 'ok', text: await firstVersion(options.address, signal) };
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;

async function scan(book: AddressBook, view: View, signal: AbortSignal): Promise<Verdict> {
  const { address, max_size: maxSize, oversize, header } = view.options;
  const startedAt = performance.now();
  try {
    if (view.received.length + view.content.sizeBytes > maxSize) {
      throw new TooLarge(`content is larger than max_size`);
    }
    const found = await book.first(address, signal, (endpoint) =>
      instream(endpoint, view.received, view.content, signal),
    );
    const clamd_ms = Math.round(performance.now() - startedAt);
    if (found === undefined) {
      const fields = header ? [{ name: 'X-Virus-Status', value: 'Clean' }] : [];
      return { kind: 'pass', fields, results: { clamd: 'clean', clamd_ms } };
    }
    return {
      kind: 'refuse',
      reason: 'virus',
      text: found,
      detail: '7.1',
      results: { virus: found, clamd: 'found', clamd_ms },
    };
  } catch (error) {
    if (!(error instanceof TooLarge) || oversize === 'error') throw error;
    const results = { clamd: 'too-large' };
    if (oversize === 'reject') {
      const text = 'Message is too large to be checked';
      return { kind: 'refuse', reason: 'size', text, detail: '3.4', results };
    }
    const fields = header ? [{ name: 'X-Virus-Status', value: 'Not checked, too large' }] : [];
    return { kind: 'pass', fields, results };
  }
}
