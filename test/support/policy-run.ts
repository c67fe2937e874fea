/**
 * What the shipped policy makes of the ham and spam of the corpus: the filters of
 * config/examples/sluice.yaml with real clamd and spamd, a customer with default thresholds, a DNS that
 * knows nobody. Used by a test on a sample and by `npm run corpus:policy` on all of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { corpusFiles, corpusMail } from './corpus.ts';
import { Destination } from './destination.ts';
import { DnsServer } from './dns-server.ts';
import { domainFile } from './domain-file.ts';
import { Gateway } from './gateway.ts';
import { SmtpTalk } from './smtp-talk.ts';

export type Fate = 'passed' | 'tagged' | 'quarantined' | 'refused' | 'deferred';

export interface JudgedMail {
  readonly file: string;
  readonly kind: 'ham' | 'spam';
  readonly fate: Fate;
  readonly why: string;
  readonly score: number;
  readonly tests: readonly string[];
}

const EXAMPLES = join(import.meta.dirname, '..', '..', 'config', 'examples');
const DOMAIN = 'example.org';
const SLOW_MS = 300_000;
/** Heavy spam filters on a busy machine need longer than in earnest. */
const SCAN = { timeout: '240s' };

/** All of the corpus whose kind is known. */
export function labelledMails(): { readonly ham: string[]; readonly spam: string[] } {
  const sets = (...names: readonly string[]) => names.flatMap((name) => corpusFiles(name));
  return {
    ham: sets(
      ...['sa-public-corpus/ham', 'sa-public-corpus/ham-hard'],
      ...['spamassassin-tdata/nice', 'spamassassin-tdata/welcomelists'],
    ),
    spam: sets('sa-public-corpus/spam', 'spamassassin-tdata/spam'),
  };
}

/** The `plugins` of the example, for scanners that the gateway starts itself. */
function shippedPlugins(file: string): string {
  const { plugins } = parse(readFileSync(file, 'utf8')) as {
    readonly plugins: readonly (string | Record<string, Record<string, unknown>>)[];
  }; // as docs/configuration.md has it; the gateway checks it
  const list = plugins.map((entry) => {
    const named = typeof entry === 'string' ? { [entry]: {} } : entry;
    return Object.fromEntries(
      Object.entries(named).map(([name, options]) => {
        const { address: _elsewhere, ...own }: Record<string, unknown> = options;
        return [name, name === 'spamassassin' ? { ...own, ...SCAN } : own];
      }),
    );
  });
  return stringify(list, { collectionStyle: 'flow', lineWidth: 0 }).trim();
}

export async function runPolicy(
  mails: { readonly ham: readonly string[]; readonly spam: readonly string[] },
  options: {
    readonly sessions: number;
    /** Whose `plugins` count. */
    readonly config?: string;
    readonly onProgress?: (done: number) => void;
  },
): Promise<JudgedMail[]> {
  const destination = await new Destination().start();
  const dns = await new DnsServer({}).start();
  const plugins = shippedPlugins(options.config ?? join(EXAMPLES, 'sluice.yaml'));
  const gateway = await Gateway.make({
    node: `scanners: { managed: true }\ndns: { servers: ["${dns.address}"] }`,
    ...{ plugins, log: '{ level: info, file: null }' },
    domains: { [DOMAIN]: domainFile(destination.port) },
  });
  try {
    await gateway.start(120_000);
    const waiting = (['ham', 'spam'] as const).flatMap((kind) =>
      mails[kind].map((file) => ({ kind, file })),
    );
    const judged: JudgedMail[] = [];
    let sent = 0;
    const session = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const from = `m${(sent += 1)}@client.example`;
        judged.push({ ...next, ...(await judgedMail(gateway, from, corpusMail(next.file))) });
        destination.arrived.length = 0;
        options.onProgress?.(judged.length);
      }
    };
    await Promise.all(Array.from({ length: options.sessions }, session));
    return judged;
  } finally {
    await gateway.remove();
    await destination.stop();
    await dns.stop();
  }
}

async function judgedMail(gateway: Gateway, from: string, content: Buffer) {
  const talk = await SmtpTalk.greeted(gateway.port());
  try {
    talk.write(`MAIL FROM:<${from}>\r\nRCPT TO:<anna@${DOMAIN}>\r\nDATA\r\n`);
    for (let i = 0; i < 3; i++) await talk.reply();
    const text = content.toString('latin1').replace(/^\./gm, '..');
    talk.write(Buffer.from(`${text}.\r\n`, 'latin1'));
    const reply = await talk.reply(SLOW_MS);
    const entry = await gateway.event('msg.in', (line) => line['from'] === from);
    const score = Number(entry['score'] ?? 0);
    const tests = Array.isArray(entry['tests']) ? entry['tests'].map(String) : [];
    const why = (typeof entry['why'] === 'string' ? entry['why'] : reply).slice(0, 100);
    return { fate: fateOf(entry['res'], score), why, score, tests };
  } finally {
    talk.socket.destroy();
  }
}

/** `tag` is at 5 by default. */
function fateOf(result: unknown, score: number): Fate {
  switch (result) {
    case 'accept':
      return score >= 5 ? 'tagged' : 'passed';
    case 'quarantine':
      return 'quarantined';
    case 'reject':
      return 'refused';
    default:
      return 'deferred';
  }
}
