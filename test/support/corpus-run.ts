/**
 * Sends mails of the corpus through the real gateway, with real clamd and spamd, into a real
 * Postfix, and holds what arrives against what was sent. Used by a test on a sample and by
 * `npm run corpus` on all of it.
 */
import { createHash } from 'node:crypto';
import { corpusMail } from './corpus.ts';
import { domainFile } from './domain-file.ts';
import { Gateway } from './gateway.ts';
import { Postfix } from './postfix.ts';
import { SmtpTalk } from './smtp-talk.ts';
import { until } from './until.ts';

export interface CorpusReport {
  readonly sent: number;
  /** By first word of the reply and reason, such as `250` or `550 spam`. */
  readonly replies: Readonly<Record<string, number>>;
  /** Accepted mails whose content did not arrive byte for byte. */
  readonly altered: readonly string[];
  /** Mails that got no clear reply. */
  readonly unanswered: readonly string[];
  readonly scanErrors: number;
  readonly seconds: number;
}

const DOMAIN = 'example.org';

/** Four sessions side by side, as many as two spamd children can make use of. */
export async function runCorpus(
  files: readonly string[],
  options: { sessions: number; onProgress?: (done: number) => void },
): Promise<CorpusReport> {
  const postfix = await Postfix.start(DOMAIN);
  const gateway = await Gateway.make({
    node: 'scanners: { managed: true }',
    plugins: '[{ clamav: {} }, { spamassassin: { timeout: 120s } }]',
    domains: { [DOMAIN]: domainFile(postfix.port) },
  });
  const startedAt = Date.now();
  try {
    await gateway.start(120_000);
    const replies: Record<string, number> = {};
    const accepted = new Map<string, string>();
    const unanswered: string[] = [];
    const waiting = files.map((file, index) => ({ file, index }));
    let done = 0;
    const session = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const content = corpusMail(next.file);
        // The recipient tells at the other end which mail it is, for contents occur twice.
        const to = `m${next.index}@${DOMAIN}`;
        const reply = await sendOne(gateway.port(), to, content).catch(() => '');
        if (!/^[245]\d\d /.test(reply)) unanswered.push(next.file);
        const reason = /\((\w+)\)$/.exec(reply.split('\n').at(-1) ?? '')?.[1];
        const kind = [reply.slice(0, 3), reason].filter(Boolean).join(' ');
        replies[kind] = (replies[kind] ?? 0) + 1;
        if (/^250 .* delivered/.test(reply)) accepted.set(to, next.file);
        options.onProgress?.(++done);
      }
    };
    await Promise.all(Array.from({ length: options.sessions }, session));
    const mails = await postfix.mails(accepted.size);
    const arrived = new Map(
      mails.map((mail) => [
        /^Delivered-To: (\S+)$/m.exec(mail.toString('latin1'))?.[1] ?? '',
        mail,
      ]),
    );
    const altered = [...accepted].flatMap(([to, file]) => {
      const sent = Buffer.from(
        corpusMail(file).toString('latin1').replaceAll('\r\n', '\n'),
        'latin1',
      );
      const got = arrived.get(to);
      if (got === undefined) return [`${file}: did not arrive`];
      const same = digest(got.subarray(-sent.length)) === digest(sent);
      return same ? [] : [`${file}: altered`];
    });
    await until('the gateway still runs', () => gateway.exitCode === undefined);
    return {
      sent: files.length,
      replies,
      altered,
      unanswered,
      scanErrors: gateway.events('scan.error').length,
      seconds: (Date.now() - startedAt) / 1000,
    };
  } finally {
    await gateway.remove();
    postfix.stop();
  }
}

async function sendOne(port: number, to: string, content: Buffer): Promise<string> {
  const talk = await SmtpTalk.greeted(port);
  try {
    talk.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    for (const expected of ['250', '250', '354']) {
      const reply = await talk.reply();
      if (!reply.startsWith(expected)) return reply;
    }
    talk.write(stuffedLines(content));
    return await talk.reply(180_000);
  } finally {
    talk.socket.destroy();
  }
}

function stuffedLines(content: Buffer): Buffer {
  return Buffer.from(`${content.toString('latin1').replace(/^\./gm, '..')}.\r\n`, 'latin1');
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
