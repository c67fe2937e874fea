/**
 * What a reply says about how a destination treats us, as a pure function: it greylists us, it
 * limits how much we may bring, or it is not set up to take our mail at all. Read from enhanced codes where they are unmistakable, else from the
 * words of common servers. A reply about one message, one mailbox or one sender is no sign.
 */
import { isOfConversation, isPositive, isTemporary } from '../mail/reply.ts';
import type { Reply } from '../mail/reply.ts';

/** `tarpits` is told from times, never from words: see reply-times.ts. */
export type Hindrance = 'greylists' | 'limits' | 'unprepared' | 'tarpits';

/** A reply may be long, and its words are the destination's. */
const MAX_READ = 600;

/** Mail flood detected (IANA registry of RFC 5248); Exchange Online throttles with 4.7.500 and 4.7.6xx. */
const LIMIT_CODE = /^(?:[45]\.7\.28|4\.7\.500|4\.7\.6[0-9]{2})$/;

const GREYLIST_WORDS: readonly RegExp[] = [
  /gr[ea]y-?\s?list/,
  /\bgr[ea]y\.rbl\b/,
  /come back (?:later|in \d)/,
  // rspamd, Plesk, OpenBSD spamd, cPanel, hMailServer and gld put it in these very words.
  /^(?:please )?try again later\.?$/,
  /^service (?:temporarily )?unavailable(?: -|,)(?: please)? try (?:again )?later\.?$/,
  /^temporary failure, please try again later\.?$/,
  /^temporarily unable to process your email\. please try again later\.?$/,
  /^this mail is temporarily denied/,
  /\btriplet\b|\bfirst time (?:sender|seen)\b/,
  // Postfix postscreen after its tests of a client's protocol: at the next connection it lets in.
  /^service currently unavailable\.?$/,
  /mimecast\.com\/docs\/doc-1369#451|mimecast\.com\/.*#451/,
];

const LIMIT_WORDS: readonly RegExp[] = [
  /\brate[- ]?limit(?:ed|ing)?\b|\bthrottl(?:ed|ing)\b/,
  /\b(?:submission|connection|message|sending|unusual|sender|client) rate\b/,
  /\bat a rate that\b|\bmail too quickly\b|\btoo (?:quickly|fast)\b/,
  /\btoo many (?:[\w-]+ ){0,3}(?:connections?|sessions?|messages?|mails?)\b/,
  /\btoo much mail\b|\btoo many (?:new tls sessions|errors)\b/,
  /\btoo many recipients from\b/,
  /\bmaximum number of (?:concurrent )?connections\b|\bconnection limit\b/,
  /\b(?:concurrent|simultaneous) (?:smtp )?(?:connections|sessions)\b/,
  /\bunexpected volume\b|\bexcessive volume\b/,
  /\b(?:relay|hourly|daily|sending) limit\b/,
  /\bdyn:t\d/,
  /^server busy\. please try again later from\b/,
];

/** Limits on what a single mail may hold, on a mailbox, or on logins. */
const NOT_ABOUT_US = /too many (?:login|recipients(?! from)|hops)|over quota|mailbox (?:is )?full/;

export function hindranceIn(reply: Reply): Exclude<Hindrance, 'tarpits'> | undefined {
  if (isPositive(reply)) return undefined;
  const { enhanced = '' } = reply;
  // Without the addresses, in which any word may stand.
  const said = reply.lines
    .join(' ')
    .slice(0, MAX_READ)
    .replace(/\S*@\S*/g, '');
  const text = said.trim().toLowerCase();
  if (NOT_ABOUT_US.test(text)) return undefined;
  // A refusal for good is no greylisting; that it came too fast, some servers say for good.
  if (isTemporary(reply) && GREYLIST_WORDS.some((words) => words.test(text))) return 'greylists';
  const isLimit = LIMIT_CODE.test(enhanced) || LIMIT_WORDS.some((words) => words.test(text));
  if (isLimit) return 'limits';
  return isOfConversation(reply, 'commands') ? 'unprepared' : undefined;
}
