/**
 * What the report about caught mail of a customer says, in English and German: what a filter has
 * against it, whose it is, and how it can still be sent. Pure.
 */
import { inLanguages } from './notice-words.ts';
import type { Language, ReportLanguage } from './report-words.ts';
import type { FilledTemplate } from './template.ts';

export type CaughtAs = 'spam' | 'virus' | 'other';

export interface CaughtFacts {
  readonly as: CaughtAs;
  readonly id: string;
  readonly account: string;
  readonly client: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  /** What the filter says. */
  readonly finding: string;
  readonly keepDays: number;
  /** By answering the report. */
  readonly mayAsk: boolean;
}

interface Words {
  readonly subject: Readonly<Record<CaughtAs, string>>;
  readonly because: Readonly<Record<CaughtAs, string>>;
  /** Account, client, sender, recipients and filter, all of one width. */
  readonly names: readonly [string, string, string, string, string];
  readonly findOut: string;
  readonly ask: (id: string) => string;
  readonly askOperator: (id: string) => string;
  readonly deleted: (days: number) => string;
}

const NAMED_RECIPIENTS = 10;

const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    subject: {
      spam: 'Spam from ACCOUNT was not sent',
      virus: 'Virus from ACCOUNT was not sent',
      other: 'Mail from ACCOUNT was not sent',
    },
    because: {
      spam: 'A message from one of your senders was not sent, because a filter takes it for spam:',
      virus:
        'A message from one of your senders was not sent, because a filter found a virus in it:',
      other: 'A message from one of your senders was not sent, because a filter keeps it back:',
    },
    names: ['account:   ', 'client:    ', 'sender:    ', 'recipients:', 'filter:    '],
    findOut: 'Find out who or what sent it: a mailbox or a machine may be in the hands of others.',
    ask: (id) =>
      `If it is good mail, ask for ${id} by answering this message; leave its subject as it is. The operator of this gateway decides.`,
    askOperator: (id) => `If it is good mail, ask the operator of this gateway to release ${id}.`,
    deleted: (days) => `It is deleted after ${days} days.`,
  },
  de: {
    subject: {
      spam: 'Spam von ACCOUNT wurde nicht versendet',
      virus: 'Virus von ACCOUNT wurde nicht versendet',
      other: 'Mail von ACCOUNT wurde nicht versendet',
    },
    because: {
      spam: 'Eine Nachricht eines Ihrer Absender wurde nicht versendet, weil ein Filter sie für Spam hält:',
      virus:
        'Eine Nachricht eines Ihrer Absender wurde nicht versendet, weil ein Filter einen Virus darin gefunden hat:',
      other:
        'Eine Nachricht eines Ihrer Absender wurde nicht versendet, weil ein Filter sie zurückhält:',
    },
    names: ['Konto:     ', 'Client:    ', 'Absender:  ', 'Empfänger: ', 'Filter:    '],
    findOut:
      'Finden Sie heraus, wer oder was sie gesendet hat: ein Postfach oder ein Rechner kann in fremden Händen sein.',
    ask: (id) =>
      `Ist es erwünschte Mail, bitten Sie um ${id}, indem Sie auf diese Nachricht antworten; lassen Sie den Betreff, wie er ist. Der Betreiber dieses Gateways entscheidet.`,
    askOperator: (id) =>
      `Ist es erwünschte Mail, bitten Sie den Betreiber dieses Gateways, ${id} freizugeben.`,
    deleted: (days) => `Nach ${days} Tagen wird sie gelöscht.`,
  },
};

export function caughtWords(facts: CaughtFacts, wanted: ReportLanguage): FilledTemplate {
  return inLanguages(wanted, (language) => filled(facts, WORDS[language]));
}

function filled(facts: CaughtFacts, words: Words): FilledTemplate {
  const { as, id, account, client, sender, recipients, finding, keepDays, mayAsk } = facts;
  const [ofAccount, ofClient, ofSender, ofRecipients, ofFilter] = words.names;
  const noName = ' '.repeat(ofRecipients.length);
  const named = recipients.slice(0, NAMED_RECIPIENTS);
  const more = recipients.length - named.length;
  return {
    subject: words.subject[as].replace('ACCOUNT', () => account),
    lines: [
      words.because[as],
      '',
      `  ${ofAccount} ${account}`,
      `  ${ofClient} ${client}`,
      `  ${ofSender} ${sender}`,
      // A line each: together they may be longer than a line can be (RFC 5322 2.1.1).
      ...named.map((one, index) => `  ${index === 0 ? ofRecipients : noName} ${one}`),
      ...(more > 0 ? [`  ${noName} + ${more}`] : []),
      `  ${ofFilter} ${finding}`,
      '',
      words.findOut,
      mayAsk ? words.ask(id) : words.askOperator(id),
      words.deleted(keepDays),
    ],
  };
}
