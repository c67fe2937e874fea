/**
 * Whether a refusal says that the address it came from stands on a block list. A pure function of its
 * words: a list and an address, or the one who connects, must both be spoken of, for a domain in a mail or
 * a sender may be listed too, and that is another matter.
 */
import type { Reply } from '../mail/reply.ts';
import { isPositive } from '../mail/reply.ts';

/** A reply may be long, and its words are the other side's. */
const MAX_READ = 600;

const LIST =
  /\b(?:block|black|deny|reject)[ -]?list(?:ed|ing)?\b|\b(?:dns|r|x)bl\b|\bspamhaus\b|\bspamcop\b|\bbarracudacentral\b|\bsorbs\b|\buceprotect\b|\babuseat\b|\binvaluement\b|\bmailspike\b|\bblocked using\b|\blisted (?:at|by|in|on)\b|\bbanned (?:list|sending)\b/;

const ADDRESS =
  /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b|\b(?:client|sending|connecting|sender|source|your|this|remote) (?:host|ip|ips|address|server|network)\b|\bip address\b/;

/** These speak of what is in the mail, or of who wrote it. */
const OF_THE_MAIL =
  /\b(?:urls?|uris?|links?|body|content|message contains|helo|domain of sender)\b/;

export function isListing(reply: Reply): boolean {
  if (isPositive(reply)) return false;
  const text = reply.lines.join(' ').slice(0, MAX_READ).toLowerCase();
  const about = text.replace(/https?:\/\/\S+/g, ' ');
  return LIST.test(text) && ADDRESS.test(about) && !OF_THE_MAIL.test(about);
}
