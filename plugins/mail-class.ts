/**
 * mail-class: tells ordinary mail from newsletters, mailing lists, automatic replies and bounces.
 *
 * The class stands in log and trace as `class`, and as X-Sluice-Class on top of the message, so that
 * a mailbox can sort by it: `bounce` (a report of failed or late delivery), `complaint` (an abuse
 * report, RFC 5965), `auto` (an automatic reply, RFC 3834: absence, confirmation), `list` (a mailing
 * list, RFC 2919), `bulk` (newsletters, advertising, notices to many). Ordinary mail has none. It
 * goes by what the header says, so it finds what declares itself; who hides his newsletter's nature
 * is a matter for the spam filters.
 *
 * Each class has its own action: `mark`, `score` (adds `score`), `quarantine` or `reject` (550), for
 * each domain apart. Bounces and complaints are only ever marked: they may be about your own mail.
 */
import type { ContentView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import type { MailClass } from './mail-class/classify.ts';
import { classify } from './mail-class/classify.ts';
import { readHeader } from './shared/header.ts';

const ACTIONS = ['mark', 'score', 'quarantine', 'reject'] as const;

const OPTIONS = {
  bulk: { type: 'string', oneOf: ACTIONS, default: 'mark', doc: 'For newsletters and the like.' },
  list: { type: 'string', oneOf: ACTIONS, default: 'mark', doc: 'For mailing lists.' },
  auto: { type: 'string', oneOf: ACTIONS, default: 'mark', doc: 'For automatic replies.' },
  score: { type: 'number', min: 0, max: 100, default: 2, doc: 'What `score` adds.' },
  header: { type: 'boolean', default: true, doc: 'Put X-Sluice-Class on mail that has a class.' },
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

const TEXTS: Readonly<Record<'bulk' | 'list' | 'auto', string>> = {
  bulk: 'Newsletters are not accepted here',
  list: 'Mail of mailing lists is not accepted here',
  auto: 'Automatic replies are not accepted here',
};

export default {
  name: 'mail-class',
  options: OPTIONS,
  hooks: {
    async content(view) {
      const isNull = view.envelope.reversePath === null;
      const found = classify(await readHeader(view.content), isNull);
      return found && verdictOf(found, view.options);
    },
  },
} satisfies Plugin<typeof OPTIONS>;

function verdictOf(found: MailClass, options: View['options']): Verdict {
  const evidence = {
    results: { class: found },
    fields: options.header ? [{ name: 'X-Sluice-Class', value: found }] : [],
  };
  if (found === 'bounce' || found === 'complaint') return { kind: 'pass', ...evidence };
  const refusal = { reason: 'bulk', text: TEXTS[found] } as const;
  switch (options[found]) {
    case 'mark':
      return { kind: 'pass', ...evidence };
    case 'score':
      return {
        kind: 'pass',
        ...evidence,
        score: options.score,
        tests: [`CLASS_${found.toUpperCase()}`],
      };
    case 'quarantine':
      return { kind: 'quarantine', ...refusal, ...evidence };
    case 'reject':
      return { kind: 'refuse', ...refusal, ...evidence };
  }
}
