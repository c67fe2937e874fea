/**
 * All URIs of a message: its text and HTML parts, also attached as files and within attached mails,
 * decoded and read in bounded memory. Of very many the first and the last are kept. Rejects when the
 * content cannot be read whole.
 */
import type { Content } from 'sluice-mx/plugin';
import type { Part } from '../mime-walk.ts';
import { MimeWalk } from '../mime-walk.ts';
import type { Declared } from '../part-content.ts';
import { Ends } from './ends.ts';
import type { PageSign } from './html-links.ts';
import { linksInHtml } from './html-links.ts';
import type { Mention, RawMention } from './mention.ts';
import { nestedPlaces } from './nested.ts';
import { placeOf } from './place.ts';
import { urisInText } from './plain-text.ts';
import { textOf } from './text-of.ts';
import { Turn } from './turn.ts';

export interface MailLinks {
  readonly mentions: readonly Mention[];
  readonly signs: readonly PageSign[];
  /** Not all of it was looked at: too much text, too many parts or URIs, nested too deeply. */
  readonly isCut: boolean;
}

/** An option of those who look at URIs. */
export const MAX_TEXT = {
  type: 'size',
  default: '2MiB',
  doc: 'Text of one mail that is looked at, 1 MiB of each part.',
} as const;

/** What lies beyond is not looked at. */
const LIMITS = { parts: 2000, depth: 30, encoded: 2 };
/** Of one part, in octets. */
const MAX_PART = 1024 * 1024;
const MAX_MENTIONS = 2000;
const HTML_TYPE = /html|svg/;
const HTML_NAME = /\.(?:x?html?|shtml|xht|svg)\s*$/i;

/** `maxText`: decoded octets of all parts together. */
export async function linksOf(
  content: Content,
  maxText: number,
  signal: AbortSignal,
): Promise<MailLinks> {
  const found = new Ends<RawMention>(MAX_MENTIONS);
  const known = new Set<string>();
  const signs = new Set<PageSign>();
  let left = maxText;
  let isCut = false;
  const mention = (one: RawMention) => {
    // The same again says nothing new, unless it is shown in another way.
    const key = `${one.kind} ${one.isHidden === true} ${one.shown ?? ''} ${one.uri}`;
    if (known.has(key)) return;
    if (known.size < MAX_MENTIONS) known.add(key);
    found.add(one);
  };
  const reader = { mention, sign: (one: PageSign) => void signs.add(one) };
  const turn = new Turn(signal);
  const waiting: Part[] = [];
  const readParts = async () => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      for (const { pieces, isWhole } of part.kept) {
        const all = Buffer.concat(pieces);
        const bytes = all.subarray(0, Math.min(MAX_PART, left));
        isCut ||= !isWhole || bytes.length < all.length;
        left -= bytes.length;
        const text = textOf(bytes, part.charsets);
        if (isHtml(part, text)) await linksInHtml(text, reader, turn);
        else {
          for (const one of urisInText(text)) {
            mention(one);
            if (turn.isOver) await turn.next();
          }
        }
        await turn.next();
      }
    }
  };
  const isWanted = (_head: Buffer, declared: Declared) => {
    if (!isText(declared)) return false;
    isCut ||= left === 0;
    return left > 0;
  };
  const onPart = (part: Part) => {
    if (part.kept.length > 0) waiting.push(part);
  };
  const walk = new MimeWalk(LIMITS, onPart, { isWanted, probe: 1, limit: MAX_PART });
  let bytes = 0;
  for await (const chunk of content.read()) {
    signal.throwIfAborted();
    walk.push(chunk);
    bytes += chunk.length;
    await readParts();
    if (turn.isOver) await turn.next();
  }
  if (bytes !== content.sizeBytes) throw new Error('content is not whole');
  walk.end();
  await readParts();
  const mentions: Mention[] = [];
  for (const one of found.all()) {
    mentions.push(...mentionsOf(one));
    if (turn.isOver) await turn.next();
  }
  isCut ||= walk.problem !== undefined || found.count > MAX_MENTIONS;
  return { mentions, signs: [...signs], isCut };
}

function mentionsOf({ uri, base, ...raw }: RawMention): Mention[] {
  const place = placeOf(uri, base);
  if (place === undefined) return [];
  const within = nestedPlaces(place).map((one): Mention => ({ kind: 'nested', place: one }));
  return [{ ...raw, place }, ...within];
}

/** A type that is none is text for most programs. */
function isText({ types, names }: Declared): boolean {
  return (
    types.some((type) => type.startsWith('text/') || HTML_TYPE.test(type) || !type.includes('/')) ||
    names.some((name) => HTML_NAME.test(name))
  );
}

/** What says that it is plain text is shown as that, unless it is a file. */
function isHtml({ types, names }: Part, text: string): boolean {
  if (types.some((type) => HTML_TYPE.test(type)) || names.some((name) => HTML_NAME.test(name))) {
    return true;
  }
  return !types.includes('text/plain') && /^\s*<(?:!doctype|html|head|body)\b/i.test(text);
}
