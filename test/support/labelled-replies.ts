/**
 * The reply texts of ../shared/corpus with what they say about how a destination treats us: from the
 * labels that come with them, and where there are none, or they answer another question, from those
 * given here by hand.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hindrance } from '../../src/delivery/hindrance-signs.ts';
import { hindranceIn } from '../../src/delivery/hindrance-signs.ts';
import type { Reply } from '../../src/mail/reply.ts';
import { ReplyReader } from '../../src/smtp/reply-reader.ts';
import { CORPUS } from './corpus.ts';

type Label = Exclude<Hindrance, 'tarpits'> | 'neither';

export interface LabelledReply {
  readonly text: string;
  readonly reply: Reply;
  readonly label: Label;
}

export interface Measure {
  readonly replies: number;
  readonly right: number;
  readonly precision: number;
  readonly recall: number;
}

/** A text with one of these speaks of a limit, whatever its own label is about. */
const LIMITS_BY_HAND: readonly string[] = [
  'rate limited',
  'Error: too many errors',
  'excessive volume',
  'too many sessions from This IP',
  'unusual rate of mail',
  'receiving mail too quickly',
  'Peak SMTP relay limit',
  'Server busy. Please try again later from',
  'unexpected volume',
  'has sent too many messages this hour',
];
/** Its label says `toomanyconn`: it is about the recipients of one mail. */
const OF_ONE_MAIL = '552 Too many recipients';

export function labelledReplies(): LabelledReply[] {
  const found = [
    ...rows('greylist-replies.json').map((row) =>
      labelled(row, row['greylisting'] === true ? 'greylists' : 'neither'),
    ),
    ...rows('sisimai-replies.json').map((row) => {
      const limits = /"reason":"(?:speeding|toomanyconn)"/.test(JSON.stringify(row['expected']));
      return labelled(row, limits && row['reply'] !== OF_ONE_MAIL ? 'limits' : 'neither');
    }),
    ...rows('provider-replies-sisimai.json').map((row) => labelled(row, 'neither')),
    ...rows('zonemta-bounces-EUPL.json').map(({ comment, rule }) => {
      const kind = /,(greylist|rate),[^,]*$/.exec(String(rule))?.[1];
      const label = kind === undefined ? 'neither' : kind === 'rate' ? 'limits' : 'greylists';
      return labelled({ reply: comment }, label);
    }),
  ];
  const known = found.filter((one) => one !== undefined);
  return [...new Map(known.map((one) => [one.text, one])).values()];
}

export function measure(all: readonly LabelledReply[], label: Label): Measure {
  const told = all.filter(({ reply }) => (hindranceIn(reply) ?? 'neither') === label);
  const meant = all.filter((one) => one.label === label);
  const right = told.filter((one) => one.label === label).length;
  return {
    replies: meant.length,
    right,
    precision: right / told.length,
    recall: right / meant.length,
  };
}

type Row = Readonly<Record<string, unknown>>;

function rows(file: string): Row[] {
  return JSON.parse(readFileSync(join(CORPUS, 'reply-texts', file), 'utf8')) as Row[]; // a corpus file
}

function labelled({ reply: given }: Row, label: Label): LabelledReply | undefined {
  const text = String(given).trim();
  const reply = parsed(text);
  if (reply === undefined) return undefined;
  const byHand = LIMITS_BY_HAND.some((words) => text.includes(words));
  return { text, reply, label: label === 'neither' && byHand ? 'limits' : label };
}

/** As it would come over the wire; undefined when it is no reply. */
function parsed(text: string): Reply | undefined {
  let found: Reply | undefined;
  const reader = new ReplyReader((reply) => {
    found = reply;
    return true;
  });
  // Lines were joined: a code with a hyphen begins each of them but the last.
  const joined = text.replace(/^(\d{3})-/, '$1 ');
  if (!/^[45]\d\d /.test(joined)) return undefined;
  reader.push(Buffer.from(`${joined}\r\n`));
  return found;
}
